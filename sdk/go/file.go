package ois

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

// FileOptions tune a File. The zero value is the default.
type FileOptions struct {
	VersionID     string
	EncryptionKey []byte // needed if the object is encrypted with one
}

// A File reads an object from anywhere: it is an [io.ReaderAt], an [io.ReadSeeker], an
// [io.Closer] and an [fs.File].
//
// All that it yields is of one and the same object, the one that was there when it was
// opened: every request has its ETag as a condition. When the object is replaced, reads fail
// with [ErrPrecondition]; when it is deleted, with [ErrNotFound].
//
// ReadAt makes one request for each call, and may be called at once. Read keeps a request
// open, which Seek to another place ends; the two are for one goroutine at a time. A File
// starts no goroutine. It must be closed.
type File struct {
	// Info is about the object.
	Info Info

	b      *Bucket
	ctx    context.Context // of File: an io.Reader gets none
	opts   GetOptions      // of every request
	closed atomic.Bool

	off    int64   // of the next Read
	stream *Reader // what Read reads from, or nil
	at     int64   // where stream stands
}

var (
	_ io.ReaderAt   = (*File)(nil)
	_ io.ReadSeeker = (*File)(nil)
	_ fs.File       = (*File)(nil)
)

// File opens an object for reading in any order. It asks for size and ETag, and for no bytes
// yet. The error is [ErrNotFound] if there is none. The end of ctx ends all reading.
func (b *Bucket) File(ctx context.Context, key string, opts *FileOptions) (*File, error) {
	var o FileOptions
	if opts != nil {
		o = *opts
	}
	info, err := b.Head(ctx, key, &HeadOptions{VersionID: o.VersionID, EncryptionKey: o.EncryptionKey})
	if err != nil {
		return nil, err
	}
	switch {
	case info.ETag == "" || strings.HasPrefix(info.ETag, "W/"):
		err = errors.New("without an ETag the parts could be of several objects")
	case info.Size < 0:
		err = errors.New("the answer does not tell the size")
	}
	if err != nil {
		return nil, b.error(err, api.OpHeadObject, key)
	}
	return &File{
		Info: *info, b: b, ctx: ctx,
		opts: GetOptions{VersionID: o.VersionID, EncryptionKey: o.EncryptionKey, IfMatch: info.ETag},
	}, nil
}

// ReadAt implements [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case f.closed.Load():
		return 0, errFileClosed
	case off < 0:
		return 0, f.error(fmt.Errorf("offset %d is negative", off))
	case len(p) == 0:
		return 0, nil
	case off >= f.Info.Size:
		return 0, io.EOF
	}
	var end error
	if left := f.Info.Size - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	r, err := f.open(off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := io.ReadFull(r, p)
	if err == nil {
		err = end
	}
	return n, err
}

// Read implements [io.Reader].
func (f *File) Read(p []byte) (int, error) {
	switch {
	case f.closed.Load():
		return 0, errFileClosed
	case len(p) == 0:
		return 0, nil
	case f.off >= f.Info.Size:
		return 0, io.EOF
	}
	if f.stream != nil && f.at != f.off {
		f.end()
	}
	if f.stream == nil {
		r, err := f.open(f.off, 0)
		if err != nil {
			return 0, err
		}
		f.stream, f.at = r, f.off
	}
	n, err := f.stream.Read(p)
	f.off += int64(n)
	f.at = f.off
	if err != nil {
		f.end()
	}
	return n, err
}

// Seek implements [io.Seeker]. It sends nothing.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if f.closed.Load() {
		return 0, errFileClosed
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += f.Info.Size
	default:
		return 0, f.error(fmt.Errorf("seek from %d; it can be 0, 1 and 2", whence))
	}
	if offset < 0 {
		return 0, f.error(fmt.Errorf("seek to %d, before the first byte", offset))
	}
	f.off = offset
	return offset, nil
}

// Stat implements [fs.File]. It sends nothing. The Sys of its result is a *[Info].
func (f *File) Stat() (fs.FileInfo, error) {
	if f.closed.Load() {
		return nil, errFileClosed
	}
	info := f.Info
	return &fileInfo{name: path.Base(info.Key), size: info.Size, modified: info.Modified, sys: &info}, nil
}

// Close ends the reading. Calls of ReadAt that are under way come to their end.
func (f *File) Close() error {
	if f.closed.Swap(true) {
		return errFileClosed
	}
	f.end()
	return nil
}

var errFileClosed = fmt.Errorf("ois: %w", fs.ErrClosed)

// end closes the stream of Read.
func (f *File) end() {
	if f.stream != nil {
		_ = f.stream.Close() // what was wanted of it was read
		f.stream = nil
	}
}

// open asks for length bytes from off; 0 means all the rest. The answer is of f's object, or
// an error.
func (f *File) open(off, length int64) (*Reader, error) {
	o := f.opts
	o.Offset, o.Length = off, length
	r, err := f.b.Get(f.ctx, f.Info.Key, &o)
	switch {
	case errors.Is(err, ErrPrecondition):
		return nil, fmt.Errorf("ois: %w: %w", errReplaced, err)
	case err != nil:
		return nil, err
	case r.Info.ETag != f.Info.ETag || r.Info.Size != f.Info.Size:
		_ = r.Close() // nothing was read
		return nil, f.error(replaced(f.Info.ETag, r.Info.ETag))
	}
	return r, nil
}

func (f *File) error(err error) error {
	return &Error{Op: api.OpGetObject.Name, Bucket: f.b.name, Key: f.Info.Key, Err: err}
}

// A fileInfo is a file or a directory, as package fs has it.
type fileInfo struct {
	name     string
	size     int64
	modified time.Time
	dir      bool
	sys      any
}

func (i *fileInfo) Name() string               { return i.name }
func (i *fileInfo) Size() int64                { return i.size }
func (i *fileInfo) ModTime() time.Time         { return i.modified }
func (i *fileInfo) IsDir() bool                { return i.dir }
func (i *fileInfo) Sys() any                   { return i.sys }
func (i *fileInfo) Type() fs.FileMode          { return i.Mode().Type() }
func (i *fileInfo) Info() (fs.FileInfo, error) { return i, nil }
func (i *fileInfo) String() string             { return fs.FormatFileInfo(i) }

// Mode tells that nothing can be written this way.
func (i *fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
