package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
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
