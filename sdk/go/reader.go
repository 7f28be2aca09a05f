package ois

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

// GetOptions tune a read. The zero value is the whole object.
type GetOptions struct {
	// Offset is where to start, and Length how many bytes to read; 0 means to the
	// end. A negative Offset counts from the end and goes without Length. A range that
	// starts behind the end is ErrRange, and one that ends there is cut short.
	Offset int64
	Length int64

	VersionID         string
	IfMatch           string    // if not: ErrPrecondition
	IfNoneMatch       string    // if not: ErrNotModified
	IfModifiedSince   time.Time // if not: ErrNotModified
	IfUnmodifiedSince time.Time // if not: ErrPrecondition
	EncryptionKey     []byte    // needed if the object is encrypted with one
}

// byteRange is the Range header, or "".
func (o *GetOptions) byteRange() (string, error) {
	switch {
	case o.Length < 0:
		return "", fmt.Errorf("length %d is negative", o.Length)
	case o.Offset < 0 && o.Length > 0:
		return "", errors.New("an offset from the end goes without a length")
	case o.Offset < 0:
		return "bytes=" + strconv.FormatInt(o.Offset, 10), nil
	case o.Length > 0:
		if o.Offset+o.Length < o.Offset {
			return "", fmt.Errorf("offset %d and length %d are too large", o.Offset, o.Length)
		}
		return rangeHeader(o.Offset, o.Offset+o.Length), nil
	case o.Offset > 0:
		return rangeHeader(o.Offset, -1), nil
	}
	return "", nil
}

// checkSpan makes sure that an answer has the bytes that were asked for, from off to before
// end: HTTP lets servers send fewer. -1 is an end or a size that nobody knows.
func (o *GetOptions) checkSpan(off, end, size int64) error {
	var fits bool
	switch {
	case size >= 0:
		first, last := o.Offset, size
		if first < 0 {
			first = max(0, size+first)
		}
		if o.Length > 0 {
			last = min(size, first+o.Length)
		}
		fits = off == first && end == last
	case o.Offset < 0:
		fits = end-off+o.Offset <= 0
	default:
		fits = off == o.Offset && (o.Length == 0 || end <= o.Offset+o.Length)
	}
	if !fits {
		return fmt.Errorf("the answer has bytes %d to %d of %d, which are not those of the range", off, end-1, size)
	}
	return nil
}

// rangeHeader names the bytes from off to before end; -1 is the end of the object.
func rangeHeader(off, end int64) string {
	s := "bytes=" + strconv.FormatInt(off, 10) + "-"
	if end >= 0 {
		s += strconv.FormatInt(end-1, 10)
	}
	return s
}

// A Reader yields an object, or the range that was asked for.
//
// If the connection breaks or stands still, it goes on from there over a new one, and
// makes sure by the ETag that it is still the same object; if the object was
// replaced, Read fails with [ErrPrecondition]. It never yields bytes twice,
// leaves out none, and io.EOF means that all came.
//
// A Reader must be closed. It starts no goroutine. The end of the context given to Get
// ends the reading.
type Reader struct {
	// Info is about the whole object.
	Info Info
	// Length is how many bytes Read yields in all; -1 if the answer does not tell.
	Length int64

	b    *Bucket
	ctx  context.Context // of Get: later requests belong to the same call
	in   api.GetObjectInput
	body io.ReadCloser // nil while the connection is broken
	off  int64         // of the next byte, in the object
	end  int64         // behind the last byte, in the object; -1 if unknown

	broken error // why body is nil
	fails  int   // in a row, without a byte
	owed   int64 // bytes to come until the last repetition has paid for itself; 0 if it has
	err    error // the end, once it is reached
}

// Get opens an object for reading. The error is [ErrNotFound] if there is none.
func (b *Bucket) Get(ctx context.Context, key string, opts *GetOptions) (*Reader, error) {
	r := &Reader{b: b, ctx: ctx, end: -1, Length: -1}
	r.in = api.GetObjectInput{Zone: b.zone, Bucket: b.name, Key: key}
	if opts != nil {
		if err := opts.fill(&r.in); err != nil {
			return nil, b.error(err, api.OpGetObject, key)
		}
	}
	out, err := b.api.GetObject(ctx, &r.in)
	if err != nil {
		return nil, b.error(err, api.OpGetObject, key)
	}
	r.body = out.Body
	if err = r.start(out); err == nil && r.in.Range != "" {
		err = opts.checkSpan(r.off, r.end, r.Info.Size)
	}
	if err != nil {
		_ = out.Body.Close() // nothing was read
		return nil, b.error(err, api.OpGetObject, key)
	}
	return r, nil
}

func (o *GetOptions) fill(in *api.GetObjectInput) (err error) {
	if in.Range, err = o.byteRange(); err != nil {
		return err
	}
	in.VersionID, in.IfMatch, in.IfNoneMatch = o.VersionID, o.IfMatch, o.IfNoneMatch
	in.IfModifiedSince, in.IfUnmodifiedSince = o.IfModifiedSince, o.IfUnmodifiedSince
	k, err := customerKey(o.EncryptionKey)
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = k.algorithm, k.key, k.sum
	return err
}

// start takes in what the first answer tells.
func (r *Reader) start(out *api.GetObjectOutput) error {
	size := out.ContentLength
	r.off, r.Length = 0, out.ContentLength
	switch {
	case out.Status == http.StatusPartialContent && r.in.Range == "":
		return errors.New("the answer is a part of the object, and no range was asked for")
	case out.Status == http.StatusPartialContent:
		first, last, total, err := parseContentRange(out.ContentRange)
		if err != nil {
			return err
		}
		r.off, r.Length, size = first, last+1-first, total
	case r.in.Range != "" && out.ContentLength != 0: // of nothing there are no ranges
		return errors.New("the answer ignores the range")
	}
	if r.Length >= 0 {
		r.end = r.off + r.Length
	}
	r.Info = Info{
		Key: r.in.Key, Size: size, ETag: out.ETag, ContentType: out.ContentType, Modified: out.LastModified,
		StorageClass: out.StorageClass, VersionID: out.VersionID, Metadata: out.Metadata,
		CacheControl: out.CacheControl, ContentDisposition: out.ContentDisposition, ContentEncoding: out.ContentEncoding,
		ContentLanguage: out.ContentLanguage, Expires: out.Expires, Encrypted: out.EncryptionCustomerAlgorithm != "",
	}
	return nil
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for r.err == nil {
		if r.body == nil {
			if r.end >= 0 && r.off >= r.end {
				r.err = io.EOF // it broke behind the last byte
			} else if err := r.resume(); err != nil {
				r.err = r.b.error(err, api.OpGetObject, r.in.Key)
			}
			continue
		}
		n, err := r.body.Read(p)
		if r.off += int64(n); r.end >= 0 && r.off > r.end {
			n, r.off = n-int(r.off-r.end), r.end
			err = errLonger
		}
		if n > 0 {
			r.fails = 0
			r.pay(int64(n))
		}
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, errLonger):
			r.err = r.b.error(err, api.OpGetObject, r.in.Key)
		case isEOF(err) && (r.end < 0 || r.off >= r.end):
			r.err = io.EOF
		default:
			if isEOF(err) {
				err = io.ErrUnexpectedEOF
			}
			_ = r.body.Close() // it is broken already
			r.body, r.broken = nil, err
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// Close ends the reading.
func (r *Reader) Close() error {
	if r.err == nil || isEOF(r.err) {
		r.err = errReaderClosed
	}
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}

var errLonger = errors.New("the answer has more bytes than it says")

var errReaderClosed = errors.New("ois: read after Close")

// resume asks for the rest of the object. Its own failures are those of any
// request; what it counts is connections that break without a byte.
func (r *Reader) resume() error {
	policy := r.b.c.cfg.Retry
	e := &Error{Op: api.OpGetObject.Name, Bucket: r.b.name, Key: r.in.Key, Err: r.broken, Attempts: r.fails + 1}
	switch {
	case r.ctx.Err() != nil || r.ctx.Value(withoutRetry{}) != nil || r.fails+1 >= policy.MaxAttempts:
		return e
	case r.Info.ETag == "" || strings.HasPrefix(r.Info.ETag, "W/"):
		e.note = "without an ETag the rest could be another object's"
		return e
	case !r.b.c.budget.take():
		e.note = "the retry budget is used up"
		return e
	}
	r.fails++
	if err := sleep(r.ctx, policy.delay(r.fails)); err != nil {
		e.Err = fmt.Errorf("%w, after %w", err, r.broken)
		return e
	}
	in := r.in
	in.Range, in.IfMatch, in.IfNoneMatch = rangeHeader(r.off, r.end), r.Info.ETag, ""
	in.IfModifiedSince, in.IfUnmodifiedSince = time.Time{}, time.Time{}
	out, err := r.b.api.GetObject(r.ctx, &in)
	if errors.Is(err, ErrPrecondition) {
		return fmt.Errorf("%w: %w", errReplaced, err)
	} else if err != nil {
		return err
	}
	if err := r.check(out); err != nil {
		_ = out.Body.Close() // nothing was read
		e.Err = fmt.Errorf("%w, after %w", err, r.broken)
		return e
	}
	r.body, r.broken, r.owed = out.Body, nil, worthRepeating
	return nil
}

// worthRepeating is how many bytes make a repetition worth its request. It is no load for nothing then, and
// the budget gets it back: a long object goes on however often its connections break.
const worthRepeating = 1 << 20

// pay counts bytes that came after a repetition.
func (r *Reader) pay(n int64) {
	if r.owed == 0 {
		return
	}
	if r.owed = max(0, r.owed-n); r.owed == 0 {
		r.b.c.budget.give()
	}
}

// check makes sure that an answer holds the rest of the object.
func (r *Reader) check(out *api.GetObjectOutput) error {
	if out.Status != http.StatusPartialContent {
		return errors.New("the answer ignores the range")
	}
	first, last, size, err := parseContentRange(out.ContentRange)
	end := r.end
	if end < 0 {
		end = size
	}
	switch {
	case err != nil:
		return err
	case first != r.off || end >= 0 && last+1 != end:
		return fmt.Errorf("the answer has bytes %d to %d", first, last)
	case out.ETag != r.Info.ETag:
		return replaced(r.Info.ETag, out.ETag)
	}
	return nil
}

var errReplaced = errors.New("the object was replaced while it was read")

// replaced is the error when a server that does not heed the condition answers with
// another object.
func replaced(before, now string) error {
	return fmt.Errorf("%w: ETag %s became %s: %w", errReplaced, before, now, ErrPrecondition)
}

// parseContentRange reads "bytes first-last/size"; size is -1 for "*".
func parseContentRange(s string) (first, last, size int64, err error) {
	bad := fmt.Errorf("Content-Range %q is not understood", s)
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, 0, bad
	}
	size = -1
	if total != "*" {
		if size, err = strconv.ParseInt(total, 10, 64); err != nil {
			return 0, 0, 0, bad
		}
	}
	first, err = strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	if err != nil || err2 != nil || first < 0 || last < first || last == math.MaxInt64 || size >= 0 && last >= size {
		return 0, 0, 0, bad
	}
	return first, last, size, nil
}
