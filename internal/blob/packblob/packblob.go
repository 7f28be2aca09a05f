// Package packblob is the blob engine that keeps many blobs in a file, a pack.
//
// Blobs are appended. Puts that run at the same time each take a range of the current pack, write to it at the same time, and
// share the syncs that make it durable. A blob that is large, or of unknown size, has a pack of its own. The id
// of a blob says where it lies, so nothing needs to be looked up to read it.
//
// Room is never used twice. That of a deleted blob is given back to the file system by a hole in the pack,
// and a pack in which nothing lives any more is removed. The engine does not know which blobs live: it asks the store.
// It never takes what it finds in a pack for a blob because it looks like one, since
// that may be bytes of a user.
//
// # Files
//
// A pack lies in EPOCH/NUMBER.pack: the epoch in 8 hexadecimal digits, the number in 9. docs/format.md
// describes what is in it. Only the process that has made a pack appends to it. A name that is not
// of this form makes Collect and Epochs return an error.
//
// Where the file system cannot punch holes, room comes back by whole packs only.
package packblob

import (
	"cmp"
	"errors"
	"fmt"
	"sync"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// dirMode and fileMode keep the bytes from other users of the machine.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// Options tune an Engine. The zero value is the default.
type Options struct {
	PackLen   int64 // bytes after which no blob is added to a shared pack; 0 means 256 MiB
	OwnLen    int64 // bytes, with header and table, beyond which a blob has a pack of its own; 0 means 4 MiB
	OpenPacks int   // files that stay open while nobody uses them; 0 means 512
}

// An Engine is a blob.Engine.
type Engine struct {
	fs    vfs.FS
	root  string
	opt   Options
	files cache

	flushStep int64 // that of the constant; tests have a smaller one

	gate    blob.Gate
	figures figures
	dirs    sync.Mutex // held while the directory of an epoch is made or removed

	mu      sync.Mutex
	writers map[uint32]*writer // by epoch; guarded by mu
}

var _ blob.Engine = (*Engine)(nil)

// Open opens the engine in a directory, which it makes if there is none.
func Open(fsys vfs.FS, dir string, opt Options) (*Engine, error) {
	opt.PackLen = cmp.Or(opt.PackLen, 256<<20)
	opt.OwnLen = cmp.Or(opt.OwnLen, 4<<20)
	opt.OpenPacks = cmp.Or(opt.OpenPacks, 512)
	switch {
	case opt.PackLen < pageLen || opt.PackLen > maxLen:
		return nil, fmt.Errorf("open blobs in %s: packs of %d bytes; allowed: %d to %d", dir, opt.PackLen, pageLen, int64(maxLen))
	case opt.OwnLen < 0 || opt.OpenPacks < 0:
		return nil, fmt.Errorf("open blobs in %s: negative limits %d and %d", dir, opt.OwnLen, opt.OpenPacks)
	}
	if err := vfs.MkdirAll(fsys, dir, dirMode); err != nil {
		return nil, fmt.Errorf("open blobs in %s: %w", dir, err)
	}
	e := &Engine{
		fs:      fsys,
		root:    fsys.PathJoin(dir), // cleaned
		opt:     opt,
		writers: make(map[uint32]*writer),

		flushStep: flushStep,
	}
	e.files.init(e, opt.OpenPacks)
	return e, nil
}

// Close implements blob.Engine.
func (e *Engine) Close() error {
	if err := e.gate.Close(); err != nil {
		return err
	}
	var errs []error
	for epoch, w := range e.writers {
		if t := w.takeCurrent(); t != nil {
			errs = append(errs, t.retire())
		}
		_ = e.fs.Remove(e.epochDir(epoch)) // fails if it is not empty
	}
	return errors.Join(append(errs, e.files.close())...)
}
