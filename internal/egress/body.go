package egress

import (
	"errors"
	"io"
	"time"
)

// A server has stall for each quantum of bytes that it sends. What counts is the time spent waiting for it, not the time
// that whoever reads takes; and it is given anew only for a whole quantum, so that single bytes keep nothing alive.
const (
	stall   = 30 * time.Second
	quantum = 512 << 10
)

// A body is that of an answer.
type body struct {
	rc      io.ReadCloser
	cancel  func(error)
	explain func(error) error
	timer   *time.Timer // ends the request
	stall   time.Duration
	waited  time.Duration // for this quantum
	moved   int           // bytes of this quantum
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	asked := time.Now()
	b.timer.Reset(b.stall - b.waited)
	n, err := b.rc.Read(p)
	b.timer.Stop()
	b.waited += time.Since(asked)
	if b.moved += n; b.moved >= quantum {
		b.waited, b.moved = 0, 0
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.explain(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.rc.Close()
}
