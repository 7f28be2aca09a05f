package ois

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/oisproject/ois/sdk/go/internal/reading"
)

// smallBody is up to where a body in memory is handed to net/http as it is. Together
// with the header it fits the transport's write buffer, so that it leaves in one
// packet, and so that nothing of it is read after the server could have answered.
const smallBody = 16 << 10

// A payload is the body of a call. It remembers where the caller's reader stood, so
// that each attempt sends the same bytes, and never closes it.
type payload struct {
	src    io.Reader
	seeker io.Seeker // nil if src cannot be sent again
	start  int64     // where seeker stood
	size   int64     // bytes from there to the end; -1 if unknown
	memory bool      // src is read through copies and does not move

	measured bool // size is known from src itself

	open *guard // what the transport reads from, if it reads src itself

	readErr atomic.Pointer[error] // what src answered instead of bytes
}

// newPayload looks at a body. A length of 0 or less is unknown.
func newPayload(body io.Reader, length int64) (*payload, error) {
	if body == nil || body == http.NoBody {
		if length > 0 {
			return nil, fmt.Errorf("content length is %d, but there is no body", length)
		}
		return nil, nil
	}
	p := &payload{src: body, size: -1}
	switch r := body.(type) {
	case *bytes.Buffer:
		p.size, p.memory = int64(r.Len()), true
	case *bytes.Reader:
		p.size, p.memory = int64(r.Len()), true
	case *strings.Reader:
		p.size, p.memory = int64(r.Len()), true
	case io.ReadSeeker:
		p.measure(r)
	}
	p.measured = p.size >= 0
	if length > 0 {
		if p.size >= 0 && p.size != length {
			return nil, fmt.Errorf("content length is %d, but the body has %d bytes", length, p.size)
		}
		p.size = length
	}
	return p, nil
}

// measure finds out where s stands and how much there is to its end. What cannot
// tell, such as a pipe, is read as a plain stream.
func (p *payload) measure(s io.ReadSeeker) {
	if f, ok := s.(*os.File); ok {
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return
		}
	}
	start, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return
	}
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	if _, err := s.Seek(start, io.SeekStart); err != nil {
		return
	}
	p.seeker, p.start, p.size = s, start, max(end-start, 0)
	if p.size == 0 {
		// Some files, of the kernel's for instance, hold more than they say.
		var one [1]byte
		if n, _ := s.Read(one[:]); n > 0 {
			p.size = -1
		}
		if _, err := s.Seek(start, io.SeekStart); err != nil {
			p.seeker = nil
		}
	}
}

// rewindable reports whether the body can be sent again.
func (p *payload) rewindable() bool { return p == nil || p.memory || p.seeker != nil }

// rewind goes back to the start, once the transport has let go of the body.
func (p *payload) rewind() error {
	if !p.rewindable() {
		return errNotRewindable
	}
	if p == nil || p.seeker == nil || p.open == nil {
		return nil
	}
	p.open.settle()
	if _, err := p.seeker.Seek(p.start, io.SeekStart); err != nil {
		return fmt.Errorf("body goes back to %d: %w", p.start, err)
	}
	return nil
}

// guarded reports whether the body goes to the transport through a guard.
func (p *payload) guarded() bool {
	return p != nil && p.size != 0 && (!p.memory || p.size > smallBody)
}

// attach gives r the body, from its start.
func (p *payload) attach(r *http.Request, w *watch) error {
	r.Body, r.GetBody, r.ContentLength = nil, nil, 0
	if p == nil {
		return nil
	}
	if p.size == 0 {
		r.Body = http.NoBody
		return nil
	}
	body, err := p.body(w)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = body, p.size
	if p.rewindable() {
		r.GetBody = func() (io.ReadCloser, error) { return p.body(w) }
	}
	return nil
}

// body returns the bytes from the start, for one attempt.
func (p *payload) body(w *watch) (io.ReadCloser, error) {
	src := p.src
	switch r := p.src.(type) {
	case *bytes.Buffer:
		src = bytes.NewReader(r.Bytes())
	case *bytes.Reader:
		c := *r
		src = &c
	case *strings.Reader:
		c := *r
		src = &c
	}
	if !p.guarded() {
		return io.NopCloser(src), nil
	}
	if p.open != nil {
		if err := p.rewind(); err != nil {
			return nil, err
		}
	}
	p.open = &guard{payload: p, src: src, left: p.size, watch: w}
	return p.open, nil
}

var errNotRewindable = errors.New("the body cannot be read a second time")

// finish ends the reading. After it, the caller's reader is the caller's again: it
// stands behind what was sent or, if that failed, where it stood.
func (p *payload) finish(sent bool) {
	if p == nil {
		return
	}
	if p.open != nil {
		p.open.settle()
	}
	switch r := p.src.(type) {
	case *bytes.Buffer:
		if sent {
			r.Next(int(p.size))
		}
	case io.Seeker:
		if sent && p.memory {
			_, _ = r.Seek(p.size, io.SeekCurrent) // within memory: cannot fail
		} else if !sent && p.seeker != nil {
			_, _ = r.Seek(p.start, io.SeekStart) // the call has an error of its own
		}
	}
}

// failure is what the caller's reader answered instead of bytes, or nil.
func (p *payload) failure() error {
	if p == nil {
		return nil
	}
	if err := p.readErr.Load(); err != nil {
		return *err
	}
	return nil
}

// A guard stands between the transport and the caller's reader. The transport may
// read on after an attempt has failed; the guard stops that, announces no more and
// no fewer bytes than there are, and keeps the time of the watch.
type guard struct {
	payload *payload
	watch   *watch
	src     io.Reader
	closed  atomic.Bool

	mu   sync.Mutex // held while src is read
	left int64      // guarded by mu; -1 if unknown
}

// Read implements io.Reader for the transport.
func (g *guard) Read(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	g.watch.pause() // the caller's reader takes the time it takes
	n, err := g.read(b)
	if err != nil {
		g.watch.final()
	} else {
		g.watch.extend()
	}
	if err != nil && !isEOF(err) {
		err = fmt.Errorf("body: %w", err)
		g.payload.readErr.Store(&err)
	}
	return n, err
}

func (g *guard) read(b []byte) (int, error) {
	if g.left < 0 {
		return reading.Some(g.src, b)
	}
	if g.left == 0 {
		return 0, io.EOF
	}
	if int64(len(b)) > g.left {
		b = b[:g.left]
	}
	n, err := reading.Some(g.src, b)
	g.left -= int64(n)
	if isEOF(err) {
		err = nil
		if g.left > 0 {
			err = fmt.Errorf("%d bytes short of its announced length: %w", g.left, io.ErrUnexpectedEOF)
		}
		return n, err
	}
	if g.left == 0 && err == nil && g.longer() {
		return 0, errTooLong // the last bytes are kept, or the server would take it for complete
	}
	return n, err
}

var errTooLong = errors.New("longer than its announced length")

// longer reports whether a source has more than the caller said.
func (g *guard) longer() bool {
	if g.payload.measured {
		return false // a file that grows is sent as it was
	}
	var one [1]byte
	n, _ := io.ReadFull(g.src, one[:])
	return n > 0
}

// Close implements io.Closer for the transport. It does not wait for a Read.
func (g *guard) Close() error {
	g.closed.Store(true)
	g.watch.pause()
	return nil
}

// settle closes g and waits until nobody reads from src, unless src is a stream
// that may never answer.
func (g *guard) settle() {
	g.closed.Store(true)
	if g.payload.rewindable() {
		g.mu.Lock() // a Read that sees closed does not touch src
		defer g.mu.Unlock()
	}
}
