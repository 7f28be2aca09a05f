package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Patience with a peer: it has sendStall for each quantum of bytes that it sends, takeStall for each that it
// takes, and drain to send the rest of a body that nobody wants any more. A write returns only when the
// peer has taken a good part of what the kernels on both sides hold, which is megabytes.
const (
	sendStall = 30 * time.Second
	takeStall = 5 * time.Minute
	quantum   = 16 << 10
	drain     = 5 * time.Second
)

// deadlines sets those of a connection.
type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// deadlinesOf returns the deadlines that w, or what it wraps, has. What net/http gives us has them itself.
func deadlinesOf(w http.ResponseWriter) deadlines {
	if d, ok := w.(deadlines); ok {
		return d
	}
	return http.NewResponseController(w)
}

// A pace bounds how long one direction of a connection may make us wait. What counts is the time spent waiting for
// the peer, not the time we take ourselves; and it is given anew only for a whole quantum,
// so that single bytes do not keep a connection alive.
type pace struct {
	conn   deadlines
	reads  bool // else it writes
	stall  time.Duration
	asked  time.Time
	waited time.Duration // for this quantum
	moved  int           // bytes of this quantum
}

// before begins to wait for the peer.
func (p *pace) before() {
	p.asked = time.Now()
	p.until(p.asked.Add(p.stall - p.waited))
}

// after ends the wait, which moved n bytes.
func (p *pace) after(n int) {
	p.waited += time.Since(p.asked)
	if p.moved += n; p.moved >= quantum {
		p.waited, p.moved = 0, 0
	}
}

// until sets the deadline; the zero time lifts it. A writer without deadlines has no
// connection to protect.
func (p *pace) until(t time.Time) {
	if p.reads {
		_ = p.conn.SetReadDeadline(t)
		return
	}
	_ = p.conn.SetWriteDeadline(t)
}

// An upload reads the body of a request: counted, and at a pace. It does not take the place of
// the body, by whose type net/http knows what to do with the rest.
type upload struct {
	body  io.Reader
	pace  pace
	n     int64
	ended bool
}

// begin makes u read the body of r.
func (u *upload) begin(w http.ResponseWriter, r *http.Request) {
	u.body = r.Body
	if u.ended = r.ContentLength == 0; !u.ended {
		u.pace = pace{conn: deadlinesOf(w), reads: true, stall: sendStall}
		u.pace.before()
	}
}

// Read reads the body. At its end the deadline is lifted: net/http goes on reading to notice
// that the client leaves, and must not take a deadline for that.
func (u *upload) Read(p []byte) (int, error) {
	if u.ended {
		return 0, io.EOF
	}
	u.pace.before()
	n, err := u.body.Read(p)
	u.pace.after(n)
	u.n += int64(n)
	if errors.Is(err, io.EOF) {
		u.ended = true
		u.pace.until(time.Time{})
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err // without the addresses of both ends: it is told to the client, which may have reached us through a proxy
	}
	return n, err
}

// giveUp says that nobody will read the rest. net/http reads a little of it, so that a
// client which is still sending sees the answer, and then closes the connection.
func (u *upload) giveUp() {
	if !u.ended {
		u.pace.until(time.Now().Add(drain))
	}
}

// An answer is the writer of a response: counted, and written at a pace.
type answer struct {
	http.ResponseWriter
	pace   pace
	status int // 0 until it is written
	n      int64
}

// begin makes an answer through w. It lifts the deadline that the answer before it on
// the same connection has left; the next one comes with the status.
func (a *answer) begin(w http.ResponseWriter) {
	a.ResponseWriter = w
	a.pace = pace{conn: deadlinesOf(w), stall: takeStall}
	a.pace.until(time.Time{})
}

// WriteHeader writes the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
		a.pace.before()
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write writes a piece of the body.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	a.pace.before()
	n, err := a.ResponseWriter.Write(p)
	a.pace.after(n)
	a.n += int64(n)
	return n, err
}

// end begins the wait for what net/http has buffered and sends now.
func (a *answer) end() { a.pace.before() }

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
