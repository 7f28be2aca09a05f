// Command bench measures `ois serve` from outside, as a process of its own, and prints what it
// saw as Markdown tables. Beside it stand MinIO, where that is installed, and the calibration
// of the same run, since figures of one machine say little about another.
//
// Run it with `make bench`; one table alone with `make bench TABLE=cpu`. It reads /proc, so it
// runs on Linux. It is a module of its own, so that peers can be measured here without anybody
// depending on them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// config is what the flags say.
type config struct {
	tables  string
	rounds  int           // interleaved runs of a cell
	wall    time.Duration // of one run, at most
	objects int           // of the scale and start tables
	listed  int           // of the list table
	ois     string        // a binary; empty: build the tree
	files   int           // of the client table's tree
	film    int           // MiB of its large file
	minio   string        // a binary; empty: no peer
	rclone  string        // a binary with the qingstor backend; empty: no peer
	dir     string        // where the data goes
	root    string        // of the repository
}

// A bench is one run of this program.
type bench struct {
	config
	out    io.Writer // the tables; progress goes to standard error
	built  string    // what ois was built from
	noise  []byte    // random, what bodies are made of
	filled string    // data directory that holds b.objects; empty until a table needs it
}

// tables in the order in which they run. The start table takes over what the scale table filled.
var tables = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"cpu", (*bench).cpuTable},
	{"latency", (*bench).latencyTable},
	{"list", (*bench).listTable},
	{"scale", (*bench).scaleTable},
	{"large", (*bench).largeTable},
	{"start", (*bench).startTable},
	{"client", (*bench).clientTable},
}

func main() {
	if role := os.Getenv(roleVar); role != "" {
		exit(playRole(role))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	exit(err)
}

func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string) (err error) {
	c, err := parse(args)
	if err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp(c.dir, "bench-"); err != nil {
		return fmt.Errorf("make a data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	b := &bench{config: *c, out: os.Stdout, noise: noise(2 * pieceSize)}
	if err := b.ready(ctx); err != nil {
		return err
	}
	b.facts(ctx)
	for _, t := range tables {
		if !c.wants(t.name) {
			continue
		}
		began := time.Now()
		if err := t.run(b, ctx); ctx.Err() != nil {
			return context.Cause(ctx) // what else went wrong came of it
		} else if err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		b.progress("table %s took %v", t.name, time.Since(began).Round(time.Second))
	}
	return nil
}

func parse(args []string) (*config, error) {
	c := &config{}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&c.tables, "table", "all", "tables to measure: all, or some of "+strings.Join(names, ","))
	f.IntVar(&c.rounds, "rounds", 5, "interleaved runs of a cell; the median is printed")
	f.DurationVar(&c.wall, "wall", 3*time.Second, "longest time of one run")
	f.IntVar(&c.objects, "objects", 1_000_000, "objects of the scale and start tables")
	f.IntVar(&c.listed, "listed", 100_000, "objects of the list table, below a hundredth as many prefixes")
	f.StringVar(&c.ois, "ois", "", "`binary` of ois (default: built from the tree)")
	f.StringVar(&c.minio, "minio", "minio", "`binary` of MinIO, by path or in PATH; empty leaves it out")
	f.IntVar(&c.files, "files", 20_000, "files of the client table's tree")
	f.IntVar(&c.film, "film", 4096, "`MiB` of its large file; three times as much is needed on the disk")
	f.StringVar(&c.rclone, "rclone", "", "`binary` of rclone with its qingstor backend, such as make test-interop leaves in bin; empty leaves it out")
	f.StringVar(&c.dir, "dir", "", "`directory` for the data, on the disk to measure (default: bin of the repository)")
	f.StringVar(&c.root, "root", "..", "`directory` of the repository")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(c.tables, ",") {
		if name != "all" && !slices.Contains(names, name) {
			return nil, fmt.Errorf("no table %q; there are all, %s", name, strings.Join(names, ", "))
		}
	}
	if f.NArg() > 0 || c.rounds < 1 || c.objects < 1000 || c.listed < 1000 || c.files < 1 || c.film < 1 || c.wall <= 0 {
		return nil, errors.New("want no arguments, -rounds of 1 or more, -objects and -listed of 1000 or more, -files and -film of 1 or more, and a positive -wall")
	}
	return c, c.place()
}

// place settles where the binaries are and where the data goes.
func (c *config) place() (err error) {
	if c.minio != "" {
		path, err := exec.LookPath(c.minio)
		if err != nil && c.minio != "minio" {
			return err
		}
		c.minio = path
	}
	if c.dir == "" {
		c.dir = filepath.Join(c.root, "bin")
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return err
		}
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	kind, err := fileSystem(c.dir)
	if err != nil {
		return err
	}
	if kind == "tmpfs" || kind == "ramfs" {
		return fmt.Errorf("%s is on a %s, where a sync costs nothing; name a directory on a disk with -dir", c.dir, kind)
	}
	return nil
}

func (c *config) wants(table string) bool {
	names := strings.Split(c.tables, ",")
	return slices.Contains(names, "all") || slices.Contains(names, table)
}

// ready builds what is to be measured.
func (b *bench) ready(ctx context.Context) error {
	if b.ois != "" {
		b.built = "binary " + filepath.Base(b.ois)
		return nil
	}
	git := exec.CommandContext(ctx, "git", "-C", b.root, "describe", "--always", "--dirty")
	b.built = "tree at " + firstLine(git.Output())
	b.ois = filepath.Join(b.dir, "ois")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.ois, "./cmd/ois")
	cmd.Dir, cmd.Env = b.root, append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
