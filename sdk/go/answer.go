package ois

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxAnswer = 64 << 20 // bytes of an answer that is no stream
	maxDrain  = 64 << 10 // bytes that are read only to keep their connection

	maxTrusted = 1 << 20 // bytes that are made room for before they come

	drainTime = time.Second / 2 // to keep a connection; a new one takes less
)

// An answerBody is the body of an answer. It ends when the connection stands still,
// tells a body that is cut off from one that is complete, and keeps the connection
// for the next request where that is cheap.
type answerBody struct {
	ctx    context.Context // the caller's
	actx   context.Context // the attempt's
	cancel context.CancelCauseFunc
	src    io.ReadCloser
	watch  *watch
	left   int64 // bytes to come; -1 if unknown
	err    error // what the last Read has answered
}

// newAnswerBody returns the body of an answer to a request of that method.
func newAnswerBody(
	ctx, actx context.Context, cancel context.CancelCauseFunc, method string, answer *http.Response, stall time.Duration,
) *answerBody {
	b := &answerBody{ctx: ctx, actx: actx, cancel: cancel, src: answer.Body, left: answer.ContentLength}
	if b.src == nil {
		b.src = http.NoBody
	}
	if method == http.MethodHead || b.src == http.NoBody {
		b.left, b.err = 0, io.EOF
		return b
	}
	if b.left == 0 {
		b.left = -1 // with a body: nobody has counted
	}
	b.watch = newWatch(cancel, stall, 0)
	return b
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.watch.extend()
	n, err := b.src.Read(p)
	b.watch.pause()
	if b.left >= 0 {
		b.left -= int64(n)
		if isEOF(err) && b.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil && !isEOF(err) {
		err = cause(b.ctx, b.actx, err)
	}
	b.err = err
	return n, err
}

// Close ends the attempt.
func (b *answerBody) Close() error {
	if b.left <= maxDrain && b.err == nil {
		b.watch.end()
		last := newWatch(b.cancel, drainTime, 0)
		last.extend()
		_, _ = io.CopyN(io.Discard, b.src, maxDrain) // what fails here fails nobody
		last.end()
	}
	b.watch.end()
	err := b.src.Close()
	b.cancel(nil)
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return err
}

// isEOF reports whether a reader has come to its end. An error that wraps io.EOF
// is none: a connection that was closed too early has failed.
func isEOF(err error) bool {
	return err == io.EOF //nolint:errorlint // see above
}

// drain reads a little of an unwanted body and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain) // what fails here fails nobody
	_ = body.Close()                            // the same
}

// cause is err in words of the caller: what a watch has ended names the watch, and
// the end of the caller's context is that of its context.
func cause(ctx, actx context.Context, err error) error {
	var stalled *errStalled
	if errors.As(context.Cause(actx), &stalled) {
		return stalled
	}
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the connection was closed: %w", io.ErrUnexpectedEOF) // nobody must take it for an end
	}
	return err
}

// readAll reads a body of that length, -1 if it is unknown.
func readAll(body io.Reader, length int64) ([]byte, error) {
	if length > maxAnswer {
		return nil, fmt.Errorf("%d bytes; at most %d are read", length, maxAnswer)
	}
	var buf bytes.Buffer
	if length > 0 {
		buf.Grow(int(min(length, maxTrusted)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(body, maxAnswer+1))
	if n > maxAnswer {
		return nil, fmt.Errorf("more than %d bytes", maxAnswer)
	}
	return buf.Bytes(), err
}
