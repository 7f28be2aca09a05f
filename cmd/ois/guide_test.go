//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	guideDir = "../../docs/guide"
	pageTime = 2 * time.Minute // in which a page is done, on a busy machine
)

// TestGuide does what the pages of the guide say, each in an empty directory: every line of a console block that starts with "$ " is typed
// into one shell, and what it prints must be what the page shows below. In that, "…" stands for anything. What the first page sets up
// is set up for every other.
func TestGuide(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "openssl", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the guide needs %s: %v", tool, err)
		}
	}
	setup := readSteps(t, filepath.Join(guideDir, "README.md"))
	pages, err := filepath.Glob(filepath.Join(guideDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if strings.HasSuffix(name, ".zh-CN") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := startShell(t)
			for _, s := range setup {
				sh.do(s)
			}
			if name == "README" {
				return
			}
			for _, s := range readSteps(t, page) {
				sh.do(s)
			}
		})
	}
}

// A step is a command of a page, and what it prints there.
type step struct {
	page    string
	line    int
	command string
	want    string
}

// readSteps returns the commands in the console blocks of a page.
func readSteps(t *testing.T, page string) (list []step) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for i, line := range strings.Split(string(text), "\n") {
		switch command, typed := strings.CutPrefix(line, "$ "); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case typed:
			list = append(list, step{page: filepath.Base(page), line: i + 1, command: command})
		case len(list) == 0:
			t.Fatalf("%s:%d: a console block starts with what no command prints", page, i+1)
		case strings.HasPrefix(line, "> "):
			list[len(list)-1].command += "\n" + line[2:]
		default:
			list[len(list)-1].want += line + "\n"
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has no console block", page)
	}
	return list
}

// A shell is a bash that runs the commands of a page.
type shell struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Reader
	ports map[string]string // those of the page, and free ones in their place
	steps int
}

func startShell(t *testing.T) *shell {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pageTime)
	cmd := exec.CommandContext(ctx, "bash", "--norc", "--noprofile")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with what it has started
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "LC_ALL=C.UTF-8", raceVar + "=" + noSleep}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "kill $(jobs -p) 2>/dev/null; wait; exit\n") // it may have ended
		_ = cmd.Wait()                                                         // likewise
		cancel()
		_ = r.Close()
		_ = w.Close()
	})
	return &shell{t: t, in: in, out: bufio.NewReader(r), ports: make(map[string]string)}
}

var guidePort = regexp.MustCompile(`\b(127\.0\.0\.1|localhost):(9\d\d\d)\b`)

// use puts free ports in the place of those that a page has.
func (sh *shell) use(text string) string {
	return guidePort.ReplaceAllStringFunc(text, func(address string) string {
		host, port, _ := strings.Cut(address, ":")
		if sh.ports[port] == "" {
			l, err := new(net.ListenConfig).Listen(sh.t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				sh.t.Fatal(err)
			}
			_, sh.ports[port], _ = net.SplitHostPort(l.Addr().String())
			if err := l.Close(); err != nil {
				sh.t.Fatal(err)
			}
		}
		return host + ":" + sh.ports[port]
	})
}

// do runs a command and compares what it prints.
func (sh *shell) do(s step) {
	sh.t.Helper()
	sh.steps++
	mark := fmt.Sprintf("\x01%d", sh.steps)
	if _, err := fmt.Fprintf(sh.in, "%s\nprintf '\\001%d\\n'\n", sh.use(s.command), sh.steps); err != nil {
		sh.t.Fatalf("%s:%d: %v", s.page, s.line, err)
	}
	var got strings.Builder
	for {
		line, err := sh.out.ReadString('\n')
		before, marked := strings.CutSuffix(line, mark+"\n")
		got.WriteString(before)
		if marked {
			break
		}
		if err != nil {
			sh.t.Fatalf("%s:%d: $ %s\nthe shell has ended: %v\n%s", s.page, s.line, s.command, err, got.String())
		}
	}
	printed, want := strings.TrimRight(got.String(), "\n"), strings.TrimRight(sh.use(s.want), "\n")
	if !pattern(want).MatchString(printed) {
		sh.t.Fatalf("%s:%d: $ %s\nprints\n%s\nwant\n%s", s.page, s.line, s.command, printed, want)
	}
}

// pattern makes a regular expression of what a page shows.
func pattern(want string) *regexp.Regexp {
	parts := strings.Split(want, "…")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `.*?`) + `\z`)
}
