package main

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// The calibration runs in processes of their own, which are this program again with roleVar
// set: "serve ADDR", "md5 SIZE COUNT", "write SIZE COUNT FILE".
const roleVar = "OIS_BENCH_ROLE"

// sizeHeader tells the bare server how much to send back.
const sizeHeader = "X-Bench-Size"

func roleCommand(ctx context.Context, role ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), roleVar+"="+strings.Join(role, " "))
	return cmd, nil
}

func playRole(role string) error {
	what, rest, _ := strings.Cut(role, " ")
	if what == "serve" {
		return http.ListenAndServe(rest, http.HandlerFunc(answerBare))
	}
	var size, count int64
	var file string
	if n, err := fmt.Sscan(rest, &size, &count, &file); err != nil && n < 2 {
		return fmt.Errorf("role %q: %w", role, err)
	}
	switch what {
	case "md5":
		return hashOften(size, count)
	case "write":
		return writeOften(size, count, file)
	}
	return fmt.Errorf("no role %q", role)
}

// chunk is what the calibration hashes, writes and sends at once.
var chunk = noise(mib)

// answerBare reads what it is sent and sends as much as it is asked for.
func answerBare(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the load is all that matters
	switch r.Method {
	case http.MethodPut:
		w.WriteHeader(http.StatusCreated)
		return
	case http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPost:
		_, _ = io.WriteString(w, `{"upload_id":"0"}`) // as above
		return
	}
	n, _ := strconv.ParseInt(r.Header.Get(sizeHeader), 10, 64) // none means 0
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	if r.Method == http.MethodHead {
		return
	}
	_ = chunks(n, func(b []byte) error { _, err := w.Write(b); return err }) // as above
}

// chunks gives n bytes to do, a chunk at a time.
func chunks(n int64, do func([]byte) error) error {
	for n > 0 {
		k := min(n, int64(len(chunk)))
		if err := do(chunk[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

func hashOften(size, count int64) error {
	for range count {
		h := md5.New()
		err := chunks(size, func(b []byte) error { _, err := h.Write(b); return err })
		if err != nil {
			return err
		}
		h.Sum(nil)
	}
	return nil
}

// writeOften appends to one file, which it leaves unsynced.
func writeOften(size, count int64, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for range count {
		if err := chunks(size, func(b []byte) error { _, err := f.Write(b); return err }); err != nil {
			return err
		}
	}
	return nil
}

// warm takes n bytes of memory and gives them back.
//
// A virtual machine may hand its free memory to its host (virtio-balloon, free page reporting). Then the
// first touch of a page has the host find memory again, and that counts as CPU time of whoever
// touches it: a buffered write was seen to take 12 times as long. So each run that is to
// be compared with others starts with as much memory at hand as it will need.
func (b *bench) warm(n int64) error {
	file := b.subdir("warm")
	err := writeOften(mib, (min(n, warmest)+256*mib)/mib, file)
	return errors.Join(err, os.Remove(file))
}

const warmest = 5 << 30

// calibrate returns the CPU seconds of 1,000 turns of a role that is not a server. Each turn takes size bytes;
// there are enough of them to fill total.
func calibrate(ctx context.Context, role string, size, total int64, file ...string) (float64, error) {
	count := max(1, total/size)
	cmd, err := roleCommand(ctx, append([]string{role, strconv.FormatInt(size, 10), strconv.FormatInt(count, 10)}, file...)...)
	if err != nil {
		return 0, err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("calibrate %s: %w\n%s", role, err, out)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return used.Seconds() / float64(count) * 1000, nil
}

// noise returns n random bytes, so that no disk and no store can make them smaller.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
}
