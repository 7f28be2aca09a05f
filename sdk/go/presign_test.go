package ois

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

func TestPresign(t *testing.T) {
	text := url.Values{"upload_id": {"u"}, "part_number": {"0"}}
	tests := []struct {
		name   string
		cfg    Config
		zone   string
		method string
		key    string
		opts   *PresignOptions
		want   string // up to the parameters of the signature
		bucket string // that the signature has in front of the path
	}{
		{"path style", Config{}, "jn1", "GET", "a b/中", nil, "https://jn1.is.shanhe.com/photos-1/a%20b/%E4%B8%AD?", ""},
		{"virtual host of the client", Config{VirtualHost: true}, "jn1", "GET", "k", nil, "https://photos-1.jn1.is.shanhe.com/k?", "photos-1"},
		{"virtual host of the options", Config{}, "jn1", "GET", "/k", &PresignOptions{VirtualHost: true}, "https://photos-1.jn1.is.shanhe.com//k?", "photos-1"},
		{"address", Config{Endpoint: "http://127.0.0.1:9000", VirtualHost: true}, "jn1", "PUT", "k", nil, "http://127.0.0.1:9000/photos-1/k?", ""},
		{"other host", Config{VirtualHost: true}, "jn1", "GET", "k", &PresignOptions{Host: "cdn.example.com"}, "https://cdn.example.com/photos-1/k?", ""},
		{"other host with scheme and port", Config{}, "jn1", "GET", "k", &PresignOptions{Host: "http://10.0.0.1:8080"}, "http://10.0.0.1:8080/photos-1/k?", ""},
		{"domain that is bound to the bucket", Config{}, "jn1", "GET", "k", &PresignOptions{Host: "img.example.com", VirtualHost: true}, "https://img.example.com/k?", "photos-1"},
		{"bucket", Config{}, "jn1", "GET", "", nil, "https://jn1.is.shanhe.com/photos-1?", ""},
		{"bucket in the host", Config{VirtualHost: true}, "jn1", "GET", "", nil, "https://photos-1.jn1.is.shanhe.com/?", "photos-1"},
		{"part", Config{}, "jn1", "PUT", "k", &PresignOptions{Query: text}, "https://jn1.is.shanhe.com/photos-1/k?part_number=0&upload_id=u&", ""},
		{
			"answers' headers",
			Config{},
			"jn1", "GET", "k",
			&PresignOptions{ResponseContentDisposition: `attachment; filename="报 告+.pdf"`, VersionID: "v"},
			"https://jn1.is.shanhe.com/photos-1/k?version_id=v&response-content-disposition=attachment%3B%20filename%3D%22%E6%8A%A5%20%E5%91%8A%2B.pdf%22&", "",
		},
		{
			"headers",
			Config{},
			"jn1", "PUT", "k", &PresignOptions{Header: http.Header{"content-type": {"x/y"}, "x-qs-storage-class": {"STANDARD_IA"}}},
			"https://jn1.is.shanhe.com/photos-1/k?", "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.AccessKeyID, test.cfg.SecretAccessKey = testID, testSecret
			c, err := New(test.cfg)
			if err != nil {
				t.Fatal(err)
			}
			link, err := c.Bucket("photos-1", test.zone).Presign(t.Context(), test.method, test.key, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			rest, ok := strings.CutPrefix(link, test.want)
			if !ok || !strings.HasPrefix(rest, "access_key_id="+testID+"&expires=") {
				t.Fatalf("got %s; want %saccess_key_id=…", link, test.want)
			}
			checkLink(t, link, test.method, test.bucket, test.opts)
		})
	}
}

// checkLink verifies a link as a server would.
func checkLink(t *testing.T, link, method, bucket string, opts *PresignOptions) {
	t.Helper()
	path, query := signature.SplitTarget(link)
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	m := signature.Message{Method: method, Path: path, Query: query, Bucket: bucket, Expires: values.Get("expires"), Header: http.Header{}}
	if opts != nil {
		m.Header = canonical(opts.Header)
	}
	if sum := signature.NewKey(testID, testSecret).Sign(&m); sum != values.Get("signature") {
		t.Errorf("signature does not fit %q", m.AppendStringToSign(nil))
	}
	at, err := strconv.ParseInt(values.Get("expires"), 10, 64)
	if left := time.Until(time.Unix(at, 0)); err != nil || left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("expires in %v; want 15m", left)
	}
}

// TestPresignedLinkIsTheContracts: the golden link, but for the order of parameters.
func TestPresignedLinkIsTheContracts(t *testing.T) {
	c := client(t, nil, nil)
	c.skew.Store(int64(time.Until(time.Unix(1709627730, 0).Add(-time.Hour + 500*time.Millisecond))))
	link, err := c.Bucket("demo-bucket", "").PresignGet(t.Context(), "report.pdf", &PresignOptions{
		Expires: time.Hour, ResponseContentDisposition: `attachment; filename="报告.pdf"`, ResponseContentType: "application/pdf",
	})
	want := "expires=1709627730&signature=0d0J9HnMg0cqHEn8lYTbLfLfMZ4S%2FU0QhKVyM%2B%2Bigd8%3D"
	if err != nil || !strings.HasSuffix(link, want) {
		t.Errorf("got %s, %v; want …%s", link, err, want)
	}
}

func TestPresignRefuses(t *testing.T) {
	c := client(t, nil, nil)
	down := errors.New("vault is down")
	for want, f := range map[string]func() (string, error){
		"no credentials": func() (string, error) {
			anonymous := client(t, nil, func(c *Config) { c.Credentials = AnonymousCredentials() })
			return anonymous.Bucket("photos-1", "").PresignGet(t.Context(), "k", nil)
		},
		down.Error(): func() (string, error) {
			broken := client(t, nil, func(c *Config) {
				c.Credentials = RefreshCredentials(func(context.Context) (Credentials, error) { return Credentials{}, down })
			})
			return broken.Bucket("photos-1", "").PresignGet(t.Context(), "k", nil)
		},
		"is in the past": func() (string, error) {
			return c.Bucket("photos-1", "").PresignGet(t.Context(), "k", &PresignOptions{Expires: -1})
		},
		"the key is empty": func() (string, error) { return c.Bucket("photos-1", "").PresignPut(t.Context(), "", nil) },
		"has no name":      func() (string, error) { return c.Bucket("", "").PresignGet(t.Context(), "k", nil) },
		`scheme "ftp"`: func() (string, error) {
			return c.Bucket("photos-1", "").PresignGet(t.Context(), "k", &PresignOptions{Host: "ftp://x"})
		},
		`zone "a/b"`: func() (string, error) { return c.Bucket("photos-1", "a/b").PresignGet(t.Context(), "k", nil) },
		`bucket "a.b"`: func() (string, error) {
			return c.Bucket("a.b", "").PresignGet(t.Context(), "k", &PresignOptions{VirtualHost: true})
		},
	} {
		link, err := f()
		var e *Error
		if link != "" || !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, %v; want error with %q", link, err, want)
		}
	}
}

func TestPutOptionsArrive(t *testing.T) {
	rec, srv := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("x-qs-version-id", "v1")
		w.Header().Set("X-OIS-Extensions", "conditional-write")
		w.WriteHeader(http.StatusCreated)
	})
	b := client(t, srv, quickly).Bucket("photos-1", "")
	_, _ = b.Put(t.Context(), "k", nil, nil) // lets the client hear the announcement
	out, err := b.Put(t.Context(), "k", strings.NewReader("x"), &PutOptions{
		ContentType: "text/plain", CacheControl: "no-store", ContentDisposition: "inline", ContentEncoding: "gzip",
		Expires: "Tue, 05 Mar 2024 08:15:30 GMT", StorageClass: "STANDARD_IA", Metadata: map[string]string{"Author": "team a", "empty": ""},
		ContentMD5: "nQ==", ContentLength: 1, IfMatch: `"e"`, IfNoneMatch: `"f"`, EncryptionKey: []byte("0123456789abcdef0123456789abcdef"),
	})
	if err != nil || *out != (Written{`"e"`, "v1", "3f2cf9ac3168744d"}) {
		t.Fatalf("Put = %+v, %v", out, err)
	}
	h := rec.requests()[1].Header
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Cache-Control": "no-store", "Content-Disposition": "inline", "Content-Encoding": "gzip",
		"Expires": "Tue, 05 Mar 2024 08:15:30 GMT", "X-Qs-Storage-Class": "STANDARD_IA", "X-Qs-Meta-Author": "team a", "X-Qs-Meta-Empty": "",
		"Content-Md5": "nQ==", "If-Match": `"e"`, "If-None-Match": `"f"`, "X-Qs-Encryption-Customer-Algorithm": "AES256",
		"X-Qs-Encryption-Customer-Key":     "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"X-Qs-Encryption-Customer-Key-Md5": "hRasmdxgYDKV3nvbahU1MA==",
	} {
		if got, ok := h[name]; !ok || got[0] != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
}
