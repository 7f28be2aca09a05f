package transfer

import (
	"context"
	"crypto/md5" // what the service checks
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
)

// UploadOptions tune an upload. The zero value is the default.
type UploadOptions struct {
	// PutOptions hold for the object, however it is sent. ContentLength is the length of
	// a stream that cannot tell. ContentMD5 is compared with the whole before the object comes about, and
	// becomes its ETag.
	ois.PutOptions

	PartSize int64 // bytes; 0 means what the manager has
}

func (o *UploadOptions) orZero() *UploadOptions {
	if o == nil {
		return &UploadOptions{}
	}
	return o
}

// UploadFile makes an object of a file. A file that changes while it is sent is an error; one that changes while it is read makes no object.
func (m *Manager) UploadFile(ctx context.Context, key, path string, opts *UploadOptions) (*Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fail("upload", key, err)
	}
	defer f.Close() // it was only read
	before, err := f.Stat()
	if err != nil {
		return nil, fail("upload", key, err)
	}
	if before.IsDir() {
		return nil, fail("upload", key, fmt.Errorf("%s is a directory", path))
	}
	j := m.job(key, path, opts)
	j.modified = before.ModTime()
	j.unchanged = func() error {
		after, err := f.Stat()
		if err != nil {
			return err
		}
		if before.Mode().IsRegular() && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
			return fmt.Errorf("%s: %w", path, errChanged)
		}
		return nil
	}
	return j.run(ctx, f)
}

// errChanged is the cause when a file is not what it was at the start.
var errChanged = errors.New("the file has changed while it was sent")

// Upload makes an object of what r yields, from where it stands. Files, and other inputs with
// ReadAt and Seek such as [bytes.Reader] and [io.SectionReader], are read where the parts are, several at
// once, and stand behind what was sent afterwards. Any other r is read as a stream of any
// length, through buffers; nil means no bytes. It is never closed. If the context ends while a Read is blocked, Upload
// returns after that Read.
func (m *Manager) Upload(ctx context.Context, key string, r io.Reader, opts *UploadOptions) (*Result, error) {
	return m.job(key, "", opts).run(ctx, r)
}

// A job is an upload, whatever it is made of.
type job struct {
	*Manager
	key, path string
	o         *UploadOptions
	t         *tracker
	modified  time.Time    // of the file
	unchanged func() error // whether the source is what it was; nil if it cannot tell
	etag      string       // for the object; empty unless the caller has given its MD5
	unsure    atomic.Bool  // there was something that could not be verified
}

func (m *Manager) job(key, path string, opts *UploadOptions) *job {
	return &job{Manager: m, key: key, path: path, o: opts.orZero()}
}

func (j *job) run(ctx context.Context, r io.Reader) (*Result, error) {
	if j.err != nil {
		return nil, j.err
	}
	if r == nil {
		r = http.NoBody
	}
	src := sourceOf(r)
	size := int64(-1)
	switch {
	case src != nil:
		size = src.size
		if n := j.o.ContentLength; n > 0 && n != size {
			return nil, fail("upload", j.key, fmt.Errorf("content length is %d, but the source has %d bytes", n, size))
		}
	case j.o.ContentLength > 0:
		size = j.o.ContentLength
	}
	part, err := j.pool.o.partSize(j.o.PartSize, max(size, 0))
	if err != nil {
		return nil, fail("upload", j.key, err)
	}
	if err := j.takeMD5(); err != nil {
		return nil, fail("upload", j.key, err)
	}
	j.t = j.track(Up, j.key, j.path, size)
	var res *Result
	switch {
	case src == nil:
		res, err = j.stream(ctx, r, part)
	case size <= j.pool.o.Threshold:
		res, err = j.single(ctx, src, src.off, size)
	default:
		res, err = j.sections(ctx, src, part)
	}
	if err == nil && src != nil {
		_, err = src.seeker.Seek(src.off+size, io.SeekStart)
	}
	if err != nil {
		err = fail("upload", j.key, err)
		j.t.done(err)
		return nil, err
	}
	res.Bucket, res.Key, res.Verified = j.b.Name(), j.key, !j.unsure.Load() && !j.pool.o.NoVerify
	res.Resumed = j.t.resumed()
	j.t.done(nil)
	return res, nil
}

// fail adds to an error what the transfer is about, unless it says so.
func fail(what, key string, err error) error {
	var e *ois.Error
	if errors.As(err, &e) && e.Key == key {
		return fmt.Errorf("transfer: %s: %w", what, err)
	}
	return fmt.Errorf("transfer: %s %q: %w", what, key, err)
}

// single sends a source in one request.
func (j *job) single(ctx context.Context, src io.ReaderAt, off, size int64) (*Result, error) {
	if j.resumable() {
		j.forget(ctx)
	}
	if err := j.slot(ctx); err != nil {
		return nil, err
	}
	defer j.freeSlot()
	j.t.size(size, 1)
	var body io.Reader // nil for no bytes
	b := j.body(ctx, src, off, size, j.t)
	if b.whole = j.unchanged; size > 0 {
		body = b
	} else if j.unchanged != nil {
		if err := j.unchanged(); err != nil {
			return nil, err
		}
	}
	o := j.o.PutOptions
	o.ContentLength = size
	w, err := j.b.Put(ctx, j.key, body, &o)
	if err != nil {
		return nil, j.blame(ctx, err)
	}
	if o.EncryptionKey != nil {
		j.unsure.Store(true) // nobody says what the ETag of encrypted bytes is
	} else if verified, err := b.check(w.ETag); err != nil {
		return nil, err
	} else if !verified {
		j.unsure.Store(true)
	}
	if j.unchanged != nil {
		if err := j.unchanged(); err != nil {
			return nil, err
		}
	}
	j.t.part(0)
	res := written(w)
	res.Size, res.Parts = size, 1
	return res, nil
}

// takeMD5 makes an ETag of the MD5 that the caller has given.
func (j *job) takeMD5() error {
	text := j.o.ContentMD5
	if text == "" {
		return nil
	}
	if sum, err := base64.StdEncoding.DecodeString(text); err == nil && len(sum) == md5.Size {
		text = hex.EncodeToString(sum)
	}
	sum := md5Of(text)
	if sum == "" {
		return fmt.Errorf("content MD5 %q; want the base64 of 16 bytes", j.o.ContentMD5)
	}
	j.etag = `"` + sum + `"`
	return nil
}

// checkMD5 compares the bytes of a source with the MD5 that the caller has given, before any
// of them is sent.
func (j *job) checkMD5(ctx context.Context, src *source) error {
	if j.etag == "" {
		return nil
	}
	sum, err := j.md5(ctx, src, src.off, src.size)
	if err == nil && sum != md5Of(j.etag) {
		err = fmt.Errorf("%w: the source has the MD5 %s, not %s", ErrChecksum, sum, md5Of(j.etag))
	}
	return err
}

// sections sends a source in parts that are read where they are.
func (j *job) sections(ctx context.Context, src *source, part int64) (*Result, error) {
	if err := j.checkMD5(ctx, src); err != nil {
		return nil, err
	}
	if j.resumable() {
		return j.resume(ctx, src, part)
	}
	u, err := j.initiate(ctx, j.key, &j.o.PutOptions)
	if err != nil {
		return nil, err
	}
	f, err := j.sendAll(ctx, u, src, part, nil)
	return j.end(ctx, u, f, err)
}

// sendAll sends the parts, except for those that have an ETag already.
func (j *job) sendAll(ctx context.Context, u *upload, src *source, part int64, have func(ctx context.Context, n int) (etag string, err error)) (*finish, error) {
	n := int((src.size + part - 1) / part)
	j.t.size(src.size, n)
	f := j.finish(n, src.size)
	err := j.each(ctx, n, func(ctx context.Context, i int) (err error) {
		off := int64(i) * part
		size := min(part, src.size-off)
		if have != nil {
			if f.etags[i], err = have(ctx, i); err != nil || f.etags[i] != "" {
				return err
			}
		}
		return j.send(ctx, u, i, src, src.off+off, size, &f.etags[i])
	})
	return f, err
}

func (j *job) finish(n int, size int64) *finish {
	return &finish{
		etags: make([]string, n), size: size, etag: j.etag, ifMatch: j.o.IfMatch, ifNoneMatch: j.o.IfNoneMatch,
	}
}

// send sends a part and notes its ETag.
func (j *job) send(ctx context.Context, u *upload, n int, src io.ReaderAt, off, size int64, etag *string) error {
	got, verified, err := u.part(ctx, n, j.body(ctx, src, off, size, j.t))
	if err != nil {
		return err
	}
	if *etag = got; !verified {
		j.unsure.Store(true)
	}
	j.t.part(n)
	return nil
}

// end completes an upload if all went well, and removes it if not.
func (j *job) end(ctx context.Context, u *upload, f *finish, err error) (*Result, error) {
	var res *Result
	if err == nil {
		res, err = j.complete(ctx, u, f)
	}
	if err != nil {
		return nil, u.abort(ctx, j.blame(ctx, err))
	}
	return res, nil
}

// blame returns the error of a transfer, or that its source has changed if it has: what is not there any more cannot be sent, which looks like an error of
// the connection.
func (j *job) blame(ctx context.Context, err error) error {
	if j.unchanged != nil && ctx.Err() == nil {
		if changed := j.unchanged(); changed != nil {
			return changed
		}
	}
	return err
}

// complete completes an upload, if its source is still what it was.
func (j *job) complete(ctx context.Context, u *upload, f *finish) (*Result, error) {
	if j.unchanged != nil {
		if err := j.unchanged(); err != nil {
			return nil, err
		}
	}
	w, err := u.complete(ctx, f)
	if err != nil {
		return nil, err
	}
	res := written(w)
	res.Size, res.Parts = f.size, len(f.etags)
	return res, nil
}
