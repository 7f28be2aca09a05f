package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// clientDomain is what rclone takes: its backend refuses hosts without a dot.
const clientDomain = "ois.test"

// A tool is a command line client, and how it copies.
type tool struct {
	name string
	args []string // before what it does
	env  []string
	url  string   // of the bucket
	copy []string // takes a folder there
	sync []string // takes what is new in it
}

// deed is what one run of a tool took.
type deed struct{ wall, cpu, memory float64 }

// clientTable prints what command line clients take for a tree of small files and for a large one, on one server.
func (b *bench) clientTable(ctx context.Context) (err error) {
	s, err := b.startOISWith(ctx, b.subdir("client"), "--domain", clientDomain)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(s.data)) }()
	tools, err := b.tools(ctx, s.addr)
	if err != nil {
		return err
	}
	b.progress("client: make %d files of 4K, and one of %d MiB", b.files, b.film)
	tree, film := b.subdir("tree"), filepath.Join(b.subdir("film"), "film")
	for _, dir := range []string{tree, filepath.Dir(film)} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if err := b.plant(tree); err != nil {
		return err
	}
	if err := writeOften(mib, int64(b.film), film); err != nil {
		return err
	}
	seen := map[string]cells{"wall": {}, "cpu": {}, "memory": {}}
	work := []struct {
		name, dir string
		size      int64 // about what it takes in memory, as files
	}{
		{fmt.Sprintf("%d files of 4K", b.files), tree, int64(b.files) * 16 * kib},
		{fmt.Sprintf("a file of %d MiB", b.film), filepath.Dir(film), int64(b.film) * mib},
	}
	for _, w := range work {
		for n := range b.rounds {
			for i := range tools { // who begins changes from round to round
				t := tools[(i+n)%len(tools)]
				b.progress("client: %s, round %d of %d, %s", w.name, n+1, b.rounds, t.name)
				if err := b.there(ctx, s, t, w.dir, w.size, func(row string, d deed) {
					row = w.name + ", " + row
					seen["wall"].add(row, t.name, d.wall)
					seen["cpu"].add(row, t.name, d.cpu)
					seen["memory"].add(row, t.name, d.memory)
				}); err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, t.name, err)
				}
			}
		}
	}
	b.clientPrint(tools, seen, work[0].name, work[1].name)
	return nil
}

func (b *bench) clientPrint(tools []*tool, seen map[string]cells, works ...string) {
	for _, m := range []struct{ of, title string }{
		{"wall", "## Command line clients (`ois cp -r` and `ois sync`; `rclone copy`) on one server, seconds"},
		{"cpu", "## CPU of the client, seconds"},
		{"memory", "## Memory of the client, VmHWM in MiB"},
	} {
		t := &table{title: m.title, head: []string{""}}
		for _, tool := range tools {
			t.head = append(t.head, tool.name)
		}
		for _, w := range works {
			for _, does := range []string{"up", "up again", "down"} {
				row := []string{w + ", " + does}
				for _, tool := range tools {
					row = append(row, spread(seen[m.of][[2]string{row[0], tool.name}]))
				}
				t.add(row...)
			}
		}
		t.print(b.out)
	}
}

// there takes a folder up, up again when nothing is to do, and down, checks what came, and clears up.
func (b *bench) there(ctx context.Context, s *server, t *tool, dir string, size int64, note func(string, deed)) (err error) {
	if err := s.created(ctx); err != nil {
		return err
	}
	down, err := os.MkdirTemp(b.dir, "down-")
	if err != nil {
		return err
	}
	// An ext4 without a journal looks for inodes that were not deleted in the last minutes: whoever makes files
	// after many were deleted waits for that. So what came down stays until the end, unless it is large.
	if size > 1<<30 {
		defer func() { err = errors.Join(err, os.RemoveAll(down)) }()
	}
	for _, step := range []struct {
		name     string
		do       []string
		from, to string
	}{{"up", t.copy, dir, t.url}, {"up again", t.sync, dir, t.url}, {"down", t.copy, t.url, down}} {
		if err := b.warm(size); err != nil {
			return err
		}
		syscall.Sync() // what the step before left to write is not this one's
		d, err := t.run(ctx, append(slices.Clone(step.do), step.from, step.to)...)
		if err != nil {
			return err
		}
		note(step.name, d)
	}
	if out, err := exec.CommandContext(ctx, "diff", "-r", dir, down).CombinedOutput(); err != nil {
		return fmt.Errorf("what came down differs: %w\n%s", err, out[:min(len(out), 1000)])
	}
	ois := &tool{args: []string{b.ois}, env: b.cliEnv(s.addr)}
	_, err = ois.run(ctx, "rb", "--force", "ois://"+bucket)
	return err
}

func (t *tool) run(ctx context.Context, args ...string) (deed, error) {
	args = append(slices.Clone(t.args), args...)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), t.env...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return deed{}, fmt.Errorf("%q: %w\n%s", args, err, out[max(0, len(out)-1000):])
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return deed{}, errors.New("the system does not tell what a process took")
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return deed{time.Since(began).Seconds(), cpu.Seconds(), float64(usage.Maxrss) * kib / mib}, nil
}

func (b *bench) cliEnv(addr string) []string {
	return []string{"OIS_ENDPOINT=http://" + addr, "OIS_ACCESS_KEY_ID=" + keyID, "OIS_SECRET_ACCESS_KEY=" + secret, "OIS_ZONE=jn1a", "HOME=" + b.dir}
}

// tools returns ois, and rclone as it is by default and with as many transfers as ois has, if it is there.
func (b *bench) tools(ctx context.Context, addr string) ([]*tool, error) {
	ours := &tool{name: "ois", args: []string{b.ois}, env: b.cliEnv(addr), url: "ois://" + bucket, copy: []string{"cp", "-qr"}, sync: []string{"sync", "-q"}}
	if b.rclone == "" {
		return []*tool{ours}, nil
	}
	_, port, _ := net.SplitHostPort(addr)
	// Its SDK puts the zone before the host: that name is only in an /etc/hosts that it alone sees.
	hosts := b.subdir("hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost "+clientDomain+" jn1a."+clientDomain+"\n"), 0o600); err != nil {
		return nil, err
	}
	env := []string{
		"HOME=" + b.dir, "RCLONE_CONFIG_OIS_TYPE=qingstor", "RCLONE_CONFIG_OIS_ACCESS_KEY_ID=" + keyID, "RCLONE_CONFIG_OIS_SECRET_ACCESS_KEY=" + secret,
		"RCLONE_CONFIG_OIS_ZONE=jn1a", "RCLONE_CONFIG_OIS_ENDPOINT=http://" + clientDomain + ":" + port, "no_proxy=*",
	}
	args := []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts, b.rclone}
	usual := &tool{name: "rclone", args: args, env: env, url: "ois:" + bucket, copy: []string{"copy", "-q"}, sync: []string{"copy", "-q"}}
	many := *usual
	many.name, many.copy = "rclone --transfers 64", []string{"copy", "-q", "--transfers", "64", "--checkers", "64"}
	many.sync = many.copy
	if _, err := usual.run(ctx, "lsf", "ois:"); err != nil {
		return nil, fmt.Errorf("rclone does not run: %w", err)
	}
	return []*tool{ours, usual, &many}, nil
}

// plant makes the files of a tree, 100 in a folder.
func (b *bench) plant(dir string) error {
	for n := range b.files {
		folder := filepath.Join(dir, fmt.Sprintf("%04d", n/100))
		if n%100 == 0 {
			if err := os.Mkdir(folder, 0o755); err != nil {
				return err
			}
		}
		at := n * 4096 % (len(b.noise) - 4096)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%02d.bin", n%100)), b.noise[at:at+4096], 0o600); err != nil {
			return err
		}
	}
	return nil
}
