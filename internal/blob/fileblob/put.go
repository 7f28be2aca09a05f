package fileblob

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// A buffer holds a chunk and, for a blob of one chunk, all that comes after it.
type buffer [chunkSize + sumLen + footerLen]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// Put implements blob.Engine.
func (e *Engine) Put(ctx context.Context, id blob.ID, size int64, r io.Reader) (int64, error) {
	if err := e.enter(ctx); err != nil {
		return 0, err
	}
	defer e.leave()
	n, err := e.put(ctx, id, size, r)
	if err != nil {
		return n, fmt.Errorf("put blob %s: %w", id, err)
	}
	return n, nil
}

func (e *Engine) put(ctx context.Context, id blob.ID, size int64, r io.Reader) (int64, error) {
	name := e.path(id)
	if err := e.makeDir(id, dirOf(name)); err != nil {
		return 0, err
	}
	f, err := e.fs.CreateNew(name, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return 0, blob.ErrExist
	}
	if err != nil {
		return 0, err
	}
	w := writer{file: f, foot: footer{id: id}, sums: newSummer(id)}
	err = w.writeAll(ctx, size, r)
	if err == nil {
		err = f.SyncData()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = vfs.SyncDir(e.fs, dirOf(name)) // commit: bytes and name are durable
	}
	if err != nil {
		return w.foot.size, errors.Join(err, e.undo(id, name))
	}
	return w.foot.size, nil
}

// undo removes the file of a Put that has failed. If it cannot, Open refuses the id from now on.
func (e *Engine) undo(id blob.ID, name string) error {
	err := e.fs.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	e.failed.Store(id, nil)
	return err
}

// makeDir sees to it that the directory of a blob is there for good.
func (e *Engine) makeDir(id blob.ID, dir string) error {
	e.dirs.Lock()
	defer e.dirs.Unlock()
	if e.made[dir] {
		return nil
	}
	epoch := e.epochDir(id.Epoch)
	if !e.made[epoch] {
		if err := vfs.Mkdir(e.fs, epoch, dirMode); err != nil {
			return err
		}
		e.made[epoch] = true
	}
	if err := vfs.Mkdir(e.fs, dir, dirMode); err != nil {
		return err
	}
	e.made[dir] = true
	return nil
}

// A writer writes one file from front to end.
type writer struct {
	file  vfs.File
	sums  summer
	foot  footer // what is known so far
	table []byte // of the chunks so far
}

// writeAll writes data, table and footer. It reads size bytes of r, or all if size is -1.
func (w *writer) writeAll(ctx context.Context, size int64, r io.Reader) error {
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	for last := false; !last; {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := int64(chunkSize)
		if size >= 0 {
			want = min(want, size-w.foot.size)
		}
		n, err := fill(r, buf[:want])
		got := w.foot.size + int64(n)
		if err == nil && int64(n) < want && size >= 0 {
			err = fmt.Errorf("%w: %d", blob.ErrShort, size)
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", got, err)
		}
		last = n < chunkSize || got == size
		if err := w.writeChunk(buf[:n], last); err != nil {
			return err
		}
	}
	return nil
}

// writeChunk writes a chunk, and after the last one also the end of the file. There is room for
// the end of a small file behind the chunk, so it takes a single call.
func (w *writer) writeChunk(chunk []byte, last bool) error {
	if len(chunk) > 0 {
		// Sum before Write, which may scribble on the chunk.
		sum := w.sums.sum(chunks(w.foot.size), chunk)
		w.table = binary.BigEndian.AppendUint32(w.table, sum)
		w.foot.size += int64(len(chunk))
	}
	out := chunk
	if last {
		w.foot.tableSum = crc32.Checksum(w.table, castagnoli)
		out = append(out, w.table...)
		out = w.foot.append(out)
	}
	_, err := w.file.Write(out)
	return err
}

// fill reads into buf until it is full or r ends, which is not an error. Unlike io.ReadFull it tells an r
// that ends from one that reports io.ErrUnexpectedEOF, as a broken request body does.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for idle := 0; n < len(buf); {
		m, err := r.Read(buf[n:])
		n += m
		if err == io.EOF { // exactly: whoever wraps it means a failure
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if idle++; m > 0 {
			idle = 0
		}
		if idle == 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}
