package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"
)

// TestMain makes this test binary the command oisgen for the processes that scripts start.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"oisgen": main})
}

// TestScripts runs the scripts in testdata/script. Besides the commands of testscript they have:
//
//	status N oisgen ARGS…   runs oisgen, which must exit with N; stdout and stderr look at its output
//	says FILE               wants what was printed last, to stdout and then to stderr, to be what is in the file
//	edit FILE OLD NEW       replaces a text everywhere in the file
func TestScripts(t *testing.T) {
	run(t, filepath.Join("testdata", "script"))
}

// TestWalkThroughWorksAsPrinted types the walk in docs/generator.md in.
func TestWalkThroughWorksAsPrinted(t *testing.T) {
	data, err := os.ReadFile("../../docs/generator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "\n## A walk")
	text, _, ok := strings.Cut(text, "\n## ")
	a := walk(t, text)
	if !ok || len(a.Files) < 10 {
		t.Fatalf("the walk has %d files and outputs; want more than ten", len(a.Files))
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "walk.txtar"), txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir)
}

// run runs the scripts in a folder.
func run(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": statusCmd, "says": saysCmd, "edit": editCmd},
	})
}

// edits are what the walk has its reader change.
var edits = regexp.MustCompile("In `([^`]+)`, write `([^`]+)` for `([^`]+)`")

// walk makes a script of a text: of code blocks with the name of a file in their first line, of console
// blocks, and of what stands between them.
func walk(t *testing.T, text string) *txtar.Archive {
	t.Helper()
	a := &txtar.Archive{}
	add := func(format string, args ...any) { a.Comment = fmt.Appendf(a.Comment, format+"\n", args...) }
	keep := func(data string) string {
		name := "step-" + strconv.Itoa(len(a.Files))
		a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(data)})
		return name
	}
	for i, part := range strings.Split("\n"+text, "\n```") {
		if i%2 == 0 {
			for _, m := range edits.FindAllStringSubmatch(strings.Join(strings.Fields(part), " "), -1) {
				add("edit %s '%s' '%s'", m[1], m[3], m[2])
			}
			continue
		}
		kind, block, _ := strings.Cut(part, "\n")
		_, name, named := strings.Cut(kind, " ")
		switch {
		case named:
			add("mkdir %s\ncp %s %s", path.Dir(name), keep(block+"\n"), name)
		case kind == "console":
			for step := range strings.SplitSeq(strings.TrimPrefix(block, "$ "), "\n$ ") {
				command, output, _ := strings.Cut(step+"\n", "\n")
				if name, ok := strings.CutPrefix(command, "cat "); ok {
					add("cmp %s %s", name, keep(output))
					continue
				}
				status := "0"
				if c, ok := strings.CutSuffix(command, "; echo $?"); ok {
					lines := strings.SplitAfter(output, "\n")
					command, status = c, strings.TrimSpace(lines[len(lines)-2])
					output = strings.Join(lines[:len(lines)-2], "")
				}
				add("status %s %s\nsays %s", status, command, keep(output))
			}
		default:
			t.Errorf("a block of %q is no step", kind)
		}
	}
	return a
}

// statusCmd runs a command that must exit with a status.
func statusCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s exits with %d; want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// saysCmd compares what was printed last with a file.
func saysCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: says FILE")
	}
	if got, want := ts.ReadFile("stdout")+ts.ReadFile("stderr"), ts.ReadFile(args[0]); got != want {
		ts.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

// editCmd replaces a text in a file.
func editCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}
