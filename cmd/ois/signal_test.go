package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
)

// TestDemoCleansUpWhenNobodyReads is "ois demo | head -1".
func TestDemoCleansUpWhenNobodyReads(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGPIPE on Windows")
	}
	temp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "ois", "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReaderSize(out, 16).ReadString('\n'); err != nil || !strings.Contains(line, temp) {
		t.Errorf("ois demo prints %q, %v; want the place of its data first", line, err)
	}
	out.Close()
	if _, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || cmd.ProcessState.ExitCode() != 1 || talk.Len() > 0 {
		t.Errorf("ois demo ends with %v and says %q; want status 1 without a word", cmd.ProcessState, &talk)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("ois demo leaves %v, %v; want nothing", left, err)
	}
}

// TestCommandsCleanUpWhenTheTerminalIsGone hangs up on a download in its middle, unless it runs with nohup.
func TestCommandsCleanUpWhenTheTerminalIsGone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGHUP on Windows")
	}
	started, finish := make(chan struct{}, 2), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "4")
		w.Header().Set("ETag", `"7afe399f1415b137d0962f82662fa9d4"`)
		if r.Method == http.MethodHead {
			return
		}
		w.Header().Set("Content-Range", "bytes 0-3/4")
		w.WriteHeader(http.StatusPartialContent)
		fmt.Fprint(w, "ha")
		w.(http.Flusher).Flush()
		started <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-finish:
			fmt.Fprint(w, "lf")
		}
	}))
	defer srv.Close()
	for _, nohup := range []bool{false, true} {
		dir := t.TempDir()
		script := `exec ois cp ois://some-bucket/key .`
		if nohup {
			script = `trap "" HUP; ` + script
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "OIS_ENDPOINT="+srv.URL, "HOME="+dir)
		var talk bytes.Buffer
		cmd.Stderr = &talk
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-started
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
		want, files := 130, 0
		if nohup {
			close(finish)
			want, files = 0, 1
		}
		_ = cmd.Wait() // the status tells
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != files || cmd.ProcessState.ExitCode() != want {
			t.Errorf("nohup %t: ois cp ends with %v and leaves %v, %v; want status %d and %d files\n%s", nohup, cmd.ProcessState, left, err, want, files, &talk)
		}
	}
}

var noObjects = regexp.MustCompile(`(?m)^objects +0$`)

// TestSecondSignalEndsAtOnce stops a server in the middle of a request that never ends.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	env := append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID=root", "OIS_ROOT_SECRET_ACCESS_KEY=secret")
	dir := filepath.Join(t.TempDir(), "data")
	p, err := serve(t.Context(), "", env, "--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	client, err := ois.New(ois.Config{Endpoint: p.url, AccessKeyID: "root", SecretAccessKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	b := client.Bucket("test-bucket", "")
	if err := b.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	link, err := b.PresignPut(t.Context(), "endless.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n", strings.TrimPrefix(link, p.url))
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("the first answer is %q, %v; want 100 Continue", line, err)
	}
	// The second signal counts once the first has arrived; sending it again and again makes sure of that.
	for p.cmd.Process.Signal(os.Interrupt) == nil {
		runtime.Gosched()
	}
	<-p.ended
	if p.cmd.ProcessState.Success() {
		t.Errorf("ois serve ends with %v; want the signal", p.cmd.ProcessState)
	}
	if out, err := run(t.Context(), "fsck", "--data", dir); err != nil || !noObjects.MatchString(out) {
		t.Errorf("ois fsck afterwards: %v\n%s; want a clean store without the object", err, out)
	}
}
