package interop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
)

// scenarios.json holds what clients in all languages are asked to do: keys, settings of buckets, and operations on images,
// of the kinds that the scenario suites of the official SDKs use.
type scenarios struct {
	Keys     []string                   `json:"keys"`
	Settings map[string]json.RawMessage `json:"settings"`
	Image    []string                   `json:"image"`
}

// methods names the settings as the Go SDKs do.
var methods = map[string]string{
	"acl": "ACL", "cors": "CORS", "policy": "Policy", "lifecycle": "Lifecycle", "notification": "Notification", "external_mirror": "ExternalMirror", "logging": "Logging",
}

func readScenarios(t *testing.T) (s scenarios) {
	t.Helper()
	b, err := os.ReadFile("scenarios.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// goBucket is a bucket of one of the Go SDKs. Their methods have the same names and shapes but types of their own, so they
// are called by name.
type goBucket struct {
	sdk  any
	name string
}

// fields are the fields of an input; its pointers are made here.
type fields map[string]any

// call calls a method with a key, which may be empty, and an input, which may be nil, as the method takes them. It fails
// unless the answer has the status.
func (b goBucket) call(t *testing.T, status int, method, key string, in any) reflect.Value {
	t.Helper()
	m := reflect.ValueOf(b.sdk).MethodByName(method)
	var args []reflect.Value
	for p := range m.Type().Ins() {
		if p.Kind() == reflect.String {
			args = append(args, reflect.ValueOf(key))
		} else {
			args = append(args, goInput(t, p, in))
		}
	}
	results := m.Call(args)
	out, err := results[0], results[1]
	from := out
	if !err.IsNil() {
		from = err.Elem() // a *QingStorError has the status, too
	}
	s := field(from, "StatusCode")
	if !s.IsValid() || int(s.Int()) != status {
		t.Errorf("%s %q: %v, error %v; want %d", method, key, s, err, status)
	}
	return out
}

// goInput returns a new input of the type with the fields, or with what the JSON has.
func goInput(t *testing.T, typ reflect.Type, in any) reflect.Value {
	t.Helper()
	v := reflect.New(typ.Elem())
	switch in := in.(type) {
	case json.RawMessage:
		if err := json.Unmarshal(in, v.Interface()); err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
	case fields:
		for name, value := range in {
			f, x := v.Elem().FieldByName(name), reflect.ValueOf(value)
			if f.Kind() == reflect.Pointer && x.Kind() != reflect.Pointer {
				p := reflect.New(f.Type().Elem())
				p.Elem().Set(x)
				x = p
			}
			f.Set(x)
		}
	}
	return v
}

// field returns what a field holds or points to. It is invalid if there is no such field, or nil in it.
func field(v reflect.Value, name string) reflect.Value {
	v = reflect.Indirect(v)
	if !v.IsValid() || v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return reflect.Indirect(v.FieldByName(name))
}

// goScenarios does with one of the Go SDKs what the scenario suite of the official SDKs does.
func goScenarios(t *testing.T, b goBucket) {
	t.Helper()
	s := readScenarios(t)
	b.call(t, 201, "Put", "", nil)
	b.call(t, 409, "Put", "", nil)
	if keys := field(b.call(t, 200, "ListObjects", "", nil), "Keys"); keys.Len() != 0 {
		t.Errorf("a new bucket holds %v", keys)
	}
	b.call(t, 200, "Head", "", nil)
	b.call(t, 200, "DeleteMultipleObjects", "", json.RawMessage(`{"quiet":false,"objects":[{"key":"object_0"},{"key":"object_1"}]}`))
	if status := field(b.call(t, 200, "GetStatistics", "", nil), "Status"); status.String() != "active" {
		t.Errorf("statistics: status %v", status)
	}
	for _, key := range append(s.Keys, strings.Repeat("k", 1023)) {
		goObject(t, b, key)
	}
	goEncrypted(t, b)
	goParts(t, b, s.Keys[2])
	goSettings(t, b, s) // the last is an ACL with which all can read, as a watermark must be
	goImages(t, b, s)
	b.call(t, 204, "Delete", "", nil)
}

func goObject(t *testing.T, b goBucket, key string) {
	t.Helper()
	const size = 1 << 10
	copied, moved := "copied", "moved"
	if len(key) < 1000 {
		copied, moved = key+"_copy", key+"_move"
	}
	body := strings.NewReader(strings.Repeat("x", size))
	b.call(t, 201, "PutObject", key, fields{"Body": body, "ContentType": "text/plain", "XQSMetaData": map[string]string{"x-qs-meta-tag": "team-a"}})
	b.call(t, 201, "PutObject", copied, fields{"XQSCopySource": "/" + b.name + "/" + key})
	b.call(t, 201, "PutObject", moved, fields{"XQSMoveSource": "/" + b.name + "/" + copied})
	got := b.call(t, 200, "GetObject", moved, nil)
	goBody(t, got, key, size)
	got = b.call(t, 200, "GetObject", key, fields{"ResponseContentType": "video/mp4; charset=utf8"})
	goBody(t, got, key, size)
	if typ := field(got, "ContentType").String(); typ != "video/mp4; charset=utf8" {
		t.Errorf("get %q with a response-content-type: %s", key, typ)
	}
	goLink(t, b, key, size)
	head := b.call(t, 200, "HeadObject", key, nil)
	if f := field(head, "XQSMetaData"); f.IsValid() && f.MapIndex(reflect.ValueOf("x-qs-meta-tag")).String() != "team-a" {
		t.Errorf("head %q: metadata %v", key, f)
	}
	b.call(t, 200, "OptionsObject", key, fields{"AccessControlRequestMethod": "GET", "Origin": "example.com"})
	b.call(t, 204, "DeleteObject", key, nil)
	b.call(t, 204, "DeleteObject", moved, nil)
}

func goBody(t *testing.T, out reflect.Value, key string, size int) []byte {
	t.Helper()
	f := field(out, "Body")
	if !f.IsValid() {
		t.Fatalf("get %q: no body", key)
	}
	body, ok := reflect.TypeAssert[io.ReadCloser](f)
	if !ok {
		t.Fatalf("get %q: a body of type %s", key, f.Type())
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil || size >= 0 && len(got) != size {
		t.Errorf("get %q: %d bytes, %v; want %d", key, len(got), err, size)
	}
	return got
}

// goLink gets an object by a link with a signature.
func goLink(t *testing.T, b goBucket, key string, size int) {
	t.Helper()
	m := reflect.ValueOf(b.sdk).MethodByName("GetObjectRequest")
	made := m.Call([]reflect.Value{reflect.ValueOf(key), reflect.Zero(m.Type().In(1))})
	type request interface {
		Build() error
		SignQuery(seconds int) error
		Send() error
	}
	r, ok := reflect.TypeAssert[request](made[0])
	if !ok {
		t.Fatalf("GetObjectRequest returns %s", made[0].Type())
	}
	if err := errors.Join(r.Build(), r.SignQuery(600), r.Send()); err != nil {
		t.Errorf("get %q by a link: %v", key, err)
		return
	}
	goBody(t, made[1], key, size)
}

func goEncrypted(t *testing.T, b goBucket) {
	t.Helper()
	const algorithm, key, sum = "AES256", "b2lzLXRlc3QtMzItYnl0ZXMtbG9uZy1rZXktMDAwMSE=", "YPpDBSNZO5yYkhMERXGRIw=="
	own := fields{"XQSEncryptionCustomerAlgorithm": algorithm, "XQSEncryptionCustomerKey": key, "XQSEncryptionCustomerKeyMD5": sum}
	put := fields{"Body": strings.NewReader("secret")}
	copied := fields{
		"XQSCopySource": "/" + b.name + "/sealed", "XQSCopySourceEncryptionCustomerAlgorithm": algorithm,
		"XQSCopySourceEncryptionCustomerKey": key, "XQSCopySourceEncryptionCustomerKeyMD5": sum,
	}
	for name, value := range own {
		put[name], copied[name] = value, value
	}
	b.call(t, 201, "PutObject", "sealed", put)
	b.call(t, 201, "PutObject", "sealed copy", copied)
	b.call(t, 201, "PutObject", "sealed move", fields{"XQSMoveSource": "/" + b.name + "/sealed copy"})
	for _, k := range []string{"sealed", "sealed move"} {
		if got := goBody(t, b.call(t, 200, "GetObject", k, own), k, -1); string(got) != "secret" {
			t.Errorf("get %q: %q", k, got)
		}
		b.call(t, 200, "HeadObject", k, own)
		b.call(t, 204, "DeleteObject", k, nil)
	}
}

// goParts uploads parts as the suite does: an ETag that is not the object's, and an abort after the end.
func goParts(t *testing.T, b goBucket, key string) {
	t.Helper()
	id := field(b.call(t, 200, "InitiateMultipartUpload", key, fields{"ContentType": "text/plain"}), "UploadID").String()
	sizes := []int{5 << 20, 4 << 20, 3 << 20}
	for i, size := range sizes {
		b.call(t, 201, "UploadMultipart", key, fields{"UploadID": id, "PartNumber": i, "Body": bytes.NewReader(make([]byte, size))})
	}
	parts := field(b.call(t, 200, "ListMultipart", key, fields{"UploadID": id}), "ObjectParts")
	if parts.Len() != len(sizes) {
		t.Errorf("list parts: %d, want %d", parts.Len(), len(sizes))
	}
	b.call(t, 201, "CompleteMultipartUpload", key,
		fields{"UploadID": id, "ETag": `"0123456789abcdef0123456789abcdef"`, "ObjectParts": parts.Interface()})
	b.call(t, 204, "AbortMultipartUpload", key, fields{"UploadID": id})
	goBody(t, b.call(t, 200, "GetObject", key, nil), key, 12<<20)
	b.call(t, 204, "DeleteObject", key, nil)
}

// goSettings sets, gets and deletes each setting that the SDK knows.
func goSettings(t *testing.T, b goBucket, s scenarios) {
	t.Helper()
	for name, method := range methods {
		if !reflect.ValueOf(b.sdk).MethodByName("Put" + method).IsValid() {
			continue // v3 does not know logging
		}
		body := json.RawMessage(strings.ReplaceAll(string(s.Settings[name]), "BUCKET", b.name))
		b.call(t, 200, "Put"+method, "", body)
		out, err := json.Marshal(b.call(t, 200, "Get"+method, "", nil).Interface())
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := errors.Join(json.Unmarshal(body, &want), json.Unmarshal(out, &got)); err != nil {
			t.Fatal(err)
		}
		if !within(want, got) {
			t.Errorf("%s came back as %s, put was %s", name, out, body)
		}
		if name != "acl" {
			b.call(t, 204, "Delete"+method, "", nil)
		}
	}
}

// within reports whether all of want is in got, which may have more: fields with defaults, and the owner among grants.
func within(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for name, value := range want {
			ok = ok && within(value, g[name])
		}
		return ok
	case []any:
		g, ok := got.([]any)
		for _, value := range want {
			found := false
			for _, x := range g {
				found = found || within(value, x)
			}
			ok = ok && found
		}
		return ok
	}
	return want == got
}

func goImages(t *testing.T, b goBucket, s scenarios) {
	t.Helper()
	b.call(t, 201, "PutObject", "photo.png", fields{"Body": bytes.NewReader(picture(t)), "ContentType": "image/png"})
	for _, action := range s.Image {
		action = strings.ReplaceAll(action, "MARK", mark(b.name))
		out := b.call(t, http.StatusOK, "ImageProcess", "photo.png", fields{"Action": action})
		if len(goBody(t, out, action, -1)) == 0 {
			t.Errorf("%s: nothing came back", action)
		}
	}
	b.call(t, 204, "DeleteObject", "photo.png", nil)
}

// mark is the picture of a bucket as watermark_image takes its address.
func mark(bucket string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("http://127.0.0.1:" + port + "/" + bucket + "/photo.png"))
}

// picture is an opaque PNG of 100 by 80.
func picture(t *testing.T) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 100, 80))
	for i := range 100 * 80 {
		img.Set(i%100, i/100, color.NRGBA{uint8(i), uint8(i >> 8), 90, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
