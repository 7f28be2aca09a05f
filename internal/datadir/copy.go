package datadir

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/oisproject/ois/internal/vfs"
)

// copyFiles makes a directory with copies of the files in another one, all but a lock, and compares them. When it returns
// nil, they survive a power failure.
func copyFiles(ctx context.Context, src vfs.FS, from string, dst vfs.FS, to string) error {
	names, err := src.List(from)
	if err != nil {
		return err
	}
	if err := vfs.Mkdir(dst, to, 0o700); err != nil {
		return err
	}
	for _, n := range names {
		if n == lockName || n == lostAndFound {
			continue
		}
		if err := copyFile(ctx, src, src.PathJoin(from, n), dst, dst.PathJoin(to, n)); err != nil {
			return fmt.Errorf("copy %s: %w", src.PathJoin(from, n), err)
		}
	}
	return vfs.SyncDir(dst, to)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// copyFile makes a durable copy of a file and reads it again.
func copyFile(ctx context.Context, src vfs.FS, from string, dst vfs.FS, to string) error {
	f, err := dst.CreateNew(to, 0o600)
	if err != nil {
		return err
	}
	wrote, err := sum(ctx, src, from, f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	read, err := sum(ctx, dst, to, io.Discard)
	if err == nil && read != wrote {
		err = errors.New("the copy has other bytes")
	}
	return err
}

// sum returns the checksum of a file, which it writes to w.
func sum(ctx context.Context, fsys vfs.FS, name string, w io.Writer) (uint32, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	crc, buf := uint32(0), make([]byte, 256<<10)
	for {
		n, err := f.Read(buf)
		crc = crc32.Update(crc, castagnoli, buf[:n])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil { // which may scribble on buf
				return 0, err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return crc, nil
		case err != nil:
			return 0, err
		case ctx.Err() != nil:
			return 0, ctx.Err()
		}
	}
}
