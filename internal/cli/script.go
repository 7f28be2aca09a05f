package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/words"
)

type runFlags struct {
	jobs int
	stop bool
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [FILE|-]",
		Short: "Run many commands in one process",
		Long: `Run commands from a file, or from standard input, one a line: without "ois", with quotes and backslashes as in a shell, and with comments after "#".
They share connections and workers, so that thousands of small commands take little more than their requests. With --jobs they
run side by side, in no order. What fails does not stop the others, unless --stop is given; the exit status is 1 then.`,
		Example: `  printf 'rm ois://b/a\nrm ois://b/c\n' | ois run
  ois run --jobs 16 commands.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("unexpected argument %q", args[1])
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.jobs < 1 || f.jobs > 1024 {
				return usagef("--jobs %d is not allowed: want 1 to 1024", f.jobs)
			}
			in := a.Stdin
			if len(args) > 0 && args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close() // it was only read
				in = file
			}
			return a.runAll(cmd.Context(), &f, in)
		},
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	cmd.Flags().IntVarP(&f.jobs, "jobs", "j", 1, "`NUMBER` of commands at once")
	cmd.Flags().BoolVar(&f.stop, "stop", false, "run nothing more after a failure")
	return cmd
}

// runnable are the commands that "ois run" takes: those of clients, which share connections.
func (a *app) runnable(name string) bool {
	return name != "run" && slices.ContainsFunc(append(a.clientCommands(), a.bucketCommand()), func(c *cobra.Command) bool { return c.Name() == name })
}

// maxLine is how many bytes a line may have.
const maxLine = 1 << 20

func (a *app) runAll(ctx context.Context, f *runFlags, in io.Reader) error {
	a.house()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, f.jobs)
	var done, failed atomic.Int64
	out, talk := &lines{w: a.Stdout}, &lines{w: a.Stderr}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan() && ctx.Err() == nil && out.broken() == nil && (!f.stop || failed.Load() == 0); n++ {
		args, err := words.Split(lines.Text())
		if err == nil && len(args) == 0 {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err == nil && !a.runnable(args[0]) {
				err = fmt.Errorf("%q is not a command that can be run here", args[0])
			}
			switch {
			case err != nil:
				fmt.Fprintf(talk, "line %d: %v\n", n, err)
				failed.Add(1)
			case a.runLine(ctx, args, out, talk) != exitOK:
				failed.Add(1)
				if out.broken() != nil {
					return // all fail then
				}
				fmt.Fprintf(talk, "line %d: %s: failed\n", n, strings.Join(args, " "))
			default:
				done.Add(1)
			}
		})
	}
	wg.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case out.broken() != nil:
		return out.broken()
	case lines.Err() != nil:
		return fmt.Errorf("a line cannot be read: %w", lines.Err())
	case failed.Load() > 0:
		return &itemsError{failed: failed.Load(), done: done.Load(), status: exitFailed}
	}
	return nil
}

// runLine runs a command in this process.
func (a *app) runLine(ctx context.Context, args []string, out, talk *lines) int {
	stdout, stderr := &part{to: out}, &part{to: talk}
	defer stdout.flush()
	defer stderr.flush()
	one := &app{Env: a.Env, disk: a.disk, shared: a.shared}
	one.Args, one.Stdin, one.Stdout, one.Stderr, one.Terminal = args, strings.NewReader(""), stdout, stderr, false
	return one.run(ctx)
}

// lines is output that several commands share.
type lines struct {
	mu  sync.Mutex
	w   io.Writer
	err error // of the first write that failed; guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.w.Write(p)
	if l.err == nil {
		l.err = err
	}
	return n, err
}

// broken is why nothing more can be printed.
func (l *lines) broken() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// A part of the output is that of one command. Whole lines go on, so that those of several commands do not get mixed up.
type part struct {
	to   *lines
	mu   sync.Mutex
	rest []byte // guarded by mu
}

// maxRest is how long a line can be that is not torn.
const maxRest = 64 << 10

func (t *part) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := bytes.LastIndexByte(p, '\n') + 1
	if len(t.rest)+len(p) > maxRest {
		end = len(p)
	}
	if end == 0 {
		t.rest = append(t.rest, p...)
		return len(p), nil
	}
	whole := p[:end]
	if len(t.rest) > 0 {
		whole = append(t.rest, whole...)
	}
	t.rest = append([]byte(nil), p[end:]...)
	if _, err := t.to.Write(whole); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t *part) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) > 0 {
		_, _ = t.to.Write(t.rest) // whoever reads has left
		t.rest = nil
	}
}
