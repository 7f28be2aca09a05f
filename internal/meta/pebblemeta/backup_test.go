package pebblemeta_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// openCopyable opens an engine beside an empty directory "backup".
func openCopyable(t *testing.T, fsys vfs.FS) *pebblemeta.Engine {
	t.Helper()
	e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: "meta", MemTableBytes: 256 << 10})
	if err == nil {
		err = vfs.Mkdir(fsys, "backup", 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// setRows sets rows of some lengths, and a counter to their number.
func setRows(t *testing.T, e meta.Engine, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		val := bytes.Repeat([]byte{byte(i)}, i%5*1000)
		c := &meta.Change{Sets: []meta.KV{{Key: fmt.Appendf(nil, "row %04d", i), Val: val}}, Adds: []meta.Delta{{Key: []byte("count"), N: 1}}}
		if err := e.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// wantRows opens a copy and wants the first n rows.
func wantRows(t *testing.T, fsys vfs.FS, dir string, n int) {
	t.Helper()
	e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := e.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	err = snap.Walk([]byte("row "), []byte("row!"), func(r meta.Row) ([]byte, bool) {
		if want := bytes.Repeat([]byte{byte(got)}, got%5*1000); !bytes.Equal(r.Val, want) || string(r.Key) != fmt.Sprintf("row %04d", got) {
			t.Errorf("row %d of the copy is %q with %d bytes", got, r.Key, len(r.Val))
		}
		got++
		return nil, false
	})
	row, _, failed := snap.Get([]byte("count"))
	count, bad := meta.Counter(row)
	if err := errors.Join(err, failed, bad); err != nil || got != n || int(count) != n {
		t.Errorf("the copy has %d rows and counts %d, %v; want %d", got, count, err, n)
	}
	if err := errors.Join(snap.Close(), e.Close()); err != nil {
		t.Error(err)
	}
}

func TestBackupHasAllThatWasAcknowledged(t *testing.T) {
	mem := vfs.NewCrashableMem()
	e := openCopyable(t, mem)
	for i, name := range []string{"a", "b", "c"} { // in the log, and in tables and files of values
		setRows(t, e, 300*i, 300*(i+1))
		if err := e.Backup(t.Context(), "backup", name); err != nil {
			t.Fatal(err)
		}
	}
	left := mem.PowerLoss(0, 0)
	for i, name := range []string{"a", "b", "c"} {
		wantRows(t, left, "backup/"+name, 300*(i+1))
	}
	if err := e.Backup(t.Context(), "backup", "c"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Backup in the place of another = %v; want ErrExist", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := e.Backup(t.Context(), "backup", "d"); !errors.Is(err, meta.ErrClosed) {
		t.Errorf("Backup after Close = %v; want ErrClosed", err)
	}
}

// TestFailedBackupHarmsNobody fails each call under the directory of the backup, alone and with all later ones.
func TestFailedBackupHarmsNobody(t *testing.T) {
	for _, rest := range []bool{false, true} {
		fsys := errfs.New(vfs.NewMem())
		e := openCopyable(t, fsys)
		setRows(t, e, 0, 300)
		for n := int64(1); ; n++ {
			var calls atomic.Int64
			fsys.SetHook(func(op errfs.Op) error {
				if !strings.HasPrefix(op.Path, "backup") {
					return nil
				}
				if c := calls.Add(1); c == n || rest && c > n {
					return errfs.ErrInjected
				}
				return nil
			})
			name := fmt.Sprint(n)
			err := e.Backup(t.Context(), "backup", name)
			fsys.SetHook(nil)
			if err == nil {
				wantRows(t, fsys, "backup/"+name, 300+int(n)-1)
			}
			setRows(t, e, 300+int(n)-1, 300+int(n))
			if calls.Load() < n {
				break
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBackupStopsWithItsContext(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := openCopyable(t, fsys)
	setRows(t, e, 0, 300)
	ctx, cancel := context.WithCancel(t.Context())
	fsys.SetHook(func(op errfs.Op) error {
		if strings.HasPrefix(op.Path, "backup") && op.Kind == "create" {
			cancel()
		}
		return nil
	})
	if err := e.Backup(ctx, "backup", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup = %v; want Canceled", err)
	}
	fsys.SetHook(nil)
	if _, err := fsys.Stat("backup/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of what was not finished = %v; want that there is none", err)
	}
	if err := e.Backup(ctx, "backup", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup with a context that has ended = %v; want Canceled", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
