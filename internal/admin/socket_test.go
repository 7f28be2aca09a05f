package admin

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// listen listens on a socket until the test ends.
func listen(t *testing.T, socket string) net.Listener {
	t.Helper()
	l, err := Listen(t.Context(), socket)
	if err != nil {
		t.Fatalf("Listen(%q) = %v; want nil", socket, err)
	}
	t.Cleanup(func() { _ = l.Close() }) // some tests close it themselves
	return l
}

func TestSocketIsForItsOwner(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes on Windows")
	}
	dir := t.TempDir()
	listen(t, filepath.Join(dir, "ois.sock"))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("directory holds %v, %v; want the socket alone", entries, err)
	}
	fi, err := entries[0].Info()
	if err != nil || fi.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode is %v, %v; want a socket with 0600", fi.Mode(), err)
	}
}

func TestClosedSocketIsGone(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ois.sock")
	l := listen(t, socket)
	c, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatalf("Dial = %v; want nil", err)
	}
	c.Close()
	if err := l.Close(); err != nil {
		t.Errorf("Close = %v; want nil", err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lstat = %v; want that the socket is gone", err)
	}
	if _, err := Dial(t.Context(), socket); !errors.Is(err, ErrNoServer) {
		t.Errorf("Dial = %v; want ErrNoServer", err)
	}
	listen(t, socket)
}

// abandon leaves a socket behind as a killed process does.
func abandon(t *testing.T, socket string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestStaleSocketIsReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ois.sock")
	abandon(t, socket)
	if err := os.MkdirAll(filepath.Join(socket+".new", "s"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), socket); !errors.Is(err, ErrNoServer) {
		t.Errorf("Dial of a stale socket = %v; want ErrNoServer", err)
	}
	listen(t, socket)
	c, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatalf("Dial = %v; want nil", err)
	}
	c.Close()
}

func TestWhatIsInUseIsNotReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ois.sock")
	listen(t, socket)
	if _, err := Listen(t.Context(), socket); err == nil || !strings.Contains(err.Error(), "somebody listens") {
		t.Errorf("Listen = %v; want that somebody listens", err)
	}
	file := filepath.Join(t.TempDir(), "ois.sock")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), file); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("Listen = %v; want that there is something else", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "text" {
		t.Errorf("the file holds %q, %v; want it as it was", text, err)
	}
}

func TestLongSocketNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 90), strings.Repeat("e", 90))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "ois.sock")
	reach := func() error {
		l, err := Listen(t.Context(), socket)
		if err != nil {
			return err
		}
		defer l.Close()
		c, err := Dial(t.Context(), socket)
		if err != nil {
			return err
		}
		return c.Close()
	}
	// Where a directory cannot be named by its descriptor, a name of this length is an error that says so.
	if err := reach(); runtime.GOOS == "linux" && err != nil || err != nil && !strings.Contains(err.Error(), "choose a shorter") {
		t.Errorf("long name: %v; want nil, or an error that says what to do", err)
	}
	t.Chdir(dir)
	if err := reach(); err != nil {
		t.Errorf("long name with a short relative one: %v; want nil", err)
	}
}

func TestSocketNameThatLinuxTakesForSomethingElse(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("@data", 0o700); err != nil {
		t.Fatal(err)
	}
	listen(t, filepath.Join("@data", "ois.sock"))
	if _, err := os.Lstat(filepath.Join("@data", "ois.sock")); err != nil {
		t.Errorf("Lstat = %v; want a socket in the directory", err)
	}
}

func TestDialSaysWhatIsForbidden(t *testing.T) {
	if !slices.Contains([]string{"linux", "darwin"}, runtime.GOOS) || os.Getuid() == 0 {
		t.Skip("nothing is forbidden to this user")
	}
	dir := t.TempDir()
	listen(t, filepath.Join(dir, "ois.sock"))
	if err := os.Chmod(filepath.Join(dir, "ois.sock"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), filepath.Join(dir, "ois.sock")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Dial = %v; want fs.ErrPermission", err)
	}
}
