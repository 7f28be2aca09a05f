package transfer

import (
	"context"
	"crypto/md5" // what the caller may give
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/oisproject/ois/sdk/go/internal/reading"
)

// stream sends what can be read only once. One part after another is read into memory,
// and sent from there while the next ones are read. What ends within the first part goes
// out in one request.
func (j *job) stream(ctx context.Context, r io.Reader, part int64) (*Result, error) {
	s := &stream{job: j, r: r, part: part, known: j.o.ContentLength > 0}
	if part > j.pool.o.Memory {
		return nil, fmt.Errorf("parts of %d bytes do not fit into a memory of %d", part, j.pool.o.Memory)
	}
	first := &buffer{pool: j.pool}
	err := first.fill(ctx, r, int64(len(chunk{}))) // small ones need no budget
	if isEOF(err) {
		defer first.free()
		return s.small(ctx, first)
	} else if err != nil {
		first.free()
		return nil, fmt.Errorf("read: %w", err)
	}
	return s.large(ctx, first)
}

// A stream is a job whose input is read once.
type stream struct {
	*job
	r     io.Reader
	part  int64     // size of the first part
	known bool      // the caller has said how long it is
	size  int64     // that was read
	hash  hash.Hash // of it; nil if nobody will compare

	mu    sync.Mutex
	etags []string // guarded by mu
}

// small sends all that there is.
func (s *stream) small(ctx context.Context, b *buffer) (*Result, error) {
	if err := s.checkLength(b.size, true); err != nil {
		return nil, err
	}
	return s.single(ctx, b, 0, b.size)
}

// checkLength compares what came with what the caller has said.
func (s *stream) checkLength(n int64, end bool) error {
	if s.known && (n > s.o.ContentLength || end && n < s.o.ContentLength) {
		more := map[bool]string{true: "", false: " or more"}[end]
		return fmt.Errorf("content length is %d, but the stream has %d bytes%s", s.o.ContentLength, n, more)
	}
	return nil
}

// large sends a stream that is longer than its first buffer.
func (s *stream) large(ctx context.Context, first *buffer) (*Result, error) {
	g := newGroup(ctx)
	var u *upload
	b := first
	for n := 0; ; n++ {
		p, end, err := s.read(g.ctx, b, n)
		if err == nil && end && n == 0 {
			defer g.cancel()
			defer p.release()
			return s.single(ctx, p.b, 0, p.b.size)
		}
		if err == nil && u == nil {
			u, err = s.initiate(ctx, s.key, &s.o.PutOptions)
		}
		if err != nil || p.b.size == 0 {
			p.release()
			g.fail(err)
			break
		}
		g.run(func(ctx context.Context) error {
			defer p.release()
			return s.sendPart(ctx, u, n, p.b)
		})
		if end {
			break
		}
		b = &buffer{pool: s.pool}
	}
	err := g.wait()
	if u == nil {
		return nil, err
	}
	f := s.finish(0, s.size)
	f.etags = s.etags
	s.t.size(s.size, len(f.etags))
	return s.end(ctx, u, f, err)
}

// read reads part n into b, which may hold some of it already, and reports whether the
// stream has ended. All memory of the part is taken at once: one that waits for its second half
// might wait for ever. The caller releases the piece, also after an error.
func (s *stream) read(ctx context.Context, b *buffer, n int) (p *piece, end bool, err error) {
	most := s.part
	if !s.known {
		most = s.pool.o.streamPart(s.part, n)
	}
	p = &piece{b: b}
	if err := s.memory.take(ctx, most); err != nil {
		return p, false, err
	}
	p.size = most
	err = b.fill(ctx, s.r, most)
	s.size += b.size
	if err == nil && s.known && s.size == s.o.ContentLength {
		err = s.last()
	}
	switch {
	case isEOF(err):
		s.memory.give(p.size - b.size)
		p.size, end, err = b.size, true, nil
	case err != nil && ctx.Err() == nil:
		err = fmt.Errorf("read: %w", err)
	}
	if err == nil {
		err = s.checkLength(s.size, end)
	}
	if err == nil {
		err = s.checkMD5(b, end)
	}
	if err == nil && n == maxParts && b.size > 0 {
		err = fmt.Errorf("the stream is longer than %d bytes, which is all that %d parts hold; raise PartSize or Memory", s.size-b.size, maxParts)
	}
	return p, end, err
}

// last makes sure that the stream ends here. It returns io.EOF then.
func (s *stream) last() error {
	var one [1]byte
	n, err := reading.Some(s.r, one[:])
	s.size += int64(n)
	return err
}

// checkMD5 hashes the next bytes, if the caller has said what must come out.
func (s *stream) checkMD5(b *buffer, end bool) error {
	if s.etag == "" {
		return nil
	}
	if s.hash == nil {
		s.hash = md5.New()
	}
	if _, err := b.WriteTo(s.hash); err != nil || !end {
		return err
	}
	_, err := compare(s.hash, s.etag)
	return err
}

func (s *stream) sendPart(ctx context.Context, u *upload, n int, b *buffer) error {
	if err := s.slot(ctx); err != nil {
		return err
	}
	defer s.freeSlot()
	var etag string
	if err := s.send(ctx, u, n, b, 0, b.size, &etag); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.etags) <= n {
		s.etags = append(s.etags, "")
	}
	s.etags[n] = etag
	return nil
}
