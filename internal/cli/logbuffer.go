package cli

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Limits of a logBuffer. What a reader of the log waits for is not noticed; what is lost when the process is killed is little.
const (
	logDelay = 100 * time.Millisecond
	logBytes = 32 << 10
)

// A logBuffer gathers the lines of a log, since a write for each would be a good part of what a small request costs.
type logBuffer struct {
	to io.Writer

	mu    sync.Mutex
	lines []byte      // guarded by mu
	timer *time.Timer // runs while there are lines; guarded by mu
}

func newLogBuffer(to io.Writer) *logBuffer {
	b := &logBuffer{to: to}
	b.timer = time.AfterFunc(time.Hour, b.flush)
	b.timer.Stop()
	return b
}

// Write takes a line. What becomes of it is nobody's business: there is no other place to tell that a log cannot be written.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == 0 {
		b.timer.Reset(logDelay)
	}
	b.lines = append(b.lines, line...)
	if len(b.lines) >= logBytes {
		b.write()
	}
	return len(line), nil
}

// flush writes what was gathered.
func (b *logBuffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write()
}

// write is called with mu held.
func (b *logBuffer) write() {
	b.timer.Stop()
	if len(b.lines) > 0 {
		_, _ = b.to.Write(b.lines)
		b.lines = b.lines[:0]
	}
}

// A promptHandler writes warnings and errors at once, with all that was gathered before.
type promptHandler struct {
	slog.Handler
	buffer *logBuffer
}

// Handle implements slog.Handler.
func (h promptHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.buffer.flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h promptHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return promptHandler{h.Handler.WithAttrs(attrs), h.buffer}
}

// WithGroup implements slog.Handler.
func (h promptHandler) WithGroup(name string) slog.Handler {
	return promptHandler{h.Handler.WithGroup(name), h.buffer}
}
