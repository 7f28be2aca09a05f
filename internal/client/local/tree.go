package local

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// A Tree is a folder to write files in. No key leads out of it, whatever the key and whatever links there are in it. It is safe for
// concurrent use.
type Tree struct {
	dir  string
	root *os.Root

	mu   sync.Mutex
	made map[string]bool // folders that exist; guarded by mu
}

// maxMade is how many folders a tree remembers to have made.
const maxMade = 1 << 12

// Create opens the folder, and makes it first if need be.
func Create(dir string) (*Tree, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Open opens a folder that exists.
func Open(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Tree{dir: dir, root: root, made: make(map[string]bool)}, nil
}

// Close lets go of the folder.
func (t *Tree) Close() error { return t.root.Close() }

// CheckKey refuses keys that cannot be the name of a file below a folder, or would be that of another key.
func CheckKey(key string) error {
	for part := range strings.SplitSeq(strings.TrimSuffix(key, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("the key %q cannot be the name of a file: it has a part %q", key, part)
		}
	}
	if strings.ContainsRune(key, 0) || !filepath.IsLocal(filepath.FromSlash(key)) ||
		runtime.GOOS == "windows" && strings.ContainsAny(key, `\:*?"<>|`) {
		return fmt.Errorf("the key %q cannot be the name of a file on this system", key)
	}
	return nil
}

// Stat tells about the file of a key. Links are not followed.
func (t *Tree) Stat(key string) (fs.FileInfo, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	return t.root.Lstat(filepath.FromSlash(key))
}

// Mkdir makes the folder of a key that ends in a slash.
func (t *Tree) Mkdir(key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return t.mkdir(strings.TrimSuffix(key, "/"))
}

func (t *Tree) mkdir(dir string) error {
	t.mu.Lock()
	known := t.made[dir]
	t.mu.Unlock()
	if known || dir == "." {
		return nil
	}
	if err := t.root.MkdirAll(filepath.FromSlash(dir), 0o777); err != nil {
		if file, ok := t.fileAmong(dir); ok {
			return fmt.Errorf("%s is a file: a folder cannot take its place", file)
		}
		return t.about("mkdir", dir, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.made) >= maxMade {
		clear(t.made)
	}
	t.made[dir] = true
	return nil
}

// fileAmong returns the file that is in the way of a folder, or of one that it is in.
func (t *Tree) fileAmong(dir string) (name string, ok bool) {
	for ; dir != "."; dir = path.Dir(dir) {
		name := filepath.FromSlash(dir)
		if info, err := t.root.Lstat(name); err == nil && info.Mode().IsRegular() {
			return filepath.Join(t.dir, name), true
		}
	}
	return "", false
}

// Remove deletes the file of a key, and the folders that are empty then.
func (t *Tree) Remove(key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := t.root.Remove(filepath.FromSlash(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.made)
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		if t.root.Remove(filepath.FromSlash(dir)) != nil {
			break // it holds something
		}
	}
	return nil
}

// A File is written under another name until it is complete.
type File struct {
	*os.File
	Lasting bool // Commit returns when a loss of power would not undo it

	tree *Tree
	name string // for the time being
	key  string
	mode fs.FileMode // of the file that it replaces; 0 if there is none
}

// temporary is the name of a file that is being written, with a text of its own.
func temporary(text string) string { return ".ois-" + text + ".part" }

// isTemporary reports whether a name is that of a file that is being written, here or in the SDK. Walks leave them out: they are under
// way, or are what a crash has left.
func isTemporary(name string) bool {
	return strings.HasPrefix(name, ".ois-") && strings.HasSuffix(name, ".part")
}

// about says which file err is about: a call may have met one whose name is of no interest, or is only a part of it.
func (t *Tree) about(op, key string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	} else if link, ok := errors.AsType[*os.LinkError](err); ok {
		err = link.Err
	}
	return &fs.PathError{Op: op, Path: filepath.Join(t.dir, filepath.FromSlash(key)), Err: err}
}

// Write opens the file of a key for writing, and makes the folders that it is in. It takes its place with Commit and keeps the permissions of
// the one before; Discard removes it, unless it has been committed.
func (t *Tree) Write(key string) (*File, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	mode, err := t.mode(key)
	if err != nil {
		return nil, err
	}
	dir := path.Dir(key)
	if err := t.mkdir(dir); err != nil {
		return nil, err
	}
	for {
		name := filepath.FromSlash(path.Join(dir, temporary(rand.Text())))
		f, err := t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) && t.forget(dir) {
			if err := t.mkdir(dir); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, t.about("write", key, err)
		}
		return &File{File: f, tree: t, name: name, key: filepath.FromSlash(key), mode: mode}, nil
	}
}

// mode returns the permissions of the file that has the name now, 0 if there is none. It refuses folders, devices and the like, and links to them.
func (t *Tree) mode(key string) (fs.FileMode, error) {
	info, err := t.root.Lstat(filepath.FromSlash(key))
	if err != nil {
		return 0, nil //nolint:nilerr // there is none, or whoever writes it will see
	}
	name, perm := Join(t.dir, key), info.Mode().Perm()
	if info.Mode()&fs.ModeSymlink != 0 {
		if info, err = os.Stat(name); err != nil {
			return 0, nil //nolint:nilerr // it leads nowhere
		}
		perm = 0
	}
	switch {
	case info.IsDir():
		return 0, fmt.Errorf("%s is a folder: a file cannot take its place", name)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is neither a file nor a folder: a file cannot take its place; \"ois cat\" writes to standard output", name)
	}
	return perm, nil
}

// Path makes the folders that the file of a key is in, and returns where it is to lie, for those who write it themselves.
func (t *Tree) Path(key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	if _, err := t.mode(key); err != nil {
		return "", err
	}
	if err := t.mkdir(path.Dir(key)); err != nil { // no link on the way leads out
		return "", err
	}
	return Join(t.dir, key), nil
}

// forget forgets that a folder exists, and reports whether that was believed.
func (t *Tree) forget(dir string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.made[dir]
	delete(t.made, dir)
	return known
}

// Commit gives the file its name and, unless it is zero, its time of modification.
func (f *File) Commit(modified time.Time) error {
	var err error
	if f.mode != 0 {
		err = f.Chmod(f.mode)
	}
	if f.Lasting && err == nil {
		err = syncFile(f.File)
	}
	err = errors.Join(err, f.Close())
	if err == nil && !modified.IsZero() {
		err = f.tree.root.Chtimes(f.name, time.Time{}, modified)
	}
	if err == nil {
		err = f.tree.root.Rename(f.name, f.key) // commit: the file has its name
	}
	if err != nil {
		if gone := f.tree.root.Remove(f.name); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return f.tree.about("write", filepath.ToSlash(f.key), err)
	}
	f.name = ""
	if f.Lasting {
		return f.tree.syncDir(filepath.Dir(f.key))
	}
	return nil
}

// syncFile is replaced in tests.
var syncFile = (*os.File).Sync

// syncDir makes the names in a folder last, where folders can be synced.
func (t *Tree) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := t.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncFile(d), d.Close())
}

// Discard closes and removes the file, unless it has been committed.
func (f *File) Discard() {
	if f.name != "" {
		_ = f.Close()                  // nobody will read it
		_ = f.tree.root.Remove(f.name) // Commit may have removed it
		f.name = ""
	}
}
