package cli

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLogLinesAreGathered checks when lines of the log are written: after a while, when they are many, and with a warning.
func TestLogLinesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out writes
		b := newLogBuffer(&out)
		log, err := logger(b, "text", "info")
		if err != nil {
			t.Fatal(err)
		}
		want := func(when string, lines ...int) {
			t.Helper()
			synctest.Wait()
			if got := out.lines(); !slices.Equal(got, lines) {
				t.Fatalf("%s: writes of %v lines; want %v", when, got, lines)
			}
		}
		log.Info("first")
		time.Sleep(logDelay / 2)
		log.Info("second")
		want("before the delay")
		time.Sleep(logDelay / 2)
		want("after the delay", 2)
		log.Info("third")
		log.With(slog.Int("n", 1)).WithGroup("g").Warn("fourth")
		want("with a warning", 2, 2)
		time.Sleep(2 * logDelay)
		want("later", 2, 2)
		log.Info(strings.Repeat("x", logBytes))
		want("with much", 2, 2, 1)
		log.Info("last")
		b.flush()
		want("at the end", 2, 2, 1, 1)
	})
}

// writes counts the lines of each call.
type writes struct {
	mu  sync.Mutex
	all []int // guarded by mu
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, bytes.Count(p, []byte("\n")))
	return len(p), nil
}

func (w *writes) lines() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}
