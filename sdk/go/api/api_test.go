package api

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A fake answers every request in the same way and keeps the last one.
type fake struct {
	res  *Response
	err  error
	req  *Request
	body body
}

// body notes that it was closed.
type body struct {
	io.Reader
	closed int
}

func (b *body) Close() error { b.closed++; return nil }

// Call returns the answer of the fake.
func (f *fake) Call(_ context.Context, req *Request) (*Response, error) {
	f.req = req
	return f.res, f.err
}

// answer returns a fake with an answer; headers are "Name: value".
func answer(status int, text string, headers ...string) *fake {
	f := &fake{body: body{Reader: strings.NewReader(text)}}
	f.res = &Response{Status: status, Header: make(http.Header), Body: &f.body}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		f.res.Header.Add(name, value)
	}
	return f
}

func TestRequestCarriesTheInput(t *testing.T) {
	f := answer(201, "", "ETag: \"x\"", "X-Qs-Request-Id: id1", "X-Qs-Version-Id: v")
	in := &PutObjectInput{
		Zone: "jn1a", Bucket: "photos", Key: "a//b", ContentType: "text/plain", IfNoneMatch: "*",
		Metadata: map[string]string{"Colour": "red"}, Body: strings.NewReader("hello"),
	}
	out, err := New(f).PutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := &PutObjectOutput{Status: 201, RequestID: "id1", ETag: `"x"`, VersionID: "v"}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("got %+v; want %+v", out, want)
	}
	if f.body.closed != 1 {
		t.Errorf("body closed %d times; want once", f.body.closed)
	}
	wantReq := &Request{
		Op: OpPutObject, Zone: "jn1a", Bucket: "photos", Key: "a//b", Body: in.Body,
		Header: http.Header{"Content-Type": {"text/plain"}, "If-None-Match": {"*"}, "X-Qs-Meta-Colour": {"red"}},
	}
	if !reflect.DeepEqual(f.req, wantReq) {
		t.Errorf("got %+v; want %+v", f.req, wantReq)
	}
	if got := OpPutObject.Extensions; !reflect.DeepEqual(got, []string{"If-Match", "If-None-Match"}) {
		t.Errorf("extensions %v; want If-Match and If-None-Match", got)
	}
}

func TestQueryIsEncoded(t *testing.T) {
	zero, seven := int64(0), int64(7)
	tests := []struct {
		in   interface{ request() (*Request, error) }
		want string
	}{
		{&ListObjectsInput{Bucket: "b"}, ""},
		{&ListObjectsInput{Bucket: "b", Prefix: "a b+&", Limit: 1000}, "prefix=a%20b%2B%26&limit=1000"},
		{&GetBucketACLInput{Bucket: "b"}, "acl"},
		{&AppendObjectInput{Bucket: "b", Key: "k"}, "append&position=0"},
		{&UploadMultipartInput{Bucket: "b", Key: "k", UploadID: "u"}, "upload_id=u&part_number=0"},
		{&ListMultipartInput{Bucket: "b", Key: "k", UploadID: "u", Limit: &zero, PartNumberMarker: &seven}, "upload_id=u&part_number_marker=7&limit=0"},
	}
	for _, tt := range tests {
		req, err := tt.in.request()
		if err != nil {
			t.Fatal(err)
		}
		if got := req.Query.Encode(); got != tt.want {
			t.Errorf("got %q; want %q", got, tt.want)
		}
	}
}

// TestInputThatIsNotCompleteIsNotSent rests on more than politeness: without its key, a request
// to delete an object would delete the bucket.
func TestInputThatIsNotCompleteIsNotSent(t *testing.T) {
	c := New(&fake{err: errors.New("this was sent")})
	tests := []struct {
		call  func() error
		field string
	}{
		{func() error { _, err := c.DeleteObject(t.Context(), &DeleteObjectInput{Bucket: "b"}); return err }, "Key"},
		{func() error { _, err := c.DeleteBucket(t.Context(), nil); return err }, "Bucket"},
		{func() error {
			_, err := c.CopyObject(t.Context(), &CopyObjectInput{Bucket: "b", Key: "k"})
			return err
		}, "CopySource"},
		{func() error {
			_, err := c.AbortMultipartUpload(t.Context(), &AbortMultipartUploadInput{Bucket: "b", Key: "k"})
			return err
		}, "UploadID"},
		{func() error {
			_, err := c.PutObject(t.Context(), &PutObjectInput{Bucket: "b", Key: "k", CacheControl: "a\r\nb: c"})
			return err
		}, "CacheControl"},
		{func() error {
			_, err := c.PutObject(t.Context(), &PutObjectInput{Bucket: "b", Key: "k", Metadata: map[string]string{"a b": ""}})
			return err
		}, "Metadata"},
		{func() error { // a transport would refuse it, and it would be tried again
			_, err := c.PutObject(t.Context(), &PutObjectInput{Bucket: "b", Key: "k", ContentType: "a\x01b"})
			return err
		}, "ContentType"},
		{func() error {
			_, err := c.PutObject(t.Context(), &PutObjectInput{Bucket: "b", Key: "k", ContentMD5: "a\x7f"})
			return err
		}, "ContentMD5"},
		{func() error { // the same
			_, err := c.PutObject(t.Context(), &PutObjectInput{Bucket: "b", Key: "k", Metadata: map[string]string{"a(b": "c"}})
			return err
		}, "Metadata"},
		{func() error { // one of them would get lost
			_, err := c.PutObject(t.Context(), &PutObjectInput{Bucket: "b", Key: "k", Metadata: map[string]string{"a": "", "A": "c"}})
			return err
		}, "Metadata"},
		{func() error {
			_, err := c.PutObject(t.Context(), &PutObjectInput{Bucket: "b", Key: "k", ContentLength: 5})
			return err
		}, "ContentLength"},
	}
	for _, tt := range tests {
		var e *InputError
		if err := tt.call(); !errors.As(err, &e) || e.Field != tt.field {
			t.Errorf("got %v; want an InputError for %s", err, tt.field)
		}
	}
}

func TestErrorOfTheCallerIsPassedOn(t *testing.T) {
	want := errors.New("no network")
	if _, err := New(&fake{err: want}).ListBuckets(t.Context(), nil); !errors.Is(err, want) {
		t.Errorf("got %v; want %v", err, want)
	}
}

func TestBodyIsJSONWithoutWhatIsUnset(t *testing.T) {
	f := answer(200, `{"deleted":[{"key":"a"}],"errors":null}`, "Content-Type: application/json")
	out, err := New(f).DeleteMultipleObjects(t.Context(), &DeleteMultipleObjectsInput{
		Bucket: "b", Objects: []ObjectToDelete{{Key: "a<b"}},
	})
	if err != nil || len(out.Deleted) != 1 || out.Deleted[0].Key != "a" {
		t.Fatalf("got %+v, %v; want one deleted key", out, err)
	}
	data, err := io.ReadAll(f.req.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"objects":[{"key":"a\u003cb"}]}`; string(data) != want || f.req.ContentLength != int64(len(want)) {
		t.Errorf("got %s, length %d; want %s", data, f.req.ContentLength, want)
	}
	sum := md5.Sum(data)
	if got := f.req.Header.Get("Content-MD5"); got != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("got MD5 %q; want that of the body", got)
	}
}

func TestAnswerThatIsNotJSONIsAnError(t *testing.T) {
	tests := []struct {
		name, kind, text string
		ok               bool
	}{
		{"JSON", "application/json", `{"count":1,"buckets":[]}`, true},
		{"JSON with a charset", "application/json; charset=utf-8", `{}`, true},
		{"a portal", "text/html", "<html>Log in</html>", false},
		{"JSON by another name", "text/plain", "{}", false},
		{"half of it", "application/json", `{"count":1,`, false},
		{"nothing", "application/json", "", false},
		{"another type", "application/json", `{"count":"1"}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := answer(200, tt.text, "Content-Type: "+tt.kind, "X-Qs-Request-Id: id1")
			_, err := New(f).ListBuckets(t.Context(), nil)
			var e *UnexpectedAnswerError
			switch ok := errors.As(err, &e); {
			case tt.ok && err != nil, !tt.ok && !ok:
				t.Errorf("got %v; want success %v", err, tt.ok)
			case ok && (e.Status != 200 || e.ContentType != tt.kind || e.Start != tt.text || e.RequestID != "id1"):
				t.Errorf("got %+v", e)
			}
			if f.body.closed != 1 {
				t.Errorf("body closed %d times; want once", f.body.closed)
			}
		})
	}
}

func TestStreamIsLeftOpen(t *testing.T) {
	f := answer(206, "hello", "Content-Length: 5", "Last-Modified: Tue, 05 Mar 2024 08:15:30 GMT",
		"Content-Range: bytes 0-4/9", "x-qs-meta-colour: red", "x-qs-delete-marker: true")
	out, err := New(f).GetObject(t.Context(), &GetObjectInput{Bucket: "b", Key: "k", IfModifiedSince: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.req.Header.Get("If-Modified-Since"); got != "Thu, 01 Jan 1970 00:00:00 GMT" {
		t.Errorf("got If-Modified-Since %q", got)
	}
	at := time.Date(2024, 3, 5, 8, 15, 30, 0, time.UTC)
	if out.ContentLength != 5 || !out.LastModified.Equal(at) || out.Metadata["colour"] != "red" || !out.DeleteMarker || f.body.closed != 0 {
		t.Errorf("got %+v, body closed %d times", out, f.body.closed)
	}
	if data, err := io.ReadAll(out.Body); string(data) != "hello" || err != nil {
		t.Errorf("got %q, %v; want hello", data, err)
	}
}

func TestAnswerWithABadNumberIsAnError(t *testing.T) {
	f := answer(200, "hello", "Content-Length: five")
	_, err := New(f).GetObject(t.Context(), &GetObjectInput{Bucket: "b", Key: "k"})
	if !errors.As(err, new(*UnexpectedAnswerError)) || f.body.closed != 1 {
		t.Errorf("got %v, body closed %d times; want an UnexpectedAnswerError, once", err, f.body.closed)
	}
}

func TestDateThatCannotBeReadIsNoError(t *testing.T) {
	f := answer(200, "", "Last-Modified: yesterday", "Content-Length: 7")
	out, err := New(f).HeadObject(t.Context(), &HeadObjectInput{Bucket: "b", Key: "k"})
	if err != nil || !out.LastModified.IsZero() || out.ContentLength != 7 || out.NextAppendPosition != nil {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestOneOrMany(t *testing.T) {
	const text = `{"statement":[{"id":"s","user":"*","effect":"allow","action":["a","b"],"resource":null}]}`
	out, err := New(answer(200, text, "Content-Type: application/json")).GetBucketPolicy(t.Context(), &GetBucketPolicyInput{Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Statement{{ID: "s", User: StringList{"*"}, Effect: "allow", Action: StringList{"a", "b"}}}
	if !reflect.DeepEqual(out.Statement, want) {
		t.Errorf("got %+v; want %+v", out.Statement, want)
	}
}

func TestFormIsThatOfABrowser(t *testing.T) {
	for _, length := range []int64{0, 5, -1} {
		f := answer(201, "")
		in := &PostObjectInput{
			Bucket: "b", Key: "dir/${filename}", Metadata: map[string]string{"colour": "red"},
			Body: strings.NewReader("bytes"), ContentLength: length, FileName: `a "b".png`, FileType: "image/png",
		}
		if _, err := New(f).PostObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f.req.Body)
		if err != nil {
			t.Fatal(err)
		}
		if f.req.ContentLength != int64(len(data)) {
			t.Errorf("length %d; want %d", f.req.ContentLength, len(data))
		}
		_, args, err := mime.ParseMediaType(f.req.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		form, err := multipart.NewReader(strings.NewReader(string(data)), args["boundary"]).ReadForm(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{"key": {"dir/${filename}"}, "x-qs-meta-colour": {"red"}}
		if !reflect.DeepEqual(form.Value, want) || form.File["file"][0].Filename != `a "b".png` {
			t.Errorf("got %v, %+v; want %v", form.Value, form.File["file"][0], want)
		}
	}
}

func TestFormFileHasTypeOfObject(t *testing.T) {
	for _, tt := range []struct{ object, file, want string }{
		{"", "", "application/octet-stream"},
		{"text/x-a", "", "text/x-a"},
		{"", "image/png", "image/png"},
		{"text/x-a", "image/png", "image/png"}, // as given, for the service to refuse
	} {
		f := answer(201, "")
		in := &PostObjectInput{Bucket: "b", Key: "k", ContentType: tt.object, FileType: tt.file, Body: strings.NewReader("")}
		if _, err := New(f).PostObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f.req.Body)
		if err != nil {
			t.Fatal(err)
		}
		if want := "\r\nContent-Type: " + tt.want + "\r\n"; !strings.Contains(string(data), want) {
			t.Errorf("object %q, file %q: got %q; want %q", tt.object, tt.file, data, tt.want)
		}
		if f.req.ContentLength != int64(len(data)) {
			t.Errorf("length %d of a form with an empty file; want %d", f.req.ContentLength, len(data))
		}
	}
}

// TestEveryOperationHasAMethod holds the client to the contract, and each method to its shape.
func TestEveryOperationHasAMethod(t *testing.T) {
	c := reflect.ValueOf(New(&fake{}))
	for _, o := range Operations {
		m := c.MethodByName(o.Name)
		if !m.IsValid() {
			t.Errorf("no method %s", o.Name)
			continue
		}
		kind := m.Type()
		if kind.NumIn() != 2 || kind.In(1).Elem().Name() != o.Name+"Input" || kind.NumOut() != 2 || kind.Out(0).Elem().Name() != o.Name+"Output" {
			t.Errorf("%s: %v", o.Name, kind)
		}
		if !o.Succeeds(o.Success[0]) || o.Succeeds(304) || o.Succeeds(302) {
			t.Errorf("%s: success %v; want statuses from 200 to 299", o.Name, o.Success)
		}
	}
	if got, want := c.NumMethod(), len(Operations); got != want {
		t.Errorf("%d methods; want %d", got, want)
	}
}

func TestSecretsAreNamed(t *testing.T) {
	want := []string{
		"Authorization", "X-Qs-Copy-Source-Encryption-Customer-Key", "X-Qs-Encryption-Customer-Key",
	}
	if !reflect.DeepEqual(SecretHeaders, want) {
		t.Errorf("got %v; want %v", SecretHeaders, want)
	}
}
