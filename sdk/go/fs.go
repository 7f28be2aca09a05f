package ois

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// An FS is a bucket, or what is below a prefix of it, as a read-only file system: an
// [fs.ReadDirFS], [fs.StatFS], [fs.ReadFileFS] and [fs.SubFS].
//
// A name is a key, "." is the bucket, and a directory is what keys have in common up to a
// slash. Directories therefore exist as long as something is in them, an object "a/" included,
// with which consoles make folders.
//
// Keys that are no names of files are left out, here and in directories: those with an empty
// part, such as "a//b" and "/a", with the part "." or "..", with a backslash, and those that are
// not UTF-8. Nothing is ever read in their place. Where both "a" and "a/b" are objects, "a" is a file:
// "a/b" can be opened, and no directory shows it. [Bucket.Objects] lists all there is.
type FS struct {
	b      *Bucket
	ctx    context.Context // of FS: package fs passes none
	prefix string          // "" or a name with a slash behind it
}

var (
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadFileFS = (*FS)(nil)
	_ fs.SubFS      = (*FS)(nil)
)

// FS returns the bucket as a read-only file system. It sends nothing, so that a bucket that does
// not exist shows in the first call. All requests of the file system have ctx.
//
// Its files are of type *[File], its errors of type *[fs.PathError], and what is behind the Sys of an
// entry of a directory of type *[Object].
func (b *Bucket) FS(ctx context.Context) *FS { return &FS{b: b, ctx: ctx} }

// Open implements [fs.FS].
func (f *FS) Open(name string) (fs.File, error) {
	if !isPath(name) {
		return nil, pathError("open", name, fs.ErrInvalid)
	}
	if name == "." {
		return f.dir(name), nil
	}
	file, err := f.b.File(f.ctx, f.prefix+name, nil)
	if err == nil {
		return file, nil
	}
	if err = f.isDir(name, err); err != nil {
		return nil, pathError("open", name, err)
	}
	return f.dir(name), nil
}

// Stat implements [fs.StatFS]. The Sys of a file is an *[Info].
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	file, err := f.Open(name)
	if err != nil {
		var e *fs.PathError
		if errors.As(err, &e) {
			e.Op = "stat"
		}
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}

// ReadFile implements [fs.ReadFileFS], in one request.
func (f *FS) ReadFile(name string) ([]byte, error) {
	switch {
	case !isPath(name):
		return nil, pathError("read", name, fs.ErrInvalid)
	case name == ".":
		return nil, pathError("read", name, errIsDir)
	}
	r, err := f.b.Get(f.ctx, f.prefix+name, nil)
	if err != nil {
		if errors.Is(err, ErrNotFound) && f.isDir(name, err) == nil {
			err = errIsDir
		}
		return nil, pathError("read", name, err)
	}
	defer r.Close()
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.Length, 0), 1<<20)) + bytes.MinRead)
	if _, err := buf.ReadFrom(r); err != nil {
		return nil, pathError("read", name, err)
	}
	return buf.Bytes(), nil
}

// ReadDir implements [fs.ReadDirFS]. It holds the whole directory; to read a large one piece by
// piece, open it and call its ReadDir.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if !isPath(name) {
		return nil, pathError("readdir", name, fs.ErrInvalid)
	}
	d := f.dir(name)
	list, err := d.ReadDir(-1)
	if err == nil && !d.exists {
		if _, err = f.Stat(name); err == nil {
			err = errNotDir
		}
	}
	if err != nil {
		return list, pathError("readdir", name, err)
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Sub implements [fs.SubFS]. It sends nothing.
func (f *FS) Sub(dir string) (fs.FS, error) {
	if !isPath(dir) {
		return nil, pathError("sub", dir, fs.ErrInvalid)
	}
	return &FS{b: f.b, ctx: f.ctx, prefix: f.below(dir)}, nil
}

// below is the prefix of what is in a directory.
func (f *FS) below(name string) string {
	if name == "." {
		return f.prefix
	}
	return f.prefix + name + "/"
}

func (f *FS) dir(name string) *dir {
	d := &dir{name: name, info: fileInfo{name: path.Base(name), dir: true}, exists: name == "."}
	d.fsys, d.prefix = f, f.below(name)
	return d
}

// isDir returns nil if name, for which err came instead of an object, is a directory.
func (f *FS) isDir(name string, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	for page, lerr := range f.b.Pages(f.ctx, &ListOptions{Prefix: f.below(name), PageSize: 1}) {
		switch {
		case errors.Is(lerr, ErrPermission):
			return err // who may not list must do with objects
		case lerr != nil:
			return lerr
		case len(page.Objects)+len(page.Prefixes) > 0:
			return nil
		}
	}
	return err
}

var (
	errIsDir  = errors.New("is a directory")
	errNotDir = errors.New("is not a directory")
)

func pathError(op, name string, err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		err = e.Err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// A dir is an open directory. It asks for a page of the listing when ReadDir has none left,
// so that no more than a page is held.
type dir struct {
	fsys   *FS
	name   string
	prefix string
	info   fileInfo
	closed bool

	left   []fs.DirEntry // of the last page
	marker string        // of the next page; empty for the first
	end    bool          // there is no next page
	exists bool          // something was found in it
	files  map[string]bool
}

// Stat implements [fs.File].
func (d *dir) Stat() (fs.FileInfo, error) {
	if d.closed {
		return nil, d.error("stat", fs.ErrClosed)
	}
	return &d.info, nil
}

// Read implements [fs.File]. It fails.
func (d *dir) Read([]byte) (int, error) { return 0, d.error("read", errIsDir) }

// Close implements [fs.File].
func (d *dir) Close() error {
	if d.closed {
		return d.error("close", fs.ErrClosed)
	}
	d.closed = true
	return nil
}

func (d *dir) error(op string, err error) error { return pathError(op, d.name, err) }

// ReadDir implements [fs.ReadDirFile]. Entries come in the order of the listing.
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.closed {
		return nil, d.error("readdir", fs.ErrClosed)
	}
	list := []fs.DirEntry{}
	for {
		take := len(d.left)
		if n > 0 {
			take = min(take, n-len(list))
		}
		list, d.left = append(list, d.left[:take]...), d.left[take:]
		if n > 0 && len(list) == n {
			return list, nil
		}
		if d.end {
			if n > 0 && len(list) == 0 {
				return nil, io.EOF
			}
			return list, nil
		}
		if err := d.fetch(); err != nil {
			return list, d.error("readdir", err)
		}
	}
}

// fetch asks for one page.
func (d *dir) fetch() error {
	o := ListOptions{Prefix: d.prefix, Delimiter: "/", Marker: d.marker}
	for page, err := range d.fsys.b.Pages(d.fsys.ctx, &o) {
		if err != nil {
			return err
		}
		d.take(page)
		break
	}
	return nil
}

// take makes entries of a page. Files come before directories of the same name, which
// are left out; the file may be on an earlier page.
func (d *dir) take(page *Page) {
	if d.files == nil {
		d.files = make(map[string]bool)
	}
	d.exists = d.exists || len(page.Objects)+len(page.Prefixes) > 0
	for i := range page.Objects {
		o := &page.Objects[i]
		if name := strings.TrimPrefix(o.Key, d.prefix); isName(name) {
			d.files[name] = true
			d.left = append(d.left, &fileInfo{name: name, size: o.Size, modified: o.Modified, sys: o})
		}
	}
	for _, prefix := range page.Prefixes {
		name := strings.TrimSuffix(strings.TrimPrefix(prefix, d.prefix), "/")
		if isName(name) && !d.files[name] {
			d.left = append(d.left, &fileInfo{name: name, dir: true})
		}
	}
	d.marker, d.end = page.NextMarker, page.NextMarker == ""
	for name := range d.files {
		if d.prefix+name+"/" < d.marker {
			delete(d.files, name) // its directory would have come
		}
	}
}

// isName reports whether a part of a key can be the name of a file.
func isName(name string) bool {
	return name != "." && isPath(name) && !strings.Contains(name, "/")
}

// isPath reports whether a name can be that of a file. Package fs lets backslashes pass, but
// not as parts of directories, and some systems take them for slashes.
func isPath(name string) bool { return fs.ValidPath(name) && !strings.Contains(name, `\`) }
