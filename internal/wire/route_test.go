package wire

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// request splits "PUT bucket ?acl header: value" into what Route takes.
func request(t *testing.T, line string) (method string, level op.Level, q Query, h http.Header) {
	t.Helper()
	words := strings.Fields(line)
	level = map[string]op.Level{"service": op.LevelService, "bucket": op.LevelBucket, "object": op.LevelObject}[words[1]]
	h = http.Header{}
	for i := 2; i < len(words); i++ {
		if raw, ok := strings.CutPrefix(words[i], "?"); ok {
			var err error
			if q, err = ParseQuery(raw); err != nil {
				t.Fatal(err)
			}
			continue
		}
		i++
		h.Add(strings.TrimSuffix(words[i-1], ":"), words[i])
	}
	return words[0], level, q, h
}

func TestRoute(t *testing.T) {
	tests := []struct {
		line string
		want op.ID
	}{
		{"GET service", op.ListBuckets},
		{"GET service ?offset=0&limit=", op.ListBuckets},
		{"GET service ?location", op.ListLocations},
		{"GET service ?location&lang=zh-cn", op.ListLocations},
		{"PUT bucket", op.PutBucket},
		{"HEAD bucket", op.HeadBucket},
		{"DELETE bucket", op.DeleteBucket},
		{"GET bucket", op.ListObjects},
		{"GET bucket ?prefix=&marker=&delimiter=", op.ListObjects},
		{"GET bucket ?tagging", op.ListObjects},
		{"GET bucket ?ACL", op.ListObjects},
		{"GET bucket ?stats", op.GetBucketStatistics},
		{"POST bucket ?delete", op.DeleteMultipleObjects},
		{"POST bucket ?delete=", op.DeleteMultipleObjects},
		{"GET bucket ?uploads&limit=1", op.ListMultipartUploads},
		{"PUT bucket ?acl", op.PutBucketACL},
		{"PUT bucket ?acl=", op.PutBucketACL},
		{"PUT bucket ?acl&", op.PutBucketACL},
		{"GET bucket ?acl", op.GetBucketACL},
		{"GET bucket ?cors&acl", op.GetBucketACL},
		{"DELETE bucket ?cname", op.DeleteBucketCNAME},
		{"GET bucket ?cname&type=website", op.GetBucketCNAME},
		{"GET bucket ?versions&key_marker=k", op.ListObjectVersions},
		{"PUT bucket ?versioning", op.PutBucketVersioning},
		{"POST bucket Content-Type: multipart/form-data;boundary=x", op.PostObject},
		{"PUT object", op.PutObject},
		{"PUT object ?foo=bar", op.PutObject},
		{"PUT object ?access_key_id=a&expires=1&signature=s", op.PutObject},
		{"PUT object ?&", op.PutObject},
		{"PUT object x-qs-copy-source: /b/k", op.CopyObject},
		{"PUT object X-QS-Copy-Source: /b/k", op.CopyObject},
		{"PUT object x-qs-move-source: /b/k", op.MoveObject},
		{"PUT object x-qs-fetch-source: http://h/", op.FetchObject},
		{"PUT bucket ?acl x-qs-copy-source: /b/k", op.PutBucketACL},
		{"GET object", op.GetObject},
		{"GET object x-qs-copy-source: /b/k", op.GetObject},
		{"GET object ?response-content-type=a&version_id=", op.GetObject},
		{"GET object ?part_number=1", op.GetObject},
		{"GET object ?action=info", op.GetObject},
		{"GET object ?image&action=info", op.ImageProcess},
		{"GET object ?image", op.ImageProcess},
		{"HEAD object", op.HeadObject},
		{"DELETE object", op.DeleteObject},
		{"DELETE object ?version_id=", op.DeleteObject},
		{"PUT object ?version_id=1", op.PutObject},
		{"OPTIONS object", op.OptionsObject},
		{"OPTIONS object ?uploads", op.OptionsObject},
		{"OPTIONS object ?acl", op.OptionsObject},
		{"OPTIONS bucket", op.OptionsObject},
		{"OPTIONS bucket ?delete", op.OptionsObject},
		{"POST object ?append&position=0", op.AppendObject},
		{"POST object ?append", op.AppendObject},
		{"POST object ?uploads", op.InitiateMultipartUpload},
		{"PUT object ?upload_id=u&part_number=0", op.UploadMultipart},
		{"PUT object ?part_number=0&upload_id=u", op.UploadMultipart},
		{"PUT object ?upload_id=&part_number=", op.UploadMultipart},
		{"PUT object ?upload_id=u", op.UploadMultipart},
		{"PUT object ?upload_id=u&part_number=0 x-qs-copy-source: /b/k", op.CopyPart},
		{"GET object ?upload_id=u&limit=0", op.ListMultipart},
		{"POST object ?upload_id=u", op.CompleteMultipartUpload},
		{"DELETE object ?upload_id=u", op.AbortMultipartUpload},
	}
	for _, test := range tests {
		method, level, q, h := request(t, test.line)
		if got, err := Route(method, level, q, h); err != nil || got != test.want {
			t.Errorf("Route(%s) = %v, %v; want %v", test.line, got, err, test.want)
		}
	}
}

func TestRouteRefuses(t *testing.T) {
	tests := []struct {
		line string
		want fault.Code
		says string
	}{
		{"PUT service", fault.MethodNotAllowed, "only GET"},
		{"OPTIONS service", fault.MethodNotAllowed, "OPTIONS"},
		{"PATCH object", fault.MethodNotAllowed, "only DELETE, GET, HEAD, OPTIONS, PUT"},
		{"CONNECT service", fault.MethodNotAllowed, "CONNECT"},
		{"get object", fault.MethodNotAllowed, "get"},
		{"POST object", fault.MethodNotAllowed, "an object takes no POST"},
		{"POST bucket", fault.MethodNotAllowed, "multipart/form-data"},
		{"POST bucket Content-Type: application/json", fault.MethodNotAllowed, "multipart/form-data"},
		{"PUT object ?acl", fault.MethodNotAllowed, "acl belongs to a bucket"},
		{"GET service ?acl", fault.MethodNotAllowed, "acl belongs to a bucket"},
		{"GET bucket ?image", fault.MethodNotAllowed, "image belongs to an object"},
		{"GET bucket ?location", fault.MethodNotAllowed, "location belongs to the service"},
		{"DELETE object ?delete", fault.MethodNotAllowed, "delete belongs to a bucket"},
		{"DELETE bucket ?acl", fault.MethodNotAllowed, "only GET, PUT"},
		{"HEAD bucket ?acl", fault.MethodNotAllowed, "only GET, PUT"},
		{"PUT bucket ?stats", fault.MethodNotAllowed, "only GET"},
		{"PUT bucket ?uploads", fault.MethodNotAllowed, "only GET"},
		{"GET object ?uploads", fault.MethodNotAllowed, "only POST"},
		{"PUT object ?append&position=0", fault.MethodNotAllowed, "only POST"},
		{"HEAD object ?upload_id=u", fault.MethodNotAllowed, "DELETE, GET, POST, PUT"},
		{"PUT object ?tagging", fault.InvalidArgument, `"tagging"`},
		{"PUT object ?tagging=", fault.InvalidArgument, `"tagging"`},
		{"DELETE bucket ?encryption", fault.InvalidArgument, `"encryption"`},
		{"DELETE object ?ACL", fault.InvalidArgument, `"ACL"`},
		{"PUT object ?version_id=", fault.InvalidArgument, `"version_id"`},
		{"PUT bucket ?acl&cors", fault.InvalidArgument, `"cors"`},
		{"PUT bucket ?acl&tagging", fault.InvalidArgument, `"tagging"`},
		{"POST object ?uploads&x", fault.InvalidArgument, `"x"`},
		{"PUT object ?part_number=1", fault.InvalidArgument, "part_number goes with upload_id"},
		{"PUT object ?part_number=", fault.InvalidArgument, "part_number"},
		{"PUT object x-qs-copy-source: /b/k x-qs-move-source: /b/k", fault.InvalidArgument, "only one"},
		{"PUT object x-qs-fetch-source: /b/k x-qs-move-source: /b/k", fault.InvalidArgument, "only one"},
		{"PUT object ?upload_id=u&part_number=0 x-qs-move-source: /b/k", fault.InvalidArgument, "X-Qs-Move-Source"},
	}
	for _, test := range tests {
		method, level, q, h := request(t, test.line)
		got, err := Route(method, level, q, h)
		if fault.CodeOf(err) != test.want || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Route(%s) = %v, %v; want %s with %q", test.line, got, err, test.want, test.says)
		}
	}
}

// TestSubresourcesAreThoseOfTheContract holds the order of dispatch to the table of operations.
func TestSubresourcesAreThoseOfTheContract(t *testing.T) {
	for level := range subresources {
		var want []string
		for _, info := range op.Table[1:] {
			if int(info.Level) == level && len(info.Query) > 0 && !slices.Contains(want, info.Query[0]) {
				want = append(want, info.Query[0])
			}
		}
		got := slices.Sorted(slices.Values(subresources[level]))
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("sub-resources of level %d are %v; the contract has %v", level, got, want)
		}
	}
}

// TestEveryOperationHasARoute sends what the table of operations says.
func TestEveryOperationHasARoute(t *testing.T) {
	for _, info := range op.Table[1:] {
		var q Query
		for _, name := range info.Query {
			q = append(q, Param{Name: name, Value: "1"})
		}
		h := http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}
		if info.Selector != "" {
			h.Set(info.Selector, "/bucket1/k")
		}
		if got, err := Route(info.Method, info.Level, q, h); err != nil || got != info.ID {
			t.Errorf("Route of %s = %v, %v", info.Name, got, err)
		}
	}
}

// FuzzRoute checks that an operation is only chosen by its own method and level.
func FuzzRoute(f *testing.F) {
	f.Add("PUT", uint8(op.LevelObject), "upload_id=u&part_number=1", "/b/k")
	f.Add("POST", uint8(op.LevelBucket), "delete&x", "")
	f.Fuzz(func(t *testing.T, method string, level uint8, query, source string) {
		q, err := ParseQuery(query)
		if err != nil {
			return
		}
		h := http.Header{}
		if source != "" {
			h.Set("x-qs-copy-source", source)
		}
		l := op.Level(level % uint8(len(subresources)))
		id, err := Route(method, l, q, h)
		if err != nil {
			if c := fault.CodeOf(err); c != fault.MethodNotAllowed && c != fault.InvalidArgument {
				t.Errorf("Route(%q, %v, %q): %v", method, l, query, err)
			}
			return
		}
		if info := op.Table[id]; info.Method != method || info.Level != l && id != op.OptionsObject {
			t.Errorf("Route(%q, %v, %q) = %v", method, l, query, id)
		}
	})
}
