package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tick is the grain of CPU times in /proc: USER_HZ is 100 on every Linux.
const tick = 0.01

// cpuSeconds returns the CPU time that a process has taken so far, that of its threads which
// have ended included.
func cpuSeconds(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name, in parentheses, and may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields after the name, want 13 or more", pid, len(fields))
	}
	user, err := strconv.ParseFloat(string(fields[11]), 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(string(fields[12]), 64)
	return (user + system) * tick, err
}

// procNumber returns the number behind a name in a file of /proc/PID, such as RssAnon in status.
func procNumber(pid int, file, name string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("/proc/%d/%s names no %s", pid, file, name)
}

// quiet waits until the process takes at most one tick of CPU in the time calm, and gives up
// after limit. It reports whether the process became quiet.
func quiet(ctx context.Context, pid int, calm, limit time.Duration) (bool, error) {
	before, err := cpuSeconds(pid)
	for end := time.Now().Add(limit); err == nil && time.Now().Before(end); {
		if err := sleep(ctx, calm); err != nil {
			return false, err
		}
		now, err := cpuSeconds(pid)
		if err != nil {
			return false, err
		}
		if now-before < 1.5*tick {
			return true, nil
		}
		before = now
	}
	return false, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// diskBytes returns what the files below dir take on disk.
func diskBytes(ctx context.Context, dir string) (float64, error) {
	out, err := exec.CommandContext(ctx, "du", "-sk", dir).Output()
	if err != nil {
		return 0, fmt.Errorf("du: %w", err)
	}
	k, err := strconv.ParseFloat(strings.Fields(string(out))[0], 64)
	return k * kib, err
}

// fileSystem returns the kind of file system that dir is on.
func fileSystem(dir string) (string, error) {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", fmt.Errorf("bench reads /proc and runs on Linux only: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	kind, longest := "", -1
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasPrefix(dir+"/", strings.TrimSuffix(f[1], "/")+"/") {
			continue
		}
		if len(f[1]) >= longest { // of several mounts on one place the last counts
			kind, longest = f[2], len(f[1])
		}
	}
	return kind, nil
}

// facts prints the machine and what is measured on it.
func (b *bench) facts(ctx context.Context) {
	kind, _ := fileSystem(b.dir) // it was asked before
	fmt.Fprintf(b.out, "# Measured on %s\n\n", time.Now().UTC().Format(time.DateOnly))
	fmt.Fprintf(b.out, "- Machine: %d x %s%s, %.0f GiB, %s, Linux %s, %s\n", runtime.NumCPU(), infoLine("/proc/cpuinfo", "model name"),
		cpuFlags("avx2", "avx512bw", "sha_ni"), memory(), kind, firstLine(os.ReadFile("/proc/sys/kernel/osrelease")), runtime.Version())
	fmt.Fprintf(b.out, "- ois: %s; `%s`\n", b.built, strings.Join(append([]string{"ois"}, oisArgs("DIR", "HOST:PORT")...), " "))
	if b.minio == "" {
		fmt.Fprintf(b.out, "- MinIO: not installed\n")
	} else {
		version := exec.CommandContext(ctx, b.minio, "--version")
		fmt.Fprintf(b.out, "- MinIO: %s; `%s %s`\n", firstLine(version.Output()), strings.Join(minioEnv, " "), strings.Join(append([]string{"minio"}, minioArgs("DIR", "HOST:PORT")...), " "))
	}
	fmt.Fprintf(b.out, "- Load: one closed-loop client beside the server, on reused connections, signed; bodies are random, and MinIO's are not covered by the signature. What is read lies in the page cache.\n")
	fmt.Fprintf(b.out, "- Figures: median of %d interleaved runs (least-most); a run takes at most %v. CPU is that of the server process, until it is quiet again. Memory that a run will fill is touched before it: the first touch may be the host's work, and dear.\n\n", b.rounds, b.wall)
}

// firstLine takes the results of a call that may fail; for a fact that is no reason to stop.
func firstLine(b []byte, err error) string {
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// infoLine returns what the first line of that name says in a file of "name : value" lines.
func infoLine(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func cpuFlags(names ...string) (s string) {
	have := " " + infoLine("/proc/cpuinfo", "flags") + " "
	for _, name := range names {
		if strings.Contains(have, " "+name+" ") {
			s += " " + name
		}
	}
	if s != "" {
		s = " (" + s[1:] + ")"
	}
	return s
}

func memory() float64 {
	k, err := strconv.ParseFloat(strings.TrimSuffix(infoLine("/proc/meminfo", "MemTotal"), " kB"), 64)
	if err != nil {
		return math.NaN()
	}
	return k / kib / kib
}
