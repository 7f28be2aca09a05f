package wire

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// newRequest makes a request for a codec: a query, headers as "Name: value" and a body.
func newRequest(t *testing.T, query, body string, headers ...string) *Request {
	t.Helper()
	q, err := ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	h := make(http.Header)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return &Request{
		Bucket: "photos", Key: "a/b.txt", Query: q, Header: h,
		Body: strings.NewReader(body), ContentLength: int64(len(body)),
	}
}

// wantFault checks code and message of an error.
func wantFault(t *testing.T, err error, code fault.Code, part string) {
	t.Helper()
	if fault.CodeOf(err) != code || !strings.Contains(fmt.Sprint(err), part) {
		t.Errorf("got error %v; want %s with %q", err, code, part)
	}
}

func TestDecodeReadsEveryPlace(t *testing.T) {
	r := newRequest(t, "x=1", "hello",
		"Content-MD5: abc", "content-type: text/plain", "X-QS-Storage-Class: STANDARD_IA",
		"x-qs-meta-Colour: red", "X-Qs-Meta-size: XL", "If-None-Match: *")
	got, err := CodecOf(op.PutObject).Decode(r)
	if err != nil {
		t.Fatal(err)
	}
	want := &op.PutObjectInput{
		Bucket: "photos", Key: "a/b.txt", ContentMD5: "abc", ContentType: "text/plain",
		StorageClass: "STANDARD_IA", Metadata: map[string]string{"colour": "red", "size": "XL"},
		IfNoneMatch: "*", Body: r.Body, ContentLength: 5,
	}
	same := cmp.Comparer(func(a, b io.Reader) bool { return a == b })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeOfQuery(t *testing.T) {
	zero, seven, full := int64(0), int64(7), int64(1000)
	tests := []struct {
		query         string
		marker, limit *int64
	}{
		{"upload_id=u", nil, nil},
		{"upload_id=u&limit=&part_number_marker=", nil, nil},
		{"upload_id=u&limit=0&part_number_marker=0", &zero, &zero},
		{"upload_id=u&limit=7&part_number_marker=7", &seven, &seven},
		{"upload_id=u&limit=5000", nil, &full},
		{"upload_id=u&limit=99999999999999999999", nil, &full},
	}
	for _, tt := range tests {
		got, err := CodecOf(op.ListMultipart).Decode(newRequest(t, tt.query, ""))
		want := &op.ListMultipartInput{
			Bucket: "photos", Key: "a/b.txt", UploadID: "u", PartNumberMarker: tt.marker, Limit: tt.limit,
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tt.query, err, diff)
		}
	}
}

func TestDecodeKnowsOtherSpellings(t *testing.T) {
	got, err := CodecOf(op.ListObjectVersions).Decode(newRequest(t, "versions&version-id-marker=v1", ""))
	if err != nil || got.(*op.ListObjectVersionsInput).VersionIDMarker != "v1" {
		t.Errorf("got %+v, %v; want version id marker v1", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name string
		id   op.ID
		req  *Request
		part string
	}{
		{"a limit that is no number", op.ListObjects, newRequest(t, "limit=ten", ""), `limit: got "ten"; want an integer of at least 0`},
		{"a negative limit", op.ListObjects, newRequest(t, "limit=-1", ""), "limit: got -1; want an integer of at least 0"},
		{"a part number out of range", op.UploadMultipart, newRequest(t, "upload_id=u&part_number=10001", ""), "part_number: got 10001; want an integer from 0 to 10000"},
		{"a missing part number", op.UploadMultipart, newRequest(t, "upload_id=u&part_number=", ""), "part_number is missing or empty"},
		{"an empty upload id", op.UploadMultipart, newRequest(t, "upload_id=&part_number=1", ""), "upload_id is missing or empty"},
		{"a condition of a copy that is no date", op.CopyObject, newRequest(t, "", "",
			"x-qs-copy-source: /a/b", "x-qs-copy-source-if-modified-since: yesterday"), "If-Modified-Since: got \"yesterday\"; want a date"},
		{"a preflight without origin", op.OptionsObject, newRequest(t, "", "", "Access-Control-Request-Method: PUT"), "Origin is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := CodecOf(tt.id).Decode(tt.req)
			wantFault(t, err, fault.InvalidArgument, tt.part)
		})
	}
}

func TestConditionOfReadThatIsNoDateIsIgnored(t *testing.T) {
	got, err := CodecOf(op.GetObject).Decode(newRequest(t, "", "", "If-Modified-Since: yesterday"))
	if err != nil || !got.(*op.GetObjectInput).IfModifiedSince.IsZero() {
		t.Errorf("got %+v, %v; want a zero time", got, err)
	}
}

func TestDecodeOfJSON(t *testing.T) {
	tests := []struct {
		name string
		id   op.ID
		body string
		want any
	}{
		{
			"null is absent", op.PutBucketACL, `{"acl": null, "later": {"x": [1, {}]}}`,
			&op.PutBucketACLInput{Bucket: "photos"},
		},
		{
			"one or many", op.PutBucketPolicy,
			`{"statement":[{"id":"s","user":"*","effect":"allow","action":["get_object","head_object"],"resource":null}]}`,
			&op.PutBucketPolicyInput{Bucket: "photos", Statement: []op.Statement{{
				ID: "s", User: op.StringList{"*"}, Effect: "allow", Action: op.StringList{"get_object", "head_object"},
			}}},
		},
		{
			"part numbers from 0", op.CompleteMultipartUpload, `{"object_parts":[{"part_number":0},{"part_number":2,"etag":"\"x\"","size":9}]}`,
			&op.CompleteMultipartUploadInput{
				Bucket: "photos", Key: "a/b.txt", UploadID: "u",
				ObjectParts: []op.CompletedPart{{}, {PartNumber: 2, ETag: `"x"`}},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CodecOf(tt.id).Decode(newRequest(t, "upload_id=u", tt.body))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestDecodeRefusesJSON(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	tests := []struct {
		name, body string
		code       fault.Code
		part       string
	}{
		{"nothing", "", fault.InvalidJSON, "the body is empty"},
		{"space", " \n", fault.InvalidJSON, "the body is empty"},
		{"text", "object_parts=1", fault.InvalidJSON, "not JSON"},
		{"half", `{"object_parts":[`, fault.InvalidJSON, "not JSON"},
		{"more", `{"object_parts":[{"part_number":1}]} x`, fault.InvalidJSON, "not JSON"},
		{"depth", `{"x":` + deep + `}`, fault.InvalidJSON, "deeper than 32"},
		{"bad UTF-8", "{\"x\":\"\xff\"}", fault.InvalidJSON, "UTF-8"},
		{"null", "null", fault.InvalidRequest, "the body: got null; want an object"},
		{"list", "[]", fault.InvalidRequest, "the body: got a list; want an object"},
		{"missing field", "{}", fault.InvalidRequest, "the body.object_parts is missing"},
		{"null for what is needed", `{"object_parts":null}`, fault.InvalidRequest, "object_parts: got null; want a list"},
		{"missing number", `{"object_parts":[{"part_number":1},{}]}`, fault.InvalidRequest, "object_parts[1].part_number is missing"},
		{"wrong type", `{"object_parts":[{"part_number":"1"}]}`, fault.InvalidRequest, "object_parts[0].part_number: got a string; want an integer"},
		{"fraction", `{"object_parts":[{"part_number":1.5}]}`, fault.InvalidRequest, "got 1.5; want an integer"},
		{"twice", `{"object_parts":[],"object_parts":[]}`, fault.InvalidRequest, "stands there twice"},
		{"too long", `{"x":"` + strings.Repeat("x", maxJSONBytes) + `"}`, fault.InvalidRequest, "want at most 2097152"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(t, "upload_id=u", tt.body)
			_, err := CodecOf(op.CompleteMultipartUpload).Decode(r)
			wantFault(t, err, tt.code, tt.part)
			if r.ContentLength > maxJSONBytes {
				r = newRequest(t, "upload_id=u", tt.body)
				r.ContentLength = -1
				_, err = CodecOf(op.CompleteMultipartUpload).Decode(r)
				wantFault(t, err, tt.code, "longer than 2097152")
			}
		})
	}
}

func TestBodyThatBreaksOffIsIncomplete(t *testing.T) {
	r := newRequest(t, "delete", `{"objects":[]}`)
	r.ContentLength += 5
	_, err := CodecOf(op.DeleteMultipleObjects).Decode(r)
	wantFault(t, err, fault.IncompleteBody, "announced were 19")
	r = newRequest(t, "delete", "")
	r.Body = io.MultiReader(strings.NewReader("{"), brokenReader{io.ErrUnexpectedEOF})
	_, err = CodecOf(op.DeleteMultipleObjects).Decode(r)
	wantFault(t, err, fault.IncompleteBody, "ends after 1 bytes")
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestBodyIsComparedWithItsMD5(t *testing.T) {
	const body = `{"objects":[{"key":"a"}]}`
	sum := md5.Sum([]byte(body))
	tests := []struct {
		value string
		code  fault.Code // "" for none
		part  string
	}{
		{base64.StdEncoding.EncodeToString(sum[:]), "", ""},
		{hex.EncodeToString(sum[:]), "", ""},
		{base64.StdEncoding.EncodeToString(make([]byte, 16)), fault.BadDigest, "Content-MD5 says AAAA"},
		{"nonsense", fault.InvalidArgument, "want base64 of 16 bytes"},
		{base64.StdEncoding.EncodeToString(make([]byte, 15)), fault.InvalidArgument, "want base64 of 16 bytes"},
		{"", fault.InvalidArgument, "Content-MD5 is missing"},
	}
	for _, tt := range tests {
		_, err := CodecOf(op.DeleteMultipleObjects).Decode(newRequest(t, "delete", body, "Content-MD5: "+tt.value))
		if tt.code != "" {
			wantFault(t, err, tt.code, tt.part)
		} else if err != nil {
			t.Errorf("%s: %v", tt.value, err)
		}
	}
}

// TestParamsLeavesTheBodyAlone is what "100 Continue" rests on: who asks is checked
// before the body is read.
func TestParamsLeavesTheBodyAlone(t *testing.T) {
	for id := op.ID(1); id <= op.Count; id++ {
		if id == op.PostObject {
			continue // its caller is named in the body
		}
		r := newRequest(t, "upload_id=u&part_number=1&position=0&action=info", "", "Origin: x",
			"Access-Control-Request-Method: PUT", "x-qs-copy-source: /b/k", "x-qs-move-source: /b/k", "x-qs-fetch-source: http://x")
		r.Body = brokenReader{errors.New("somebody read the body")}
		if _, err := CodecOf(id).Params(r); err != nil {
			t.Errorf("%v: %v", id, err)
		}
	}
}

const formBody = "--xx\r\nContent-Disposition: form-data; name=\"KEY\"\r\n\r\ndir/${filename}\r\n" +
	"--xx\r\nContent-Disposition: form-data; name=\"X-QS-Meta-Colour\"\r\n\r\nred\r\n" +
	"--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\\\pics\\\\a.png\"\r\nContent-Type: image/png\r\n\r\nbytes\r\n" +
	"--xx\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nignored\r\n--xx--\r\n"

func TestDecodeOfForm(t *testing.T) {
	got, err := CodecOf(op.PostObject).Decode(newRequest(t, "", formBody, "Content-Type: multipart/form-data; boundary=xx"))
	if err != nil {
		t.Fatal(err)
	}
	in := got.(*op.PostObjectInput)
	data, err := io.ReadAll(in.Body)
	if string(data) != "bytes" || err != nil {
		t.Errorf("file: got %q, %v; want bytes", data, err)
	}
	in.Body = nil
	want := &op.PostObjectInput{
		Bucket: "photos", Key: "dir/${filename}", Metadata: map[string]string{"colour": "red"},
		ContentLength: -1, FileName: `C:\pics\a.png`, FileType: "image/png",
		Form: map[string]string{"key": "dir/${filename}", "x-qs-meta-colour": "red"},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefusesForm(t *testing.T) {
	part := func(name, value string) string {
		return "--xx\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	tests := []struct {
		name, kind, body string
		code             fault.Code
		part             string
	}{
		{"another type", "text/plain", formBody, fault.InvalidArgument, "want multipart/form-data"},
		{"no file", "multipart/form-data; boundary=xx", part("key", "k") + "--xx--", fault.InvalidArgument, "field file is missing"},
		{"no key", "multipart/form-data; boundary=xx", part("file", "k") + "--xx--", fault.InvalidArgument, "field key is missing"},
		{"a field twice", "multipart/form-data; boundary=xx", part("key", "k") + part("Key", "l") + "--xx--", fault.InvalidArgument, "twice"},
		{"a long field", "multipart/form-data; boundary=xx", part("key", strings.Repeat("k", maxFormBytes)) + "--xx--", fault.InvalidRequest, "more than 65536 bytes"},
		{"half a form", "multipart/form-data; boundary=xx", part("key", "k"), fault.IncompleteBody, "ends before its closing boundary"},
		{"many fields", "multipart/form-data; boundary=xx", manyFields(part) + "--xx--", fault.InvalidRequest, "more than 100 fields"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := CodecOf(op.PostObject).Decode(newRequest(t, "", tt.body, "Content-Type: "+tt.kind))
			wantFault(t, err, tt.code, tt.part)
		})
	}
}

func manyFields(part func(name, value string) string) string {
	var b strings.Builder
	for i := range 200 {
		b.WriteString(part(fmt.Sprint("field", i), "x"))
	}
	return b.String()
}

func TestEncodeOfHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	out := &op.GetObjectOutput{
		Status: 206, ETag: `"x"`, LastModified: time.Date(2024, 3, 5, 16, 15, 30, 5, time.FixedZone("", 8*3600)),
		ContentType: "text/plain", ContentLength: 2, ContentRange: "bytes 0-1/5", DeleteMarker: true,
		Metadata: map[string]string{"colour": "red"}, Body: io.NopCloser(strings.NewReader("he")),
	}
	if err := CodecOf(op.GetObject).Encode(w, out); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Etag": {`"x"`}, "Last-Modified": {"Tue, 05 Mar 2024 08:15:30 GMT"}, "Content-Type": {"text/plain"},
		"Content-Length": {"2"}, "Content-Range": {"bytes 0-1/5"}, "X-Qs-Delete-Marker": {"true"},
		"X-Qs-Meta-Colour": {"red"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" || w.Code != 206 || w.Body.String() != "he" {
		t.Errorf("status %d, body %q\n%s", w.Code, w.Body, diff)
	}
}

// closer notes that it was closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestEncodeOfNotModifiedHasNoBody(t *testing.T) {
	w, body := httptest.NewRecorder(), &closer{Reader: strings.NewReader("x")}
	err := CodecOf(op.GetObject).Encode(w, &op.GetObjectOutput{Status: 304, ETag: `"x"`, ContentLength: 1, Body: body})
	if err != nil || w.Code != 304 || w.Body.Len() > 0 || !body.closed || w.Header().Get("Content-Length") != "" {
		t.Errorf("got %v, status %d, body %q, closed %v, headers %v", err, w.Code, w.Body, body.closed, w.Header())
	}
}

func TestEncodeThatCannotReadWritesNothing(t *testing.T) {
	w, body := httptest.NewRecorder(), &closer{Reader: brokenReader{errors.New("bad disk")}}
	w.Code = 0
	err := CodecOf(op.GetObject).Encode(w, &op.GetObjectOutput{Body: body})
	if err == nil || !strings.Contains(err.Error(), "bad disk") || w.Code != 0 || !body.closed {
		t.Errorf("got %v, status %d, closed %v; want the error and no status", err, w.Code, body.closed)
	}
}

// TestEveryAnswerHasAType sends the empty output of every operation: clients die of
// answers without a Content-Type, and of empty ones that claim to be JSON.
func TestEveryAnswerHasAType(t *testing.T) {
	outputs := map[op.ID]any{
		op.PutBucket: &op.PutBucketOutput{}, op.HeadBucket: &op.HeadBucketOutput{}, op.DeleteBucket: &op.DeleteBucketOutput{},
		op.ListBuckets: &op.ListBucketsOutput{}, op.PutObject: &op.PutObjectOutput{}, op.GetObject: &op.GetObjectOutput{},
		op.HeadObject: &op.HeadObjectOutput{}, op.DeleteObject: &op.DeleteObjectOutput{}, op.AppendObject: &op.AppendObjectOutput{},
		op.InitiateMultipartUpload: &op.InitiateMultipartUploadOutput{}, op.CompleteMultipartUpload: &op.CompleteMultipartUploadOutput{},
	}
	for id, out := range outputs {
		w := httptest.NewRecorder()
		if err := CodecOf(id).Encode(w, out); err != nil {
			t.Fatal(err)
		}
		kind := w.Header().Get("Content-Type")
		if kind == "" || (kind == JSONType) != (w.Body.Len() > 0) {
			t.Errorf("%v: type %q with %d bytes", id, kind, w.Body.Len())
		}
		if w.Code != op.Table[id].Success[0] {
			t.Errorf("%v: status %d; want %d", id, w.Code, op.Table[id].Success[0])
		}
	}
}

func TestEncodeOfJSON(t *testing.T) {
	at := time.Date(2024, 3, 5, 8, 15, 30, 123456789, time.UTC)
	tests := []struct {
		name string
		id   op.ID
		out  any
		want string
	}{
		{
			"empty lists and strings are there", op.ListObjects, &op.ListObjectsOutput{Name: "b", Owner: op.Owner{ID: "u"}},
			`{"name":"b","prefix":"","delimiter":"","limit":0,"marker":"","next_marker":"","has_more":false,"owner":{"id":"u","name":""},"keys":[],"common_prefixes":[]}`,
		},
		{
			"times", op.ListBuckets, &op.ListBucketsOutput{Count: 1, Buckets: []op.BucketInfo{{Name: "b", Created: at}}},
			`{"count":1,"buckets":[{"name":"b","location":"","url":"","created":"2024-03-05T08:15:30Z"}]}`,
		},
		{
			"milliseconds", op.ListMultipart, &op.ListMultipartOutput{Count: 1, ObjectParts: []op.ObjectPart{{PartNumber: 1, Size: 2, Created: at, ETag: "e"}}},
			`{"count":1,"object_parts":[{"part_number":1,"size":2,"created":"2024-03-05T08:15:30.123Z","etag":"e"}]}`,
		},
		{
			"maps in order", op.GetBucketStatistics, &op.GetBucketStatisticsOutput{StorageClasses: map[string]op.StorageClassStatistics{
				"STANDARD_IA": {Count: 2}, "STANDARD": {Count: 1},
			}},
			`{"name":"","location":"","url":"","created":null,"status":"","count":0,"size":0,"storage_classes":{"STANDARD":{"count":1,"size":0,"billing_size":0},"STANDARD_IA":{"count":2,"size":0,"billing_size":0}}}`,
		},
		{
			"what may be left out is", op.DeleteMultipleObjects, &op.DeleteMultipleObjectsOutput{},
			`{"errors":[]}`,
		},
		{
			"optional objects", op.GetBucketLifecycle, &op.GetBucketLifecycleOutput{Rule: []op.LifecycleRule{{
				ID: "r", Status: "enabled", Expiration: &op.LifecycleExpiration{Days: 7}, State: "ready",
			}}},
			`{"rule":[{"id":"r","status":"enabled","filter":{"prefix":""},"expiration":{"days":7},"state":"ready"}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := CodecOf(tt.id).Encode(w, tt.out); err != nil {
				t.Fatal(err)
			}
			if got := w.Body.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// FuzzAppendString checks that what is appended is read back by encoding/json.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a b", "\"\\\n\r\t\x00\x1f\x7f", "gr\u00fc\u00df \u2028 \U0001f600", "\xff\xc3", "<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		data := appendString(nil, s)
		var got string
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%q: %s: %v", s, data, err)
		}
		if want := string([]rune(s)); got != want { // each byte that is not UTF-8 is one U+FFFD
			t.Errorf("%q: got %q; want %q", s, got, want)
		}
	})
}

// FuzzJSONBody checks that no body is too odd, and that what is accepted fits the input.
func FuzzJSONBody(f *testing.F) {
	f.Add([]byte(`{"statement":[{"id":"a","user":"*","effect":"deny","action":"get_object","condition":{"is_null":{"Referer":true}}}]}`))
	f.Add([]byte(`{"rule":[{"id":"r","status":"enabled","filter":{},"transition":{"days":30,"storage_class":"STANDARD_IA"}}]}`))
	f.Add([]byte(`{"object_parts":[{"part_number":1}],"objects":[{"key":"\ud800"}],"acl":[{}]}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for id := op.ID(1); id <= op.Count; id++ {
			c := CodecOf(id)
			if !c.HasBody() {
				continue
			}
			r := &Request{
				Query: Query{{"upload_id", "u"}}, Header: http.Header{}, ContentLength: int64(len(body)), Body: bytes.NewReader(body),
			}
			sum := md5.Sum(body)
			r.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
			in, err := c.Decode(r)
			if code := fault.CodeOf(err); err != nil && code != fault.InvalidJSON && code != fault.InvalidRequest {
				t.Errorf("%v: %v", id, err)
			}
			if err == nil && in == nil {
				t.Errorf("%v: no input", id)
			}
		}
	})
}

// listing is an answer of 1000 objects.
func listing() *op.ListObjectsOutput {
	out := &op.ListObjectsOutput{Name: "photos", Limit: 1000, HasMore: true, NextMarker: "2024/03/05/picture-000999.jpg"}
	for i := range 1000 {
		out.Keys = append(out.Keys, op.Object{
			Key: fmt.Sprintf("2024/03/05/picture-%06d.jpg", i), Size: 123456, ETag: `"46dcc163df29a5fb1746e1c997389cf2"`,
			MimeType: "image/jpeg", Created: time.Unix(1709626530, 0), Modified: 1709626530, StorageClass: "STANDARD",
		})
	}
	return out
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkEncodeListObjects(b *testing.B) {
	out, w := listing(), discard{make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		if err := CodecOf(op.ListObjects).Encode(w, out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePutObject(b *testing.B) {
	r := &Request{
		Bucket: "photos", Key: "a.txt", ContentLength: 4096, Body: http.NoBody,
		Header: http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"4096"}, "Date": {"x"}, "Authorization": {"y"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CodecOf(op.PutObject).Decode(r); err != nil {
			b.Fatal(err)
		}
	}
}

// TestEncodeHardlyAllocates holds the answers of the hot path to their number of allocations. That of
// a listing allows for a pool that forgot its buffer, as it does under the race detector, and not for one
// allocation per key.
func TestEncodeHardlyAllocates(t *testing.T) {
	w := discard{make(http.Header)}
	list, put := listing(), &op.PutObjectOutput{ETag: `"46dcc163df29a5fb1746e1c997389cf2"`}
	tests := []struct {
		id   op.ID
		out  any
		most float64
	}{{op.ListObjects, list, 40}, {op.PutObject, put, 2}}
	for _, tt := range tests {
		got := testing.AllocsPerRun(20, func() {
			if err := CodecOf(tt.id).Encode(w, tt.out); err != nil {
				t.Fatal(err)
			}
		})
		if got > tt.most {
			t.Errorf("%v: %v allocations; want at most %v", tt.id, got, tt.most)
		}
	}
}
