package transfer

import (
	"context"
	"crypto/md5" // what the service tells
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strings"
	"sync"

	ois "github.com/oisproject/ois/sdk/go"
)

// DownloadOptions tune a download. The zero value is the whole object.
type DownloadOptions struct {
	// GetOptions select the object, its version and the bytes of it. Conditions hold for the object as it
	// is found; all its parts are of that one, or the download fails.
	ois.GetOptions

	PartSize int64 // bytes; 0 means what the manager has
}

func (o *DownloadOptions) orZero() *DownloadOptions {
	if o == nil {
		return &DownloadOptions{}
	}
	return o
}

// Download writes an object to w, in order. Parts are read ahead, several at once, into
// buffers. A w that blocks holds them: it must not wait for another transfer of the same
// manager. If the checksum is wrong, that is known when all is written.
func (m *Manager) Download(ctx context.Context, key string, w io.Writer, opts *DownloadOptions) (*Result, error) {
	d := m.fetch(key, "", opts)
	return d.run(ctx, func(ctx context.Context) error { return d.ordered(ctx, w) })
}

// DownloadAt writes an object to w from offset 0, several parts at once. If it fails, any of them may
// be missing. The checksum is compared if w is an [io.ReaderAt], too, or if there is only one part.
func (m *Manager) DownloadAt(ctx context.Context, key string, w io.WriterAt, opts *DownloadOptions) (*Result, error) {
	d := m.fetch(key, "", opts)
	return d.run(ctx, func(ctx context.Context) error { return d.scatter(ctx, w) })
}

// A fetch is a download, wherever it goes.
type fetch struct {
	*Manager
	key, path string
	o         *DownloadOptions
	part      int64
	t         *tracker

	info     ois.Info
	off, end int64       // of what was asked for, in the object
	n        int         // parts
	first    *ois.Reader // part 0, opened; nil once it is read
	held     bool        // a worker is taken for part 0
	verified bool

	noted bool                 // there is a checkpoint
	have  func(part int) bool  // whether an earlier run has read it; nil if there was none
	done  func(part int) error // called when a part is written; nil if nobody wants to know
}

func (m *Manager) fetch(key, path string, opts *DownloadOptions) *fetch {
	return &fetch{Manager: m, key: key, path: path, o: opts.orZero()}
}

func (d *fetch) run(ctx context.Context, write func(context.Context) error) (*Result, error) {
	if d.err != nil {
		return nil, d.err
	}
	if d.part = d.pool.o.PartSize; d.o.PartSize > 0 {
		d.part = d.o.PartSize
	}
	d.part = min(d.part, d.pool.o.Memory)
	d.t = d.track(Down, d.key, d.path, -1)
	err := d.begin(ctx)
	if err == nil {
		err = write(ctx)
	}
	d.closeFirst()
	d.unhold()
	if err != nil {
		err = fail("download", d.key, err)
		d.t.done(err)
		return nil, err
	}
	d.t.done(nil)
	return &Result{
		Bucket: d.b.Name(), Key: d.key, Size: d.end - d.off, ETag: d.info.ETag, VersionID: d.info.VersionID,
		Parts: d.n, Resumed: d.t.resumed(), Verified: d.verified, Info: &d.info,
	}, nil
}

// unhold frees the worker of the first part.
func (d *fetch) unhold() {
	if d.held {
		d.held = false
		d.freeSlot()
	}
}

func (d *fetch) closeFirst() {
	if d.first != nil {
		_ = d.first.Close() // it was only read
		d.first = nil
	}
}

// begin opens the first part, which tells about the whole. The worker stays with it.
func (d *fetch) begin(ctx context.Context) error {
	if err := d.slot(ctx); err != nil {
		return err
	}
	d.held = true
	o := d.o.GetOptions
	if err := d.find(ctx, &o); err != nil {
		return err
	}
	d.off, d.end = o.Offset, d.info.Size
	if o.Length > 0 {
		d.end = min(d.end, o.Offset+o.Length)
	}
	d.n = max(1, int((d.end-d.off+d.part-1)/d.part))
	if d.info.Size < 0 || d.n > 1 && !strong(d.info.ETag) {
		return d.whole(ctx, o)
	}
	d.t.size(d.end-d.off, d.n)
	return nil
}

// find finds the object, and opens its first part unless an earlier run may have that.
func (d *fetch) find(ctx context.Context, o *ois.GetOptions) error {
	switch {
	case o.Offset < 0 && o.Length > 0:
		return errors.New("an offset from the end goes without a length")
	case o.Length > 0 && o.Offset > math.MaxInt64-o.Length: // parts of it would not be
		return fmt.Errorf("offset %d and length %d are too large", o.Offset, o.Length)
	}
	if d.noted || o.Offset < 0 { // only the size makes parts of that
		info, err := d.b.Head(ctx, d.key, &ois.HeadOptions{
			VersionID: o.VersionID, EncryptionKey: o.EncryptionKey, IfMatch: o.IfMatch, IfNoneMatch: o.IfNoneMatch,
			IfModifiedSince: o.IfModifiedSince, IfUnmodifiedSince: o.IfUnmodifiedSince,
		})
		if err != nil {
			return err
		}
		if d.info = *info; o.Offset < 0 {
			o.Offset = max(0, info.Size+o.Offset)
		}
	}
	if d.noted && strong(d.info.ETag) && o.Offset < d.info.Size {
		d.unhold()
		return nil
	}
	r, err := d.get(ctx, *o)
	if err == nil {
		d.first, d.info = r, r.Info
	}
	return err
}

// get opens the first part of what was asked for.
func (d *fetch) get(ctx context.Context, o ois.GetOptions) (*ois.Reader, error) {
	asked := o.Length
	if o.Length == 0 || o.Length > d.part {
		o.Length = d.part
	}
	r, err := d.b.Get(ctx, d.key, &o)
	if errors.Is(err, ois.ErrRange) && o.Offset == 0 && asked >= 0 {
		o.Length = 0 // there are no bytes
		r, err = d.b.Get(ctx, d.key, &o)
	}
	return r, err
}

// whole reads in one go what cannot be read in parts, because its ETag does not tell
// whether they belong together.
func (d *fetch) whole(ctx context.Context, o ois.GetOptions) error {
	d.closeFirst()
	r, err := d.b.Get(ctx, d.key, &o)
	if err != nil {
		return err
	}
	if r.Length < 0 {
		_ = r.Close() // nothing was read
		return errors.New("the service does not tell the size of the object")
	}
	d.first, d.info, d.n = r, r.Info, 1
	d.end = d.off + r.Length
	d.part = max(r.Length, 1)
	d.t.size(r.Length, 1)
	return nil
}

// strong reports whether two objects with that ETag have the same bytes.
func strong(etag string) bool { return etag != "" && !strings.HasPrefix(etag, "W/") }

// reader opens a part, which has size bytes.
func (d *fetch) reader(ctx context.Context, n int) (r *ois.Reader, size int64, err error) {
	off := d.off + int64(n)*d.part
	size = min(d.part, d.end-off)
	if n == 0 && d.first != nil {
		r, d.first = d.first, nil
	} else {
		r, err = d.b.Get(ctx, d.key, &ois.GetOptions{
			Offset: off, Length: size, VersionID: d.o.VersionID, IfMatch: d.info.ETag, EncryptionKey: d.o.EncryptionKey,
		})
	}
	if errors.Is(err, ois.ErrPrecondition) {
		return nil, 0, fmt.Errorf("the object was replaced while it was read: %w", err)
	} else if err != nil {
		return nil, 0, err
	}
	if r.Length != size || r.Info.ETag != d.info.ETag {
		_ = r.Close() // nothing was read
		return nil, 0, fmt.Errorf("part %d has %d bytes of an object with the ETag %s; want %d and %s", n, r.Length, r.Info.ETag, size, d.info.ETag)
	}
	return r, size, nil
}

// copy reads a part and hands on what comes.
func (d *fetch) copy(ctx context.Context, n int, write func(p []byte, off int64) error) error {
	r, size, err := d.reader(ctx, n)
	if err != nil {
		return err
	}
	defer r.Close() // it was only read
	c := d.chunks.Get().(*chunk)
	defer d.chunks.Put(c)
	var off int64
	for off < size {
		m, err := r.Read(d.down.piece(c[:]))
		if m > 0 {
			if err := d.down.wait(ctx, m); err != nil {
				return err
			}
			if err := write(c[:m], off); err != nil {
				return err
			}
			off += int64(m)
			d.t.add(int64(m))
		}
		if isEOF(err) && off < size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && !isEOF(err) {
			return fmt.Errorf("part %d: %w", n, err)
		}
	}
	return nil
}

// checkable reports whether the ETag is a checksum of the bytes that are read.
func (d *fetch) checkable() bool {
	return !d.pool.o.NoVerify && !d.info.Encrypted && d.off == 0 && d.end == d.info.Size && md5Of(d.info.ETag) != ""
}

func (d *fetch) compare(h hash.Hash) (err error) {
	d.verified, err = compare(h, d.info.ETag)
	return err
}

// scatter reads the parts, several at once, and writes each where it belongs.
func (d *fetch) scatter(ctx context.Context, w io.WriterAt) error {
	f := &follower{d: d, w: w, done: make([]bool, d.n), wake: make(chan struct{}, 1)}
	g := newGroup(ctx)
	if d.checkable() {
		if d.n == 1 && d.have == nil {
			f.hash = md5.New()
		} else if at, ok := w.(io.ReaderAt); ok {
			g.run(func(ctx context.Context) error { return f.follow(ctx, at) })
		}
	}
	from := 0
	if d.held {
		from = 1
		g.run(func(ctx context.Context) error {
			defer d.unhold()
			return f.part(ctx, 0)
		})
	}
	g.run(func(ctx context.Context) error {
		return d.each(ctx, d.n-from, func(ctx context.Context, n int) error { return f.part(ctx, n+from) })
	})
	if err := g.wait(); err != nil {
		return err
	}
	if f.hash != nil {
		return d.compare(f.hash)
	}
	return nil
}

// A follower takes parts in any order, and hashes them in theirs.
type follower struct {
	d    *fetch
	w    io.WriterAt
	hash hash.Hash // of a single part; nil if follow does it, or nobody
	wake chan struct{}

	mu   sync.Mutex
	done []bool // by part; guarded by mu
}

// part reads a part and writes it.
func (f *follower) part(ctx context.Context, n int) error {
	d := f.d
	if d.have != nil && d.have(n) {
		f.finished(n)
		return nil
	}
	at := int64(n) * d.part
	err := d.copy(ctx, n, func(p []byte, off int64) error {
		if f.hash != nil {
			f.hash.Write(p)
		}
		n, err := f.w.WriteAt(p, at+off)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		return err
	})
	if err != nil {
		return err
	}
	f.finished(n)
	d.t.part(n)
	if d.done != nil {
		return d.done(n)
	}
	return nil
}

func (f *follower) finished(n int) {
	f.mu.Lock()
	f.done[n] = true
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // it will look
	}
}

// follow reads what was written back, part by part as they come, and compares the checksum.
func (f *follower) follow(ctx context.Context, r io.ReaderAt) error {
	d, h := f.d, md5.New()
	c := d.chunks.Get().(*chunk)
	defer d.chunks.Put(c)
	for n := 0; n < d.n; {
		f.mu.Lock()
		there := f.done[n]
		f.mu.Unlock()
		if !there {
			select {
			case <-f.wake:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			continue
		}
		at := int64(n) * d.part
		part := io.NewSectionReader(r, at, min(d.part, d.end-d.off-at))
		if _, err := io.CopyBuffer(h, struct{ io.Reader }{part}, c[:]); err != nil {
			if n == 0 && d.path == "" {
				return nil // a file of the caller's that is open for writing alone: nothing is compared
			}
			return fmt.Errorf("read back what was written: %w", err)
		}
		n++
	}
	return d.compare(h)
}

// ordered writes the parts one after another, while the next ones are read into buffers.
func (d *fetch) ordered(ctx context.Context, w io.Writer) error {
	w = io.MultiWriter(w) // which notices short writes
	var h hash.Hash
	if d.checkable() {
		h = md5.New()
		w = io.MultiWriter(w, h)
	}
	g := newGroup(ctx)
	queue := make(chan *piece, d.pool.o.Concurrency)
	if d.n > 1 {
		g.run(func(ctx context.Context) error { return d.ahead(ctx, g, queue) })
	} else {
		close(queue)
	}
	err := d.writeFirst(g.ctx, w)
	var p *piece
	for n := 1; err == nil && n < d.n; n++ {
		if p, err = next(g.ctx, queue); err == nil {
			_, err = p.b.WriteTo(w)
		}
		if err == nil {
			p.release()
			p = nil
			d.t.part(n)
		}
	}
	g.fail(err)
	err = g.wait() // nobody fills a piece any longer
	if p != nil {
		p.release()
	}
	for p := range queue {
		p.release()
	}
	if err == nil && h != nil {
		err = d.compare(h)
	}
	return err
}

// writeFirst writes the first part as it comes.
func (d *fetch) writeFirst(ctx context.Context, w io.Writer) error {
	defer d.unhold()
	if err := d.copy(ctx, 0, func(p []byte, _ int64) error { _, err := w.Write(p); return err }); err != nil {
		return err
	}
	d.t.part(0)
	return nil
}

// A piece is a part that is read ahead.
type piece struct {
	b    *buffer
	size int64         // that is held of the memory
	full chan struct{} // closed when b has it
}

func (p *piece) release() {
	p.b.pool.memory.give(p.size)
	p.b.free()
}

// ahead reads the parts behind the first. Memory is taken in the order of the parts,
// and workers once there is a place in the queue, so that the next one to be written never waits for
// those behind it.
func (d *fetch) ahead(ctx context.Context, g *group, queue chan<- *piece) error {
	defer close(queue)
	for n := 1; n < d.n; n++ {
		size := min(d.part, d.end-d.off-int64(n)*d.part)
		if err := d.memory.take(ctx, size); err != nil {
			return err
		}
		p := &piece{&buffer{pool: d.pool}, size, make(chan struct{})}
		select {
		case queue <- p: // which releases it from now on
		case <-ctx.Done():
			p.release()
			return context.Cause(ctx)
		}
		if err := d.slot(ctx); err != nil {
			return err
		}
		g.run(func(ctx context.Context) error {
			defer d.freeSlot()
			err := d.copy(ctx, n, func(b []byte, _ int64) error { p.b.append(b); return nil })
			if err == nil {
				close(p.full)
			}
			return err
		})
	}
	return nil
}

// next waits for the next piece. It may return one that is not full, with an error.
func next(ctx context.Context, queue <-chan *piece) (*piece, error) {
	select {
	case p, ok := <-queue:
		if !ok {
			return nil, context.Cause(ctx) // nobody reads ahead any longer
		}
		select {
		case <-p.full:
			return p, nil
		case <-ctx.Done():
			return p, context.Cause(ctx)
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
