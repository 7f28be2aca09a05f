package transfer

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// sink is a transport that takes everything and keeps nothing, so that only the
// client's own memory is measured.
type sink struct {
	mu       sync.Mutex
	requests int // guarded by mu
	free     chan []byte
}

func (s *sink) buffer() []byte {
	select {
	case buf := <-s.free:
		return buf
	default:
		return make([]byte, 32<<10)
	}
}

func (s *sink) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	h := http.Header{"X-Qs-Request-Id": {"3f2cf9ac3168744d"}}
	res := &http.Response{StatusCode: http.StatusCreated, Header: h, Body: http.NoBody}
	if r.URL.Query().Has("uploads") {
		body := `{"upload_id":"u"}`
		h["Content-Type"] = []string{"application/json"}
		res.StatusCode, res.Body, res.ContentLength = http.StatusOK, io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	if r.Body != nil {
		buf := s.buffer()
		defer func() { s.free <- buf }()
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, buf); err != nil {
			return nil, err
		}
		h["Etag"] = []string{`"no-md5"`}
	}
	return res, nil
}

// zeros yields n bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestMemoryStaysWithinItsBounds(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, make([]byte, 100*mb), 0o600); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 100*mb)
	for _, test := range []struct {
		name     string
		most     uint64
		requests int
		up       func(m *Manager) error
	}{
		{"10 KiB of unknown length", 64 << 10, 1, func(m *Manager) error {
			_, err := m.Upload(t.Context(), "k", &zeros{10 << 10}, nil)
			return err
		}},
		{"100 MiB of unknown length", 9*8*mb + mb, 15, func(m *Manager) error {
			_, err := m.Upload(t.Context(), "k", &zeros{100 * mb}, nil)
			return err
		}},
		{"100 MiB in memory", mb / 5, 15, func(m *Manager) error {
			_, err := m.Upload(t.Context(), "k", bytes.NewReader(data), nil)
			return err
		}},
		{"100 MiB in a file", mb / 5, 15, func(m *Manager) error {
			_, err := m.UploadFile(t.Context(), "k", path, nil)
			return err
		}},
	} {
		s := &sink{free: make(chan []byte, 100)}
		for range defaultConcurrency {
			s.free <- make([]byte, 32<<10)
		}
		b := bucketAt(t, "http://127.0.0.1:1", s)
		if _, err := New(b, Options{}).Upload(t.Context(), "k", &zeros{8*mb + 1}, nil); err != nil { // the client warms up
			t.Fatal(err)
		}
		s.requests = 0
		m := New(b, Options{})
		first := allocated(func() {
			if err := test.up(m); err != nil {
				t.Error(err)
			}
		})
		if requests := s.requests; first > test.most || requests != test.requests {
			t.Errorf("%s: %d bytes in %d requests; want at most %d and %d", test.name, first, requests, test.most, test.requests)
		}
		again := allocated(func() {
			if err := test.up(m); err != nil {
				t.Error(err)
			}
		})
		if again > max(test.most/2, mb/5) { // chunks are kept, as far as the collector lets them
			t.Errorf("%s: once more %d bytes; the first time %d", test.name, again, first)
		}
		t.Logf("%s: %d bytes, %d bytes once more", test.name, first, again)
	}
}

func TestTheMemoryOfManyTransfersIsBounded(t *testing.T) {
	s := newService()
	var mu sync.Mutex
	m := New(s.bucket(t), Options{PartSize: 4 * mb, Memory: 9 * mb, Concurrency: 4})
	least := m.o.Memory
	s.before = func(http.ResponseWriter, *http.Request, string) bool {
		m.memory.mu.Lock()
		free := m.memory.free
		m.memory.mu.Unlock()
		mu.Lock()
		defer mu.Unlock()
		least = min(least, free)
		return false
	}
	data := pattern(13 * mb)
	s.put("d", data)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			key := fmt.Sprint(i)
			if i%2 == 0 {
				var got bytes.Buffer
				if _, err := m.Download(t.Context(), "d", &got, nil); err != nil {
					t.Error(err)
				}
				same(t, "download", got.Bytes(), data)
				return
			}
			if _, err := m.Upload(t.Context(), key, streamOf(data), nil); err != nil {
				t.Error(err)
			}
			same(t, "upload", s.object(key), data)
		}()
	}
	wg.Wait()
	if least < 0 || least > 5*mb || m.memory.free != m.o.Memory {
		t.Errorf("at least %d bytes were free, now %d; want from 0 to 1 MiB, then %d", least, m.memory.free, m.o.Memory)
	}
}

func TestPartsOfAnySizeAreEnough(t *testing.T) {
	o := &Options{}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ asked, size, want int64 }{
		{0, 0, 8 * mb},
		{0, 8 * mb * maxParts, 8 * mb},
		{0, 8*mb*maxParts + 1, 9 * mb},
		{5 * mb, 1 << 40, 105 * mb},
		{0, maxPart * maxParts, maxPart},
		{0, maxPart*maxParts + 1, 0},
		{mb, 1, 0},
	} {
		got, err := o.partSize(test.asked, test.size)
		if got != test.want || (err == nil) != (test.want > 0) {
			t.Errorf("%d bytes: parts of %d, %v; want %d", test.size, got, err, test.want)
		}
		if n := (test.size + got - 1) / max(got, 1); got > 0 && n > maxParts {
			t.Errorf("%d bytes: %d parts", test.size, n)
		}
	}
	for memory, want := range map[int64]int64{0: 300 << 30, 9 * maxPart: 50e12} {
		o := &Options{Memory: memory}
		if err := o.complete(); err != nil {
			t.Fatal(err)
		}
		var sum, last int64
		for n := range maxParts {
			size := o.streamPart(o.PartSize, n)
			if size < last || size > o.Memory || size > maxPart {
				t.Fatalf("memory %d: part %d has %d bytes, the one before %d", memory, n, size, last)
			}
			last = size
			sum += size
		}
		if sum < want {
			t.Errorf("memory %d: a stream has %d bytes at most; want %d", memory, sum, want)
		}
	}
}
