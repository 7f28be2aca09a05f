// Package datadir opens a data directory: the marker that says whose directory it is, the lock that
// keeps a second process out, the engines in their places, and the store over them. It also keeps
// the root key pair.
//
// It is the one place that knows where things lie in a data directory:
//
//	FORMAT    marker and version of the layout, one line
//	LOCK      held while a process has the directory open
//	root-key  the root key pair, unless the environment gives one
//	meta/     metadata, internal/meta/pebblemeta
//	packs/    bytes of objects, internal/blob/packblob
//	blobs/    those of format 1, if there are any left, internal/blob/fileblob
//	ballast   room that is kept for the metadata
//	logs/     lines of access logs until they are delivered, internal/accesslog
//	ois.sock  socket of the running server, internal/admin
//
// What the engines write is theirs; this package does not look into it.
//
// It also watches the room on the disk: see Options.MinFree.
package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/oisproject/ois/internal/accesslog"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/seal"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// Names in a data directory.
const (
	formatName  = "FORMAT"
	lockName    = "LOCK"
	rootKeyName = "root-key"
	metaName    = "meta"
	packsName   = "packs"
	blobsName   = "blobs"
	ballastName = "ballast"
	socketName  = "ois.sock"
	logsName    = "logs"
)

// Errors of Open.
var (
	// ErrInUse is matched when another process has the directory open.
	ErrInUse = errors.New("in use by another process")
	// ErrNotExist is matched when there is no data directory and Options.Create is not set.
	ErrNotExist = errors.New("not there, or empty")
	// ErrForeign is matched when the directory holds something that is not ours.
	ErrForeign = errors.New("not a data directory")
	// ErrIncomplete is matched when a part of the data directory is missing.
	ErrIncomplete = errors.New("incomplete")
)

// Options tune Open. The zero value is the default.
type Options struct {
	// Create makes a missing or empty directory into a data directory. Without it
	// that is an error, so that a mistyped name does not look like an empty store.
	Create bool

	Logger *slog.Logger     // nil means no log
	Now    func() time.Time // the clock; nil is time.Now

	// MinFree is how many bytes of a file system stay free: while there are fewer, writes that need room are refused with
	// fault.ServiceUnavailable, and everything else goes on. 0 means 5 % of it, at most 1 GiB; a negative number
	// means none but what the metadata needs to go on, which is 1 % of it, at least 8 MiB and at most 64 MiB.
	MinFree int64

	// These are those of store.Options. Secrets also seals the file with the root key pair.
	ScrubRate      int64
	Still          bool
	Secrets        *seal.Ring
	WithoutSecrets bool
	MaxBuckets     int

	// Fatal is called once when the metadata can promise nothing any more, see pebblemeta.Options. It
	// should end the process.
	Fatal func(error)
}

// A Dir is an open data directory.
type Dir struct {
	// Store is what the directory holds. Close closes it.
	Store *store.Store
	// Created says that there was no data directory before.
	Created bool
	// Jobs are the works that come again and again. They run by the clock once they are started, and end with Close.
	Jobs *job.Runner
	// AccessLog takes the lines of access logs, which one of the jobs delivers.
	AccessLog *accesslog.Log

	lock  io.Closer
	fs    vfs.FS
	dir   string
	meta  *pebblemeta.Engine
	blobs *blobs
	space *space

	secrets *seal.Ring
}

// Open opens the data directory dir for this process alone.
func Open(ctx context.Context, fsys vfs.FS, dir string, o *Options) (*Dir, error) {
	if o == nil {
		o = &Options{}
	}
	d, err := open(ctx, fsys, dir, o)
	if err != nil {
		return nil, fmt.Errorf("data directory %q: %w", dir, err)
	}
	return d, nil
}

func open(ctx context.Context, fsys vfs.FS, dir string, o *Options) (*Dir, error) {
	state, err := inspect(fsys, dir)
	if o.Create && errors.Is(err, ErrForeign) {
		return nil, fmt.Errorf("%w; choose an empty directory, or one that is not there yet", err)
	}
	if err != nil {
		return nil, err
	}
	if state == fresh && !o.Create {
		return nil, ErrNotExist
	}
	if err := vfs.MkdirAll(fsys, dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := fsys.Lock(fsys.PathJoin(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	d := &Dir{lock: lock, fs: fsys, dir: dir, secrets: o.Secrets}
	if err := d.start(ctx, fsys, dir, o); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// start opens what is in the directory, which nobody else does now.
func (d *Dir) start(ctx context.Context, fsys vfs.FS, dir string, o *Options) error {
	state, err := inspect(fsys, dir) // again: who held the lock a moment ago may have made it
	if err != nil {
		return err
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d.Created = state == fresh
	if err := prepare(ctx, fsys, dir, state, log); err != nil {
		return err
	}
	room := newSpace(fsys, dir, o.MinFree, log)
	meta, err := pebblemeta.Open(pebblemeta.Options{
		FS: metaFS{fsys, room}, Dir: fsys.PathJoin(dir, metaName), MemTableBytes: memTable(room.ballast.size),
		Fatal: o.Fatal, Logger: o.Logger,
	})
	if err != nil {
		return err
	}
	blobs, err := openBlobs(ctx, fsys, dir, room)
	if err != nil {
		return errors.Join(err, meta.Close())
	}
	room.begin()
	d.meta, d.blobs, d.space = meta, blobs, room
	d.Store, err = store.Open(ctx, store.Options{
		Meta: meta, Blobs: blobs, Logger: o.Logger, Now: o.Now, Room: room.Room, ScrubRate: o.ScrubRate, Still: o.Still,
		Secrets: o.Secrets, WithoutSecrets: o.WithoutSecrets, MaxBuckets: o.MaxBuckets,
	})
	if err == nil {
		d.AccessLog = accesslog.Open(accesslog.Options{FS: fsys, Dir: fsys.PathJoin(dir, logsName), Room: room.Room, Now: o.Now, Logger: log})
		d.Jobs = d.jobs(o.Now, log)
	}
	return err
}

// prepare makes a directory one of the present format.
func prepare(ctx context.Context, fsys vfs.FS, dir string, state state, log *slog.Logger) error {
	if state != marked {
		if err := writeFormat(fsys, dir); err != nil {
			return err
		}
	}
	if state == marked1 {
		log.InfoContext(ctx, "data directory upgraded; programs that only know format 1 refuse it now", slog.Int("format", format))
	}
	for _, name := range []string{metaName, packsName} {
		if err := vfs.Mkdir(fsys, fsys.PathJoin(dir, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the jobs, closes the store and lets other processes in. Requests must have ended before.
func (d *Dir) Close() error {
	d.Jobs.Stop()
	d.AccessLog.Close()
	return errors.Join(d.Store.Close(), d.lock.Close())
}

// Socket returns the name of the socket in dir on which a running server is administered.
func Socket(fsys vfs.FS, dir string) string { return fsys.PathJoin(dir, socketName) }
