package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	ois "github.com/oisproject/ois/sdk/go"
)

// A PrefixResult tells what a transfer of many objects has done.
type PrefixResult struct {
	Objects int   // that were transferred
	Bytes   int64 // of them
	Skipped int   // what is no file, such as symbolic links
	Failed  int
}

// A PrefixError tells which objects were not transferred.
type PrefixError struct {
	Failed []error // the first thousand; each names its key or file
	Count  int     // all
}

// Error tells the first error and counts the others.
func (e *PrefixError) Error() string {
	if e.Count == 1 {
		return e.Failed[0].Error()
	}
	return fmt.Sprintf("%v, and %d more errors", e.Failed[0], e.Count-1)
}

// Unwrap returns the errors.
func (e *PrefixError) Unwrap() []error { return e.Failed }

// UploadPrefix uploads the files in dir and below it, as many at once as there are workers. The key of a
// file is prefix and its path from dir with slashes; a prefix that is to look like a folder
// ends with one. What is no regular file is skipped. Failures do not keep the other files from being
// sent; the error is then a [*PrefixError]. opts hold for every file; ContentLength and ContentMD5 must
// be empty.
func (m *Manager) UploadPrefix(ctx context.Context, prefix, dir string, opts *UploadOptions) (*PrefixResult, error) {
	if m.err != nil {
		return nil, m.err
	}
	if o := opts.orZero(); o.ContentLength != 0 || o.ContentMD5 != "" {
		return nil, errors.New("transfer: ContentLength and ContentMD5 are those of one object")
	}
	w := m.crew()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case ctx.Err() != nil || err != nil && name == dir:
			return err
		case err != nil:
			w.failed(err)
			return nil
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			w.skipped()
			return nil
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		w.do(func() (*Result, error) { return m.UploadFile(ctx, prefix+filepath.ToSlash(rel), name, opts) })
		return nil
	})
	return w.wait(err)
}

// DownloadPrefix downloads the objects whose keys start with prefix, as many at once as there
// are workers. The rest of its key is an object's path in dir, which is made if there is none. A
// key that does not name a file there, because of "..", empty names or symbolic links that lead elsewhere for
// instance, is an error. Failures do not keep the other objects from being read; the error is then a
// [*PrefixError]. opts hold for every object and select no bytes or version.
func (m *Manager) DownloadPrefix(ctx context.Context, prefix, dir string, opts *DownloadOptions) (*PrefixResult, error) {
	if m.err != nil {
		return nil, m.err
	}
	if o := opts.orZero(); o.Offset != 0 || o.Length != 0 || o.VersionID != "" {
		return nil, errors.New("transfer: Offset, Length and VersionID are those of one object")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("transfer: download: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("transfer: download: %w", err)
	}
	defer root.Close() // it was only used for names
	w := m.crew()
	for o, lerr := range m.b.Objects(ctx, &ois.ListOptions{Prefix: prefix}) {
		if err = errors.Join(lerr, ctx.Err()); err != nil {
			break
		}
		rel := strings.TrimPrefix(o.Key, prefix)
		if o.Size == 0 && (strings.HasSuffix(rel, "/") || rel == "" && strings.HasSuffix(prefix, "/")) {
			w.skipped() // it stands for a folder
			continue
		}
		w.do(func() (*Result, error) {
			if err := makeRoom(root, rel); err != nil {
				return nil, fail("download", o.Key, err)
			}
			return m.DownloadFile(ctx, o.Key, filepath.Join(dir, filepath.FromSlash(rel)), opts)
		})
	}
	return w.wait(err)
}

// makeRoom makes the folders for a file in root. It makes sure that the file is in there.
func makeRoom(root *os.Root, rel string) error {
	name := filepath.FromSlash(rel)
	if !filepath.IsLocal(name) || path.Clean(rel) != rel || rel == "." || filepath.ToSlash(name) != rel || strings.ContainsRune(rel, 0) {
		return fmt.Errorf("%q is no path of a file within the folder", rel)
	}
	for i := range name {
		if !os.IsPathSeparator(name[i]) {
			continue
		}
		if err := root.Mkdir(name[:i], 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if info, err := root.Stat(name[:i]); err != nil { // a link that leads out of root is an error
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%s is no directory", name[:i])
		}
	}
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("what is at %s is no file", name)
	}
	return nil
}

// A crew carries out the transfers of a prefix.
type crew struct {
	jobs chan func() (*Result, error)
	wg   sync.WaitGroup

	mu   sync.Mutex
	res  PrefixResult // guarded by mu
	errs PrefixError  // guarded by mu
}

func (m *Manager) crew() *crew {
	w := &crew{jobs: make(chan func() (*Result, error))}
	for range m.o.Concurrency {
		w.wg.Add(1)
		go func() {
			defer w.wg.Done()
			for job := range w.jobs {
				w.note(job())
			}
		}()
	}
	return w
}

// do has a job done as soon as there is somebody for it.
func (w *crew) do(job func() (*Result, error)) { w.jobs <- job }

func (w *crew) note(res *Result, err error) {
	if err != nil {
		w.failed(err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.res.Objects++
	w.res.Bytes += res.Size
}

func (w *crew) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.res.Failed++
	w.errs.add(err)
}

func (w *crew) skipped() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.res.Skipped++
}

func (e *PrefixError) add(err error) {
	if e.Count++; len(e.Failed) < 1000 {
		e.Failed = append(e.Failed, err)
	}
}

// wait waits for all jobs. err is what kept the crew from getting more of them.
func (w *crew) wait(err error) (*PrefixResult, error) {
	close(w.jobs)
	w.wg.Wait()
	if err != nil {
		w.errs.add(fmt.Errorf("transfer: %w", err))
	}
	if w.errs.Count > 0 {
		return &w.res, &w.errs
	}
	return &w.res, nil
}
