package vfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// each runs a test on the disk and in memory; dir exists.
func each(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("disk", func(t *testing.T) { test(t, vfs.Disk, t.TempDir()) })
	for name, fsys := range map[string]vfs.FS{"mem": vfs.NewMem(), "crashable": vfs.NewCrashableMem()} {
		t.Run(name, func(t *testing.T) {
			if err := fsys.MkdirAll("dir", 0o700); err != nil {
				t.Fatal(err)
			}
			test(t, fsys, "dir")
		})
	}
}

// wantFile checks the content of a file, and that it is for its owner only.
func wantFile(t *testing.T, fsys vfs.FS, name, want string) {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	if err != nil || string(b) != want {
		t.Errorf("file %s holds %q, %v; want %q", name, b, err, want)
	}
	fi, err := fsys.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := fi.Mode().Perm(); runtime.GOOS != "windows" && got != 0o600 {
		t.Errorf("file %s has mode %o; want 600", name, got)
	}
}

func TestCreateNew(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := fsys.PathJoin(dir, "key")
		f, err := fsys.CreateNew(name, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		wantFile(t, fsys, name, "") // before the first byte
		if _, err := f.Write([]byte("secret")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Preallocate(0, 4096), f.Sync(), f.SyncData()); err != nil {
			t.Errorf("preallocate and sync: %v", err)
		}
		if fi, err := f.Stat(); err != nil || fi.Size() != 6 {
			t.Errorf("Stat = %v; want 6 bytes", err)
		}
		b := make([]byte, 3)
		if n, err := f.ReadAt(b, 2); n != 3 || err != nil || string(b) != "cre" {
			t.Errorf("ReadAt = %q, %v; want cre", b, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := fsys.CreateNew(name, 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("second CreateNew = %v; want ErrExist", err)
		}
		wantFile(t, fsys, name, "secret")
		if _, err := fsys.CreateNew(fsys.PathJoin(dir, "none", "key"), 0o600); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("CreateNew in a missing directory = %v; want ErrNotExist", err)
		}
	})
}

func TestModeFollowsRename(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		a, b := fsys.PathJoin(dir, "a"), fsys.PathJoin(dir, "b")
		for name, mode := range map[string]fs.FileMode{a: 0o600, b: 0o640} {
			f, err := fsys.CreateNew(name, mode)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if err := fsys.Rename(a, b); err != nil {
			t.Fatal(err)
		}
		wantFile(t, fsys, b, "")
		if err := fsys.Remove(b); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{a, b} {
			if err := fsys.Remove(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Remove of a missing file = %v; want ErrNotExist", err)
			}
			if _, err := fsys.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Stat of a missing file = %v; want ErrNotExist", err)
			}
		}
	})
}

func TestReadFileRefusesLongFiles(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := fsys.PathJoin(dir, "a")
		if err := vfs.WriteFile(fsys, name, []byte("12345"), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := vfs.ReadFile(fsys, name, 5); err != nil || string(b) != "12345" {
			t.Errorf("ReadFile with limit 5 = %q, %v; want 12345", b, err)
		}
		if _, err := vfs.ReadFile(fsys, name, 4); err == nil {
			t.Error("ReadFile with limit 4 of 5 bytes = nil; want an error")
		}
		if _, err := vfs.ReadFile(fsys, name+"x", 4); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile of a missing file = %v; want ErrNotExist", err)
		}
	})
}

func TestWriteFile(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := fsys.PathJoin(dir, "a")
		f, err := fsys.CreateNew(name+".tmp", 0o644) // a crash left it
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		for _, content := range []string{"first", "", "third and longer"} {
			data := []byte(content)
			if err := vfs.WriteFile(fsys, name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if string(data) != content {
				t.Errorf("WriteFile changed the caller's bytes to %q", data)
			}
			wantFile(t, fsys, name, content)
		}
		if names, err := fsys.List(dir); err != nil || !slices.Equal(names, []string{"a"}) {
			t.Errorf("directory holds %q, %v; want only a", names, err)
		}
	})
}

func TestWriteFileCalls(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	if err := fsys.FS.MkdirAll("d", 0o700); err != nil {
		t.Fatal(err)
	}
	var calls []string
	fsys.SetHook(func(op errfs.Op) error {
		calls = append(calls, op.Kind+" "+op.Path)
		return nil
	})
	if err := vfs.WriteFile(fsys, "d/a", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"createnew d/a.tmp", "write d/a.tmp", "sync d/a.tmp", "close d/a.tmp",
		"rename d/a.tmp", "opendir d", "sync d", "close d",
	}
	if !slices.Equal(calls, want) {
		t.Errorf("calls are\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
}

// TestWriteFileFault fails each call in turn, and loses power before each.
func TestWriteFileFault(t *testing.T) {
	oldText, newText := strings.Repeat("old ", 3000), strings.Repeat("new!", 4000)
	oldOrNew := func(t *testing.T, fsys vfs.FS, when string, n int64) {
		t.Helper()
		if b, err := vfs.ReadFile(fsys, "d/a", 1<<20); err != nil || string(b) != oldText && string(b) != newText {
			t.Errorf("%s call %d: file holds %d bytes, %v; want the old content or the new", when, n, len(b), err)
		}
	}
	for n := int64(1); ; n++ {
		mem := vfs.NewCrashableMem()
		fsys := errfs.New(mem)
		if err := errors.Join(vfs.MkdirAll(mem, "d", 0o700), vfs.WriteFile(mem, "d/a", []byte(oldText), 0o600)); err != nil {
			t.Fatal(err)
		}
		fsys.SetHook(func(op errfs.Op) error {
			for percent := range 10 {
				oldOrNew(t, mem.PowerLoss(percent*11, uint64(n)), "power lost at", op.N)
			}
			return errfs.FailAt(n, false)(op)
		})
		err := vfs.WriteFile(fsys, "d/a", []byte(newText), 0o600)
		fsys.SetHook(nil)
		oldOrNew(t, fsys, "after failed", n)
		if fsys.OpenFiles() != 0 {
			t.Errorf("call %d failed: %d files stay open", n, fsys.OpenFiles())
		}
		if err == nil {
			if n == 1 {
				t.Fatal("no call was failed")
			}
			wantFile(t, mem.PowerLoss(0, 0), "d/a", newText)
			return
		}
		if !errors.Is(err, errfs.ErrInjected) {
			t.Fatalf("call %d: %v; want ErrInjected", n, err)
		}
		if err := vfs.WriteFile(fsys, "d/a", []byte(newText), 0o600); err != nil {
			t.Errorf("WriteFile after call %d failed: %v", n, err)
		}
		wantFile(t, mem.PowerLoss(0, 0), "d/a", newText)
	}
}

func TestMkdirAll(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		deep := fsys.PathJoin(dir, "a", "b", "c")
		for range 2 {
			if err := vfs.MkdirAll(fsys, deep, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if fi, err := fsys.Stat(deep); err != nil || !fi.IsDir() {
			t.Errorf("Stat = %v; want a directory", err)
		}
		file := fsys.PathJoin(dir, "file")
		if err := vfs.WriteFile(fsys, file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{file, fsys.PathJoin(file, "a"), fsys.PathJoin(file, "a", "b")} {
			if err := vfs.MkdirAll(fsys, name, 0o700); err == nil {
				t.Errorf("MkdirAll(%s), where a file is in the way, = nil; want an error", name)
			}
		}
	})
}

func TestMkdirAllSurvivesPowerLoss(t *testing.T) {
	mem := vfs.NewCrashableMem()
	if err := mem.MemFS.MkdirAll("a/b", 0o700); err != nil { // not synced: a process was killed
		t.Fatal(err)
	}
	for _, dir := range []string{"a/b", "x", "x/y/z", "v/w"} {
		if err := vfs.MkdirAll(mem, dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := mem.PowerLoss(0, 0).Stat(dir); err != nil {
			t.Errorf("after power loss: %v; want %s", err, dir)
		}
	}
}

func TestMkdirAllFault(t *testing.T) {
	for n := int64(1); ; n++ {
		mem := vfs.NewCrashableMem()
		fsys := errfs.New(mem)
		fsys.SetHook(errfs.FailAt(n, false))
		err := vfs.MkdirAll(fsys, "a/b", 0o700)
		if _, lost := mem.PowerLoss(0, 0).Stat("a/b"); err == nil && lost != nil {
			t.Errorf("call %d: MkdirAll = nil, and after power loss %v", n, lost)
		}
		if fsys.OpenFiles() != 0 {
			t.Errorf("call %d: %d files stay open", n, fsys.OpenFiles())
		}
		if fsys.Calls() < n {
			return
		}
	}
}

func TestPowerLoss(t *testing.T) {
	mem := vfs.NewCrashableMem()
	f, err := mem.CreateNew("a", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	write := func(s string) {
		t.Helper()
		b := []byte(s)
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		if len(b) > 0 && string(b) == s {
			t.Error("Write of a crashable file does not scribble")
		}
	}
	write("synced")
	if err := errors.Join(f.Sync(), vfs.SyncDir(mem, "/")); err != nil {
		t.Fatal(err)
	}
	write(" and not")
	wantFile(t, mem.PowerLoss(0, 0), "a", "synced")
	wantFile(t, mem.PowerLoss(100, 0), "a", "synced and not")
	wantFile(t, mem, "a", "synced and not")
	if err := mem.Remove("a"); err != nil {
		t.Fatal(err)
	}
	wantFile(t, mem.PowerLoss(0, 0), "a", "synced") // the removal was not synced
}

func TestPowerLossIsDrawnFromSeed(t *testing.T) {
	mem := vfs.NewCrashableMem()
	f, err := mem.CreateNew("a", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := vfs.SyncDir(mem, "/"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	read := func(seed uint64) []byte {
		b, err := vfs.ReadFile(mem.PowerLoss(50, seed), "a", 2<<20)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !bytes.Equal(read(1), read(1)) || bytes.Equal(read(1), read(2)) {
		t.Error("what is left does not depend on the seed alone")
	}
}

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := fsys.PathJoin(dir, "LOCK")
		for range 2 {
			l, err := fsys.Lock(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fsys.Lock(name); !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), name) {
				t.Errorf("second Lock = %v; want ErrLocked with the name", err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := fsys.Lock(fsys.PathJoin(dir, "none", "LOCK")); err == nil || errors.Is(err, vfs.ErrLocked) {
			t.Errorf("Lock in a missing directory = %v; want another error than ErrLocked", err)
		}
	})
}

// lockEnv tells a child of this test which file to lock.
const lockEnv = "OIS_VFS_TEST_LOCK"

func TestLockExcludesOtherProcesses(t *testing.T) {
	if name := os.Getenv(lockEnv); name != "" { // this is the child
		if _, err := vfs.Disk.Lock(name); !errors.Is(err, vfs.ErrLocked) {
			t.Fatalf("Lock in a second process = %v; want ErrLocked", err)
		}
		return
	}
	name := vfs.Disk.PathJoin(t.TempDir(), "LOCK")
	l, err := vfs.Disk.Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLockExcludesOtherProcesses$")
	cmd.Env = append(os.Environ(), lockEnv+"="+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("child: %v\n%s", err, out)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestKillReleasesLocks(t *testing.T) {
	mem := vfs.NewCrashableMem()
	old, err := mem.Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	mem.Kill()
	next, err := mem.Lock("LOCK")
	if err != nil {
		t.Fatalf("Lock after Kill = %v; want nil", err)
	}
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	if _, err := mem.Lock("/LOCK"); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("Lock after the dead process' lock was closed = %v; want ErrLocked", err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

func TestMemReuseForWrite(t *testing.T) {
	mem := vfs.NewCrashableMem()
	if err := vfs.WriteFile(mem, "a", []byte("recycled"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := mem.ReuseForWrite("a", "b", pvfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("RE")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, mem, "b", "REcycled")
}
