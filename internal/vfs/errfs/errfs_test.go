package errfs_test

import (
	"errors"
	"io/fs"
	"testing"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// calls makes one call of each kind that a file system has, and returns their names and errors.
func calls(t *testing.T, fsys *errfs.FS) (names []string, errs []error) {
	t.Helper()
	note := func(name string, err error) {
		names, errs = append(names, name), append(errs, err)
	}
	file := func(name string, f vfs.File, err error) vfs.File {
		note(name, err)
		return f
	}
	note("mkdirall", fsys.MkdirAll("d", 0o700))
	f, err := fsys.Create("d/a", pvfs.WriteCategoryUnspecified)
	if f = file("create", f, err); f != nil {
		_, err := f.Write([]byte("hello!"))
		note("write", err)
		note("preallocate", f.Preallocate(0, 100))
		note("sync", f.Sync())
		note("syncdata", f.SyncData())
		_, err = f.SyncTo(1)
		note("syncto", err)
		_, err = f.Stat()
		note("filestat", err)
		note("close", f.Close())
	}
	f, err = fsys.CreateNew("d/b", 0o600)
	if f = file("createnew", f, err); f != nil {
		_ = f.Close()
	}
	f, err = fsys.Open("d/a")
	if f = file("open", f, err); f != nil {
		_, err := f.Read(make([]byte, 1))
		note("read", err)
		_, err = f.ReadAt(make([]byte, 1), 1)
		note("readat", err)
		_ = f.Close()
	}
	f, err = fsys.OpenReadWrite("d/a", pvfs.WriteCategoryUnspecified)
	if f = file("openreadwrite", f, err); f != nil {
		_, err := f.WriteAt([]byte("HELLO!"), 0)
		note("writeat", err)
		_ = f.Close()
	}
	f, err = fsys.OpenDir("d")
	if f = file("opendir", f, err); f != nil {
		_ = f.Close()
	}
	note("link", fsys.Link("d/a", "d/l"))
	note("rename", fsys.Rename("d/l", "d/m"))
	f, err = fsys.ReuseForWrite("d/m", "d/n", pvfs.WriteCategoryUnspecified)
	if f = file("reuseforwrite", f, err); f != nil {
		_ = f.Close()
	}
	note("remove", fsys.Remove("d/b"))
	_, err = fsys.List("d")
	note("list", err)
	_, err = fsys.Stat("d")
	note("stat", err)
	l, err := fsys.Lock("d/LOCK")
	if note("lock", err); l != nil {
		_ = l.Close()
	}
	_, err = fsys.GetDiskUsage("d")
	note("getdiskusage", err)
	packCalls(fsys, note)
	note("removeall", fsys.RemoveAll("d"))
	return names, errs
}

// packCalls makes one call of each kind that a pack has.
func packCalls(fsys *errfs.FS, note func(name string, err error)) {
	p, err := fsys.CreatePack("d/p", 0o600)
	if note("createpack", err); err == nil {
		_, err := p.WriteAt([]byte("hello!"), 0)
		note("writeat", err)
		note("syncdata", p.SyncData())
		note("preallocate", p.Preallocate(0, 100))
		note("punchhole", p.PunchHole(0, 1))
		note("close", p.Close())
	}
	p, err = fsys.OpenPack("d/p")
	if note("openpack", err); err == nil {
		_, err := p.Size()
		note("size", err)
		note("view", p.View(0, 0, func([]byte) error { return nil }))
		_ = p.Close()
	}
}

func TestEveryKindOfCallIsCountedAndCanFail(t *testing.T) {
	var all []string
	fsys := errfs.New(vfs.NewMem())
	names, errs := calls(t, fsys)
	for i, err := range errs {
		if err != nil {
			t.Errorf("%s without a hook: %v", names[i], err)
		}
	}
	if fsys.Calls() < int64(len(names)) || fsys.OpenFiles() != 0 {
		t.Errorf("%d calls were counted, %d files are open; want at least %d, 0", fsys.Calls(), fsys.OpenFiles(), len(names))
	}
	all = names
	for _, kind := range all {
		fsys := errfs.New(vfs.NewMem())
		fsys.SetHook(func(op errfs.Op) error {
			if op.Kind == kind {
				return errfs.ErrInjected
			}
			return nil
		})
		names, errs := calls(t, fsys)
		found := false
		for i, name := range names {
			if name == kind {
				found = true
				if !errors.Is(errs[i], errfs.ErrInjected) {
					t.Errorf("%s that should fail: %v; want ErrInjected", kind, errs[i])
				}
			}
		}
		if !found || fsys.OpenFiles() != 0 {
			t.Errorf("%s failed: %t; %d files are open, want 0", kind, found, fsys.OpenFiles())
		}
	}
}

func TestFailAt(t *testing.T) {
	for _, rest := range []bool{false, true} {
		fsys := errfs.New(vfs.NewMem())
		fsys.SetHook(errfs.FailAt(2, rest))
		for n, fails := range []bool{false, true, rest, rest} {
			if err := fsys.MkdirAll("d", 0o700); errors.Is(err, errfs.ErrInjected) != fails {
				t.Errorf("rest %t, call %d = %v; should fail: %t", rest, n+1, err, fails)
			}
		}
		fsys.SetHook(nil)
		if err := fsys.MkdirAll("d", 0o700); err != nil {
			t.Errorf("call without a hook: %v", err)
		}
	}
}

func TestFailedWriteLeavesHalf(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	f, err := fsys.CreateNew("a", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	fsys.SetHook(errfs.FailAt(2, false))
	if n, err := f.Write([]byte("123456")); n != 3 || !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("Write = %d, %v; want 3, ErrInjected", n, err)
	}
	if b, err := vfs.ReadFile(fsys, "a", 100); err != nil || string(b) != "123" {
		t.Errorf("file holds %q, %v; want 123", b, err)
	}
}

func TestFailedWriteOfPackLeavesHalf(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	p, err := fsys.CreatePack("a", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	fail := func(err error) {
		fsys.SetHook(func(op errfs.Op) error {
			if op.Kind == "writeat" {
				return err
			}
			return nil
		})
	}
	fail(errfs.ErrInjected)
	if n, err := p.WriteAt([]byte("123456"), 0); n != 3 || !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("WriteAt = %d, %v; want 3, ErrInjected", n, err)
	}
	fail(errfs.ErrKilled)
	if n, err := p.WriteAt([]byte("x"), 0); n != 0 || !errors.Is(err, errfs.ErrKilled) {
		t.Errorf("WriteAt of a dead process = %d, %v; want 0, ErrKilled", n, err)
	}
	fsys.SetHook(nil)
	if b, err := vfs.ReadFile(fsys, "a", 100); err != nil || string(b) != "123" {
		t.Errorf("file holds %q, %v; want 123", b, err)
	}
}

func TestStall(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	hook, stalled, release := errfs.Stall(errfs.Op.IsSync)
	fsys.SetHook(hook)
	f, err := fsys.CreateNew("a", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- f.Sync() }()
	if op := <-stalled; op.Kind != "sync" || op.Path != "a" {
		t.Errorf("stalled call is %+v; want the sync of a", op)
	}
	if _, err := fsys.Stat("a"); err != nil {
		t.Errorf("another call while one is stalled: %v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("Sync returned %v before it was released", err)
	default:
	}
	release()
	if err := <-done; err != nil {
		t.Errorf("Sync = %v; want nil", err)
	}
	if err := f.Sync(); err != nil {
		t.Errorf("Sync after the release = %v; want nil", err)
	}
}

func TestInjectedErrorNamesCallAndPath(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	fsys.SetHook(errfs.FailAt(1, false))
	var pe *fs.PathError
	if err := fsys.Remove("a"); !errors.As(err, &pe) || pe.Op != "remove" || pe.Path != "a" {
		t.Errorf("Remove = %v; want a PathError of remove a", err)
	}
}
