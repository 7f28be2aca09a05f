package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// DownloadFile makes a file of an object. The bytes go into a temporary file beside it, which
// is synced and takes the name path when all has arrived and the checksum fits: nothing half-written
// is ever found under that name. A file that was there is replaced and keeps its permissions. If
// path names something else, such as /dev/stdout or a named pipe, the object is written into it.
func (m *Manager) DownloadFile(ctx context.Context, key, path string, opts *DownloadOptions) (*Result, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fail("download", key, fmt.Errorf("%s is a directory", path))
	case err == nil && !info.Mode().IsRegular():
		return m.downloadDevice(ctx, key, path, opts)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fail("download", key, err)
	}
	d := m.fetch(key, path, opts)
	n, err := m.about(Down, key, path)
	if err != nil {
		return nil, fail("download", key, err)
	}
	d.noted = m.hasNote(n)
	return d.run(ctx, func(ctx context.Context) error {
		if d.noted || m.o.Checkpoint != "" && d.n > 1 {
			return d.resumeFile(ctx, n, info)
		}
		return d.file(ctx, info)
	})
}

func (m *Manager) downloadDevice(ctx context.Context, key, path string, opts *DownloadOptions) (*Result, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fail("download", key, err)
	}
	res, err := m.Download(ctx, key, f, opts)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fail("download", key, cerr)
	}
	return res, err
}

// file writes the object into a temporary file that takes the place of another, old, which
// may be nil.
func (d *fetch) file(ctx context.Context, old fs.FileInfo) error {
	temp := filepath.Join(filepath.Dir(d.path), ".ois-"+rand.Text()+".part")
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if err := d.scatter(ctx, f); err != nil {
		_ = f.Close() // it goes
		return removed(temp, err)
	}
	return d.install(f, old)
}

// install gives a temporary file the name that it was made for, or removes it.
func (d *fetch) install(f *os.File, old fs.FileInfo) error {
	err := settle(f, old)
	if err == nil {
		err = rename(f.Name(), d.path)
	}
	if err != nil {
		return removed(f.Name(), err)
	}
	return nil
}

// removed removes a temporary file after err.
func removed(temp string, err error) error {
	if rerr := os.Remove(temp); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		return fmt.Errorf("%w; %w", err, rerr)
	}
	return err
}

// settle gives f the permissions of the file that it replaces, syncs and closes it.
func settle(f *os.File, old fs.FileInfo) error {
	var err error
	if old != nil {
		err = f.Chmod(old.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// rename moves a file and makes that last.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer dir.Close() // it was only read
	return dir.Sync()
}
