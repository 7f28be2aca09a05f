package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
)

// blobs is the blob engine of a data directory: packs, and the files of format 1 as long as there are any. An epoch
// that has any when the directory is opened has no packs, since those came with format 2.
type blobs struct {
	*packblob.Engine
	files *fileblob.Engine // nil if there are none
	old   map[uint32]bool  // epochs of files
	space *space
}

var _ blob.Engine = (*blobs)(nil)

// openBlobs opens the blobs of a data directory.
func openBlobs(ctx context.Context, fsys vfs.FS, dir string, s *space) (*blobs, error) {
	b := &blobs{old: make(map[uint32]bool), space: s}
	if err := b.openFiles(ctx, fsys, fsys.PathJoin(dir, blobsName)); err != nil {
		return nil, err
	}
	var err error
	b.Engine, err = packblob.Open(fsys, fsys.PathJoin(dir, packsName), packblob.Options{})
	if err != nil && b.files != nil {
		err = errors.Join(err, b.files.Close())
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *blobs) openFiles(ctx context.Context, fsys vfs.FS, dir string) error {
	files, err := fileblob.Open(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	epochs, err := files.Epochs(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("open blobs in %s: %w", dir, err), files.Close())
	}
	for _, e := range epochs {
		b.old[e] = true
	}
	b.files = files
	return nil
}

// Put implements blob.Engine.
func (b *blobs) Put(ctx context.Context, epoch uint32, size int64, src blob.Source) (blob.ID, int64, error) {
	if err := b.space.RoomFor(size); err != nil {
		return blob.ID{}, 0, err
	}
	if size < 0 {
		src = &endless{src, b.space}
	}
	id, n, err := b.Engine.Put(ctx, epoch, size, src)
	if err != nil {
		err = b.space.refused(err, max(size, n+blob.PieceLen))
	}
	return id, n, err
}

// An endless is a Source of nobody knows how many bytes, which ends when the room does.
type endless struct {
	blob.Source
	space *space
}

// Next implements blob.Source.
func (e *endless) Next() ([]byte, error) {
	if err := e.space.Room(); err != nil {
		return nil, err
	}
	return e.Source.Next()
}

// Open implements blob.Engine.
func (b *blobs) Open(ctx context.Context, id blob.ID, off, n int64) (io.ReadCloser, error) {
	if b.old[id.Epoch] {
		return b.files.Open(ctx, id, off, n)
	}
	return b.Engine.Open(ctx, id, off, n)
}

// Delete implements blob.Engine.
func (b *blobs) Delete(ctx context.Context, live blob.Live, ids ...blob.ID) error {
	if len(b.old) == 0 {
		return b.Engine.Delete(ctx, live, ids...)
	}
	var old, packed []blob.ID
	for _, id := range ids {
		if b.old[id.Epoch] {
			old = append(old, id)
		} else {
			packed = append(packed, id)
		}
	}
	return errors.Join(b.files.Delete(ctx, live, old...), b.Engine.Delete(ctx, live, packed...))
}

// Collect implements blob.Engine.
func (b *blobs) Collect(ctx context.Context, epoch uint32, live blob.Live, dry bool) (int64, error) {
	if b.old[epoch] {
		return b.files.Collect(ctx, epoch, live, dry)
	}
	return b.Engine.Collect(ctx, epoch, live, dry)
}

// Epochs implements blob.Engine.
func (b *blobs) Epochs(ctx context.Context) ([]uint32, error) {
	epochs, err := b.Engine.Epochs(ctx)
	if err != nil || b.files == nil {
		return epochs, err
	}
	old, err := b.files.Epochs(ctx)
	epochs = append(epochs, old...)
	slices.Sort(epochs)
	return slices.Compact(epochs), err
}

// Close implements blob.Engine.
func (b *blobs) Close() error {
	err := b.Engine.Close()
	if b.files != nil {
		err = errors.Join(err, b.files.Close())
	}
	return err
}
