package interop

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/qingstor/qingstor-sdk-go/v4/client/upload"
	"github.com/qingstor/qingstor-sdk-go/v4/config"
	qserrors "github.com/qingstor/qingstor-sdk-go/v4/request/errors"
	"github.com/qingstor/qingstor-sdk-go/v4/service"
)

// TestOfficialGoSDK uses qingstor-sdk-go in both addressing styles.
func TestOfficialGoSDK(t *testing.T) {
	for _, style := range []struct {
		name    string
		virtual bool
	}{{"path", false}, {"virtual host", true}} {
		t.Run(style.name, func(t *testing.T) {
			s, err := service.Init(goConfig(t, style.virtual))
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("interop-go-%t", style.virtual)
			b, err := s.Bucket(name, zone)
			if err != nil {
				t.Fatal(err)
			}
			goQuickStart(t, s, b, name)
			goObjects(t, b)
			goMultipart(t, b)
			goCopyAndMove(t, b, name)
			goEnd(t, b)
			name = "interop-go-scenarios"
			if b, err = s.Bucket(name, zone); err != nil {
				t.Fatal(err)
			}
			goScenarios(t, goBucket{b, name})
		})
	}
}

// goConfig is for the SDK as it comes.
func goConfig(t *testing.T, virtual bool) *config.Config {
	t.Helper()
	c, err := config.New(keyID, secret)
	if err != nil {
		t.Fatal(err)
	}
	c.Protocol, c.Host, c.EnableVirtualHostStyle = "http", domain, virtual
	if c.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	c.LogLevel = "fatal"
	c.Connection = goClient()
	return c
}

// goClient resolves all names to the server.
func goClient() *http.Client {
	var d net.Dialer
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if !strings.Contains(addr, domain) {
				return nil, fmt.Errorf("the SDK dials %s, want a name under %s", addr, domain)
			}
			return d.DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}}
}

func goQuickStart(t *testing.T, s *service.Service, b *service.Bucket, name string) {
	t.Helper()
	if _, err := b.Put(); err != nil {
		t.Fatalf("create bucket: %v", err)
	}
	var known *qserrors.QingStorError
	if _, err := b.Put(); !errors.As(err, &known) || known.Code != "bucket_already_exists" || known.StatusCode != http.StatusConflict {
		t.Errorf("create it again: %v; want bucket_already_exists", err)
	}
	list, err := s.ListBuckets(&service.ListBucketsInput{Location: new(zone)})
	if err != nil {
		t.Fatalf("list buckets: %v", err)
	}
	found := false
	for _, x := range list.Buckets {
		found = found || *x.Name == name && *x.Location == zone
	}
	if !found {
		t.Errorf("list buckets does not name %s", name)
	}
	if _, err := b.Head(); err != nil {
		t.Errorf("head bucket: %v", err)
	}
	stats, err := b.GetStatistics()
	if err != nil || *stats.Count != 0 || *stats.Status != "active" {
		t.Errorf("statistics of a new bucket: %+v, %v", stats, err)
	}
	_, err = b.PutACL(&service.PutBucketACLInput{ACL: []*service.ACLType{{
		Grantee: &service.GranteeType{Type: new("group"), Name: new("QS_ALL_USERS")}, Permission: new("READ"),
	}}})
	if err != nil {
		t.Errorf("put acl: %v", err)
	}
	acl, err := b.GetACL()
	if err != nil || len(acl.ACL) != 2 {
		t.Errorf("get acl: %+v, %v; want the owner and QS_ALL_USERS", acl, err)
	}
}

func goObjects(t *testing.T, b *service.Bucket) {
	t.Helper()
	keys := []string{"a.txt", "dir/中文 (v1).txt", "dir/plus+and=and&and%41", "dir/sub/😀", "<>?:\"{}|\\^`~-0", "trailing "}
	for _, key := range keys {
		body := "content of " + key
		put, err := b.PutObject(key, &service.PutObjectInput{
			Body: strings.NewReader(body), ContentType: new("text/plain"),
			XQSStorageClass: new("STANDARD_IA"),
			XQSMetaData:     &map[string]string{"x-qs-meta-author": "team-a"},
		})
		if err != nil {
			t.Fatalf("put %q: %v", key, err)
		}
		if want := fmt.Sprintf(`"%x"`, md5.Sum([]byte(body))); *put.ETag != want {
			t.Errorf("put %q: ETag %s, want %s", key, *put.ETag, want)
		}
		get, err := b.GetObject(key, nil)
		if err != nil {
			t.Fatalf("get %q: %v", key, err)
		}
		got, err := io.ReadAll(get.Body)
		if err != nil || string(got) != body {
			t.Errorf("get %q: %q, %v", key, got, err)
		}
		_ = get.Close() // it was read to its end
		head, err := b.HeadObject(key, nil)
		if err != nil || *head.ContentLength != int64(len(body)) || *head.XQSStorageClass != "STANDARD_IA" || (*head.XQSMetaData)["x-qs-meta-author"] != "team-a" {
			t.Errorf("head %q: %+v, %v", key, head, err)
		}
	}
	part, err := b.GetObject("a.txt", &service.GetObjectInput{Range: new("bytes=3-6")})
	if err != nil {
		t.Fatalf("get a range: %v", err)
	}
	if got, err := io.ReadAll(part.Body); err != nil || string(got) != "tent" || *part.StatusCode != 206 {
		t.Errorf("get a range: %q, %v", got, err)
	}
	list, err := b.ListObjects(&service.ListObjectsInput{Delimiter: new("/"), Limit: new(1000)})
	if err != nil || len(list.Keys) != len(keys)-3 || len(list.CommonPrefixes) != 1 || *list.HasMore {
		t.Errorf("list with delimiter: %+v, %v", list, err)
	}
	deleted, err := b.DeleteMultipleObjects(&service.DeleteMultipleObjectsInput{Objects: []*service.KeyType{{Key: &keys[1]}, {Key: new("never there")}}})
	if err != nil || len(deleted.Deleted) != 2 || len(deleted.Errors) != 0 {
		t.Errorf("delete multiple: %+v, %v", deleted, err)
	}
	var known *qserrors.QingStorError
	if _, err := b.GetObject(keys[1], nil); !errors.As(err, &known) || known.Code != "object_not_exists" {
		t.Errorf("get a deleted object: %v; want object_not_exists", err)
	}
	if _, err := b.HeadObject(keys[1], nil); !errors.As(err, &known) || known.StatusCode != http.StatusNotFound {
		t.Errorf("head a deleted object: %v; want 404", err)
	}
}

func goMultipart(t *testing.T, b *service.Bucket) {
	t.Helper()
	data := make([]byte, 9<<20+7)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	if err := upload.Init(b, 4<<20).Upload(bytes.NewReader(data), "big.bin"); err != nil {
		t.Fatalf("upload in parts: %v", err)
	}
	get, err := b.GetObject("big.bin", nil)
	if err != nil {
		t.Fatalf("get big.bin: %v", err)
	}
	got, err := io.ReadAll(get.Body)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("big.bin came back with %d bytes, %v; want the %d that went up", len(got), err, len(data))
	}
	_ = get.Close() // it was read to its end
	up, err := b.InitiateMultipartUpload("later.bin", nil)
	if err != nil {
		t.Fatalf("initiate: %v", err)
	}
	uploads, err := b.ListMultipartUploads(nil)
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadID != *up.UploadID {
		t.Errorf("list uploads: %+v, %v", uploads, err)
	}
	for range 2 { // the SDK's own scenarios abort twice
		if _, err := b.AbortMultipartUpload("later.bin", &service.AbortMultipartUploadInput{UploadID: up.UploadID}); err != nil {
			t.Errorf("abort: %v", err)
		}
	}
}

func goCopyAndMove(t *testing.T, b *service.Bucket, name string) {
	t.Helper()
	for _, key := range []string{"a.txt", "dir/plus+and=and&and%41"} {
		if _, err := b.PutObject("copied", &service.PutObjectInput{XQSCopySource: new("/" + name + "/" + key)}); err != nil {
			t.Errorf("copy %q: %v", key, err)
		}
	}
	if _, err := b.PutObject("moved", &service.PutObjectInput{XQSMoveSource: new("/" + name + "/copied")}); err != nil {
		t.Errorf("move: %v", err)
	}
	if _, err := b.HeadObject("copied", nil); err == nil {
		t.Error("the source of a move is still there")
	}
	r, _, err := b.GetObjectRequest("moved", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Build(); err != nil {
		t.Fatalf("build a request: %v", err)
	}
	if err := r.SignQuery(600); err != nil {
		t.Fatalf("sign a link: %v", err)
	}
	if err := r.Send(); err != nil {
		t.Errorf("get by a signed link: %v", err)
	}
}

func goEnd(t *testing.T, b *service.Bucket) {
	t.Helper()
	var known *qserrors.QingStorError
	if _, err := b.Delete(); !errors.As(err, &known) || known.Code != "bucket_not_empty" {
		t.Errorf("delete a full bucket: %v; want bucket_not_empty", err)
	}
	list, err := b.ListObjects(&service.ListObjectsInput{Limit: new(1000)})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list.Keys {
		if _, err := b.DeleteObject(*k.Key); err != nil {
			t.Errorf("delete %q: %v", *k.Key, err)
		}
	}
	if _, err := b.Delete(); err != nil {
		t.Errorf("delete bucket: %v", err)
	}
}
