package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
)

var (
	run         = flag.Bool("measure", false, "measure; without it there is nothing to do")
	rounds      = flag.Int("rounds", 5, "interleaved runs; the median is printed")
	requests    = flag.Int("requests", 4000, "requests of a run")
	concurrency = flag.Int("concurrency", 8, "requests at once")
)

const (
	keyID  = "OISBENCHEXAMPLEKEY01"
	secret = "oisBenchExampleSecretKey0000000000000001"
	size   = 4 << 10
)

// TestMain is also the bare server: with OIS_BENCH_BARE set the test binary only serves.
func TestMain(m *testing.M) {
	if addr := os.Getenv("OIS_BENCH_BARE"); addr != "" {
		serveBare(addr)
		return
	}
	os.Exit(m.Run())
}

// serveBare reads what it is sent and answers with 4 KiB.
func serveBare(addr string) {
	body := make([]byte, size)
	err := http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the load is all that matters
		w.Header().Set("Content-Type", "application/octet-stream")
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusCreated)
			return
		}
		_, _ = w.Write(body) // as above
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A process is a server under load.
type process struct {
	cmd    *exec.Cmd
	addr   string
	bucket *ois.Bucket
	start  time.Duration // until it answered
}

// TestServerCPU prints CPU seconds for 1,000 requests, the start-up time and the memory at rest.
func TestServerCPU(t *testing.T) {
	if !*run {
		t.Skip("measures only with -measure: make bench-server")
	}
	bin := buildServer(t)
	server := startServer(t, bin, t.TempDir())
	bare := startBare(t)
	time.Sleep(2 * time.Second) // so that what starting up needed is given back
	fmt.Printf("start to the first answer: %v; memory at rest: %.1f MiB RSS\n", server.start.Round(time.Millisecond), residentMiB(t, server.cmd.Process.Pid))
	ctx := t.Context()
	if err := server.bucket.Create(ctx); err != nil {
		t.Fatal(err)
	}
	rows := map[string][]float64{}
	for range *rounds {
		for _, p := range []struct {
			name string
			*process
		}{{"ois", server}, {"bare net/http", bare}} {
			for _, verb := range []string{"PUT", "GET", "HEAD"} {
				rows[verb+" "+p.name] = append(rows[verb+" "+p.name], load(t, p.process, verb))
			}
		}
	}
	fmt.Printf("CPU seconds of the server for 1,000 requests of 4 KiB, concurrency %d, median of %d (least to most)\n", *concurrency, *rounds)
	for _, verb := range []string{"PUT", "GET", "HEAD"} {
		a, b := rows[verb+" ois"], rows[verb+" bare net/http"]
		fmt.Printf("  %-5s ois %s   bare net/http %s   ratio %.1f\n", verb, spread(a), spread(b), median(a)/median(b))
	}
}

func buildServer(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "ois")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", bin, "./cmd/ois")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

func startServer(t *testing.T, bin, dir string) *process {
	t.Helper()
	p := &process{addr: freeAddr(t)}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), bin, "serve", "--data", filepath.Join(dir, "data"), "--listen", p.addr)
	p.cmd.Env = append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID="+keyID, "OIS_ROOT_SECRET_ACCESS_KEY="+secret)
	p.begin(t)
	return p
}

func startBare(t *testing.T) *process {
	t.Helper()
	p := &process{addr: freeAddr(t)}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	p.cmd.Env = append(os.Environ(), "OIS_BENCH_BARE="+p.addr)
	p.begin(t)
	return p
}

func (p *process) begin(t *testing.T) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	started := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
		_ = p.cmd.Wait()
		_ = log.Close()
	})
	health, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.addr+"/-/health", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		resp, err := http.DefaultClient.Do(health)
		if err == nil {
			_ = resp.Body.Close()
			p.start = time.Since(started)
			break
		}
		time.Sleep(time.Millisecond)
	}
	if p.start == 0 {
		t.Fatalf("%s did not answer", p.cmd.Path)
	}
	c, err := ois.New(ois.Config{Endpoint: "http://" + p.addr, AccessKeyID: keyID, SecretAccessKey: secret})
	if err != nil {
		t.Fatal(err)
	}
	p.bucket = c.Bucket("bench-bucket", "")
}

func freeAddr(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// load sends requests to p and returns the CPU seconds that p took for 1,000 of them.
func load(t *testing.T, p *process, verb string) float64 {
	t.Helper()
	before := cpuSeconds(t, p.cmd.Process.Pid)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range *concurrency {
		wg.Go(func() {
			body := make([]byte, size)
			for i := range body {
				body[i] = byte(rand.Uint32())
			}
			for n := next.Add(1); n <= int64(*requests); n = next.Add(1) {
				if err := request(t.Context(), p.bucket, verb, "key-"+strconv.FormatInt(n, 10), body); err != nil {
					t.Errorf("%s: %v", verb, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return (cpuSeconds(t, p.cmd.Process.Pid) - before) / float64(*requests) * 1000
}

func request(ctx context.Context, b *ois.Bucket, verb, key string, body []byte) error {
	switch verb {
	case "PUT":
		_, err := b.Put(ctx, key, bytes.NewReader(body), nil)
		return err
	case "HEAD":
		_, err := b.Head(ctx, key, nil)
		return err
	}
	r, err := b.Get(ctx, key, nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, r)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came back, want %d", n, size)
	}
	_ = r.Close() // it was read to its end
	return err
}

// cpuSeconds returns the CPU time that a process has taken so far.
func cpuSeconds(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skipf("CPU time is read from /proc: %v", err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64) // the kernel writes numbers
	system, _ := strconv.ParseFloat(fields[12], 64)
	const ticks = 100 // USER_HZ on every Linux
	return (user + system) / ticks
}

func residentMiB(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("memory is read from /proc: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseFloat(strings.Fields(kb)[0], 64) // as above
			return n / 1024
		}
	}
	return 0
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

func spread(v []float64) string {
	return fmt.Sprintf("%.3f (%.3f-%.3f)", median(v), slices.Min(v), slices.Max(v))
}
