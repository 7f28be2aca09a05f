package cli

import (
	"log/slog"
	"strings"
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
			got := make([]int, 0, len(out))
			for _, w := range out {
				got = append(got, strings.Count(w, "\n"))
			}
			if len(got) != len(lines) {
				t.Fatalf("%s: writes of %v lines; want %v", when, got, lines)
			}
			for i := range got {
				if got[i] != lines[i] {
					t.Fatalf("%s: writes of %v lines; want %v", when, got, lines)
				}
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

// writes holds what was written, call by call.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}
