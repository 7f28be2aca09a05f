package blob_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/oisproject/ois/internal/blob"
)

func TestGateClosesBehindTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g blob.Gate
		for range 2 {
			if err := g.Enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Enter(over); !errors.Is(err, context.Canceled) {
			t.Errorf("Enter with a context that has ended = %v; want its error", err)
		}
		closed := false
		go func() {
			if err := g.Close(); err != nil {
				t.Errorf("Close = %v; want nil", err)
			}
			closed = true
		}()
		for range 2 {
			synctest.Wait()
			if closed {
				t.Error("Close has returned while a call is under way")
			}
			if err := g.Enter(t.Context()); !errors.Is(err, blob.ErrClosed) {
				t.Errorf("Enter after Close = %v; want ErrClosed", err)
			}
			g.Leave()
		}
		synctest.Wait()
		if !closed {
			t.Error("Close waits though all calls have ended")
		}
		if err := g.Close(); !errors.Is(err, blob.ErrClosed) {
			t.Errorf("second Close = %v; want ErrClosed", err)
		}
	})
}
