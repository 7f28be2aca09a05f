package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// Faults calls test for n = 1, 2, … with a file system that fails call n after fail, alone and with all later ones, until
// no call is failed any more.
func Faults(t *testing.T, test func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func())) {
	for _, rest := range []bool{false, true} {
		t.Run(fmt.Sprintf("rest=%t", rest), func(t *testing.T) {
			for n := int64(1); ; n++ {
				mem := vfs.NewCrashableMem()
				fsys := errfs.New(mem)
				var last int64
				test(t, mem, fsys, func() {
					last = fsys.Calls() + n
					fsys.SetHook(errfs.FailAt(last, rest))
				})
				if t.Failed() {
					t.Fatalf("when call %d failed", n)
				}
				if fsys.OpenFiles() != 0 {
					t.Fatalf("call %d failed: %d files stay open", n, fsys.OpenFiles())
				}
				if fsys.Calls() < last {
					return
				}
			}
		})
	}
}

// WantInjected checks that a call fails only when it was made to, and says so.
func WantInjected(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("%s = %v; want nil or ErrInjected", what, err)
	}
}

// An opener is what can be read, of an engine.
type opener interface {
	Open(ctx context.Context, id blob.ID, off, n int64) (io.ReadCloser, error)
}

// Get returns a whole blob, read in one of two ways.
func Get(ctx context.Context, e opener, id blob.ID, writeTo bool) ([]byte, error) {
	var buf bytes.Buffer
	err := copyTo(ctx, &buf, e, id, writeTo)
	return buf.Bytes(), err
}

// Compare reads a blob as Get does, and returns an error if it is not what is wanted.
func Compare(ctx context.Context, e opener, id blob.ID, writeTo bool, want []byte) error {
	c := comparer{left: want}
	err := copyTo(ctx, &c, e, id, writeTo)
	if err == nil && len(c.left) > 0 {
		err = fmt.Errorf("the last %d bytes of %d are missing", len(c.left), len(want))
	}
	return err
}

func copyTo(ctx context.Context, w io.Writer, e opener, id blob.ID, writeTo bool) error {
	r, err := e.Open(ctx, id, 0, -1)
	if err != nil {
		return err
	}
	if writeTo {
		_, err = r.(io.WriterTo).WriteTo(w)
	} else {
		_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 100_000))
	}
	return errors.Join(err, r.Close())
}

// A comparer refuses other bytes than those it expects.
type comparer struct{ left []byte }

// Write implements io.Writer.
func (c *comparer) Write(b []byte) (int, error) {
	rest, ok := bytes.CutPrefix(c.left, b)
	if !ok {
		return 0, fmt.Errorf("wrong bytes, %d before the end", len(c.left))
	}
	c.left = rest
	return len(b), nil
}

// Alive returns a Live that names the ids.
func Alive(ids ...blob.ID) blob.Live {
	ids = slices.SortedFunc(slices.Values(ids), blob.ID.Compare)
	return func(from blob.ID) (blob.ID, bool, error) {
		i, _ := slices.BinarySearchFunc(ids, from, blob.ID.Compare)
		if i == len(ids) {
			return blob.ID{}, false, nil
		}
		return ids[i], true, nil
	}
}
