package store_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// meanwhile is a body that does something before its end is read.
type meanwhile struct {
	io.Reader
	do func()
}

func (m *meanwhile) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if m.do != nil {
		m.do()
		m.do = nil
	}
	return n, err
}

func origin(text string, do func()) *store.Origin {
	return &store.Origin{Body: &meanwhile{strings.NewReader(text), do}, Length: int64(len(text)), ContentType: "text/plain"}
}

// TestFetchDoesNotReplaceWhatIsNewer: the condition holds in the moment in which the object becomes visible.
func TestFetchDoesNotReplaceWhatIsNewer(t *testing.T) {
	for _, text := range []string{"fetched", strings.Repeat("fetched", 10000)} {
		_, b := newBucket(t)
		put(t, b, "k", "old")
		o, err := b.Stat(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		in := &op.FetchObjectInput{Key: "k", FetchIfUnmodifiedSince: o.LastModified.Truncate(time.Second)}
		if err := b.CheckFetch(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		_, err = b.FetchObject(t.Context(), in, origin(text, func() {
			if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"}); err != nil {
				t.Error(err)
			}
		}))
		wantCode(t, err, fault.PreconditionFailed)
		if _, err := get(t, b, "k"); fault.CodeOf(err) != fault.ObjectNotExists {
			t.Errorf("the object was stored: %v", err)
		}
		put(t, b, "k", "old")
		in.FetchIfUnmodifiedSince = time.Now().Add(time.Hour)
		if _, err := b.FetchObject(t.Context(), in, origin(text, nil)); err != nil {
			t.Fatal(err)
		}
		wantObject(t, b, "k", text)
	}
}

func TestAdoptKeepsWhatIsThere(t *testing.T) {
	for _, text := range []string{"theirs", strings.Repeat("theirs", 10000)} {
		_, b := newBucket(t)
		etag, err := b.Adopt(t.Context(), "k", origin(text, func() { put(t, b, "k", "own") }))
		if etag != "" || err != nil {
			t.Errorf("Adopt = %q, %v; want nothing", etag, err)
		}
		wantObject(t, b, "k", "own")
		etag, err = b.Adopt(t.Context(), "other", origin(text, nil))
		if info, _ := b.Stat(t.Context(), "other"); etag == "" || etag != info.ETag || err != nil {
			t.Errorf("Adopt = %q, %v; want %q", etag, err, info.ETag)
		}
		wantObject(t, b, "other", text)
	}
}

// TestOriginsThatEndTooEarly: all of it or nothing, and what the body says is what the client is told.
func TestOriginsThatEndTooEarly(t *testing.T) {
	_, b := newBucket(t)
	broken := fault.Newf(fault.UpstreamFailed, "broke off")
	for _, size := range []int{10, 100000} {
		from := &store.Origin{Body: io.MultiReader(strings.NewReader(strings.Repeat("x", size-1)), failing{broken}), Length: int64(size)}
		_, err := b.FetchObject(t.Context(), &op.FetchObjectInput{Key: "k"}, from)
		wantCode(t, err, fault.UpstreamFailed)
		if _, err := get(t, b, "k"); fault.CodeOf(err) != fault.ObjectNotExists {
			t.Errorf("the object was stored: %v", err)
		}
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func TestMirrorOf(t *testing.T) {
	s, b := newBucket(t)
	site := func(key string) string {
		t.Helper()
		site, err := b.MirrorOf(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return site
	}
	if b.HasMirror() || site("k") != "" {
		t.Error("there is a mirror")
	}
	if _, err := b.PutBucketExternalMirror(t.Context(), &op.PutBucketExternalMirrorInput{SourceSite: "http://example.com"}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, "there", "")
	if !b.HasMirror() || site("k") != "http://example.com" || site("there") != "" || site("/k") != "" {
		t.Errorf("the mirror of k is %q, there %q, /k %q", site("k"), site("there"), site("/k"))
	}
	if _, err := b.DeleteBucketExternalMirror(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := site("k"); got != "" {
		t.Errorf("the mirror that was taken away is %q", got)
	}
	out, err := b.GetBucketExternalMirror(t.Context(), nil)
	if err != nil || out.SourceSite != "" {
		t.Errorf("the mirror is %v, %v; want none", out, err)
	}
}

// TestSettingThatWasTakenAway: who has looked the bucket up before does not take it for lost.
func TestSettingThatWasTakenAway(t *testing.T) {
	s, b := newBucket(t)
	if _, err := b.PutBucketCORS(t.Context(), &op.PutBucketCORSInput{CORSRules: []op.CORSRule{{AllowedOrigin: "*"}}}); err != nil {
		t.Fatal(err)
	}
	before, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteBucketCORS(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	out, err := before.GetBucketCORS(t.Context(), nil)
	if err != nil || len(out.CORSRules) > 0 {
		t.Errorf("the rules are %v, %v; want none", out, err)
	}
	if _, err := before.DeleteBucket(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	makeBucket(t, s, "test-bucket")
	_, err = before.GetBucketCORS(t.Context(), nil)
	wantCode(t, err, fault.BucketNotExists)
}
