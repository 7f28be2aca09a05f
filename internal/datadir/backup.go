package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// Backup makes a copy of the data directory in another one, which is missing or empty. The copy is a data directory, too. It has all that was
// acknowledged before the call, as it was at one moment of it, and has been checked: an error is about the backup, what the
// report says is about what was found in it.
//
// The store serves meanwhile; only space is not given back until everything is copied. What a failure leaves is not taken
// for a data directory.
func (d *Dir) Backup(ctx context.Context, to string) (*store.BackupReport, error) {
	release := d.Store.HoldSweeper()
	defer release()
	r, err := replicate(ctx, d.fs, to, &origin{
		fs: d.fs, dir: d.dir, blobs: d.blobs, copied: release,
		meta: func(ctx context.Context, dir string) error { return d.meta.Backup(ctx, dir, metaName) },
	})
	if err != nil {
		return nil, fmt.Errorf("backup in %q: %w", to, err)
	}
	return r, nil
}

// Restore makes a copy of a backup in a directory that is missing or empty, and checks it as Backup does. The backup may be any data
// directory that nobody has open. It is not changed, and may lie where nothing can be written.
func Restore(ctx context.Context, fsys vfs.FS, backup, to string) (*store.BackupReport, error) {
	unlock, err := openBackup(fsys, backup)
	if err != nil {
		return nil, fmt.Errorf("backup in %q: %w", backup, err)
	}
	defer unlock()
	from := &origin{fs: vfs.ReadOnly(fsys), dir: backup, copied: func() {}}
	if from.blobs, err = openBlobs(ctx, from.fs, backup, nil); err != nil {
		return nil, fmt.Errorf("backup in %q: %w", backup, err)
	}
	from.meta = func(ctx context.Context, dir string) error {
		return copyFiles(ctx, from.fs, fsys.PathJoin(backup, metaName), fsys, fsys.PathJoin(dir, metaName))
	}
	r, err := replicate(ctx, fsys, to, from)
	if err := errors.Join(err, from.blobs.Close()); err != nil {
		return nil, fmt.Errorf("restore to %q: %w", to, err)
	}
	return r, nil
}

// openBackup sees to it that a directory is a whole one that nobody changes until unlock is called.
func openBackup(fsys vfs.FS, dir string) (unlock func(), err error) {
	switch state, err := inspect(fsys, dir); {
	case err != nil:
		return nil, err
	case state == fresh:
		return nil, ErrNotExist
	case state == marked1:
		return nil, fmt.Errorf("it has format 1; %q brings it to format %d", "ois fsck --data "+dir, format)
	}
	lock := fsys.PathJoin(dir, lockName)
	if _, err := fsys.Stat(lock); err != nil {
		return func() {}, nil //nolint:nilerr // nobody has ever opened it
	}
	l, err := fsys.Lock(lock)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%w; restore from a backup of it", ErrInUse)
	}
	if err != nil {
		return func() {}, nil //nolint:nilerr // who may not write it, or not to its file system, cannot keep others away
	}
	return func() { _ = l.Close() }, nil
}

// An origin is what a copy is made of.
type origin struct {
	fs     vfs.FS
	dir    string
	blobs  *blobs
	meta   func(ctx context.Context, dir string) error // makes a copy of the metadata in dir
	copied func()                                      // is called when nothing is needed any more
}

// replicate makes a data directory of what is in another one, and checks it.
func replicate(ctx context.Context, fsys vfs.FS, dir string, from *origin) (*store.BackupReport, error) {
	began := time.Now()
	if err := apart(from.dir, dir); err != nil {
		return nil, err
	}
	r, err := beginReplica(fsys, dir)
	if err != nil {
		return nil, err
	}
	report, err := r.fill(ctx, from)
	if err == nil {
		err = writeFormat(fsys, dir)
	}
	if err != nil {
		if discarded := r.discard(); discarded != nil {
			err = fmt.Errorf("%w; what is there could not be removed: %w", err, discarded)
		}
		return nil, err
	}
	seconds := time.Since(began).Round(time.Millisecond).Seconds()
	return &store.BackupReport{Report: report, Dir: dir, Seconds: seconds}, r.unlock()
}

// apart refuses a directory that lies in the other one, or is the same.
func apart(a, b string) error {
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	for _, p := range [][2]string{{absA, absB}, {absB, absA}} {
		if rel, err := filepath.Rel(p[0], p[1]); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("%q and %q lie in each other; choose another directory", a, b)
		}
	}
	return nil
}

// A replica is a data directory that is being made.
type replica struct {
	fs     vfs.FS
	dir    string
	isNew  bool // the directory was made, too
	unlock func() error
}

// beginReplica takes an empty directory, or makes one, and marks it as unfinished.
func beginReplica(fsys vfs.FS, dir string) (*replica, error) {
	_, missing := fsys.Stat(dir)
	r := &replica{fs: fsys, dir: dir, isNew: errors.Is(missing, fs.ErrNotExist)}
	if err := checkUnused(fsys, dir); err != nil {
		return nil, err
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
	r.unlock = sync.OnceValue(lock.Close)
	if err := checkUnused(fsys, dir); err != nil { // again: who held the lock a moment ago may have filled it
		return nil, errors.Join(err, r.unlock())
	}
	if err := r.mark(); err != nil {
		return nil, errors.Join(err, r.discard())
	}
	return r, nil
}

// checkUnused refuses a directory in which there is something.
func checkUnused(fsys vfs.FS, dir string) error {
	state, err := inspect(fsys, dir)
	if err != nil {
		return err
	}
	if state != fresh {
		return fmt.Errorf("%w: there is a data directory; choose an empty directory, or one that is not there yet", fs.ErrExist)
	}
	if _, err := fsys.Stat(fsys.PathJoin(dir, rootKeyName)); err == nil {
		return fmt.Errorf("%w: there is a %s; choose an empty directory, or one that is not there yet", fs.ErrExist, rootKeyName)
	}
	return nil
}

// mark says that the copy is not finished.
func (r *replica) mark() error {
	return vfs.WriteFile(r.fs, r.fs.PathJoin(r.dir, formatName), []byte(unfinished), 0o600)
}

// discard removes what was made, the mark at the end. It is made again before: the directory may have become a whole one, of which
// only that could not be made durable.
func (r *replica) discard() error {
	if err := r.mark(); err != nil {
		return errors.Join(err, r.unlock())
	}
	err := r.remove(packsName, blobsName, metaName, rootKeyName, rootKeyName+".tmp")
	if err == nil {
		err = vfs.SyncDir(r.fs, r.dir)
	}
	if err == nil {
		err = r.remove(formatName)
	}
	if err := errors.Join(err, r.unlock()); err != nil {
		return err
	}
	err = r.remove(lockName)
	if r.isNew {
		_ = r.fs.Remove(r.dir) // fails if somebody has put something there
	}
	return err
}

func (r *replica) remove(names ...string) error {
	var errs []error
	for _, n := range names {
		errs = append(errs, r.fs.RemoveAll(r.fs.PathJoin(r.dir, n)))
	}
	return errors.Join(errs...)
}

// fill copies everything and checks the copy.
func (r *replica) fill(ctx context.Context, from *origin) (*store.Report, error) {
	if err := r.copyRootKey(from); err != nil {
		return nil, err
	}
	if err := from.meta(ctx, r.dir); err != nil {
		return nil, err
	}
	if err := r.room(); err != nil {
		return nil, err
	}
	m, err := pebblemeta.Open(pebblemeta.Options{FS: r.fs, Dir: r.fs.PathJoin(r.dir, metaName), CacheBytes: 16 << 20})
	if err != nil {
		return nil, err
	}
	if err := r.copyBlobs(ctx, from.blobs, m); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	from.copied()
	return r.check(ctx, m)
}

// copyRootKey copies the file with the root key pair, if there is one.
func (r *replica) copyRootKey(from *origin) error {
	text, err := vfs.ReadFile(from.fs, from.fs.PathJoin(from.dir, rootKeyName), maxRootKeyLen)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return vfs.WriteFile(r.fs, r.fs.PathJoin(r.dir, rootKeyName), text, 0o600)
}

// copyBlobs copies the blobs that the copy of the metadata knows.
func (r *replica) copyBlobs(ctx context.Context, from *blobs, m meta.Engine) error {
	snap, err := m.Snapshot(ctx)
	if err != nil {
		return err
	}
	live := r.whileRoom(store.LiveBlobs(snap))
	err = from.CopyTo(ctx, r.fs, r.fs.PathJoin(r.dir, packsName), from.only(live, false))
	if err == nil && from.files != nil {
		err = from.files.CopyTo(ctx, r.fs, r.fs.PathJoin(r.dir, blobsName), from.only(live, true))
	}
	if errors.Is(err, blob.ErrCorrupt) || errors.Is(err, blob.ErrNotExist) {
		err = fmt.Errorf("%w; %q tells whose bytes these are", err, "ois fsck")
	}
	return errors.Join(err, snap.Close())
}

// only tells which blobs live that are in files of format 1, or of those that are not.
func (b *blobs) only(live blob.Live, old bool) blob.Live {
	return func(from blob.ID) (blob.ID, bool, error) {
		id, ok, err := live(from)
		for ok && err == nil && b.old[id.Epoch] != old {
			if id.Epoch++; id.Epoch == 0 {
				return blob.ID{}, false, nil
			}
			id, ok, err = live(blob.ID{Epoch: id.Epoch})
		}
		return id, ok, err
	}
}

// whileRoom ends a copy before the disk is full.
func (r *replica) whileRoom(live blob.Live) blob.Live {
	var next time.Time
	return func(from blob.ID) (blob.ID, bool, error) {
		if now := time.Now(); now.After(next) {
			next = now.Add(lookEvery)
			if err := r.room(); err != nil {
				return blob.ID{}, false, err
			}
		}
		return live(from)
	}
}

// room returns an error if the disk is nearly full: other things need some room there.
func (r *replica) room() error {
	u, err := r.fs.GetDiskUsage(r.dir)
	if err != nil {
		return nil //nolint:nilerr // then the disk says so itself
	}
	if u.AvailBytes < uint64(ballastSize(int64(u.TotalBytes))) {
		return fmt.Errorf("no room: the disk of %s has only %d bytes left", r.dir, u.AvailBytes)
	}
	return nil
}

// check looks at everything in the copy, the metadata of which is open, and closes it.
func (r *replica) check(ctx context.Context, m meta.Engine) (*store.Report, error) {
	b, err := openBlobs(ctx, r.fs, r.dir, nil)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	s, err := store.Open(ctx, store.Options{Meta: m, Blobs: b, Still: true})
	if err != nil {
		return nil, err
	}
	report, err := s.Check(ctx)
	return report, errors.Join(err, s.Close())
}
