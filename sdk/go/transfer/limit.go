package transfer

import (
	"context"
	"sync"
	"time"
)

// A limiter spreads bytes over time. A nil limiter does not.
type limiter struct {
	rate int64 // bytes per second

	mu   sync.Mutex
	next time.Time // when the bytes that were let through are paid for; guarded by mu
}

func newLimiter(rate int64) *limiter {
	if rate <= 0 {
		return nil
	}
	return &limiter{rate: rate}
}

// piece cuts p to what may pass at once, so that no wait is long.
func (l *limiter) piece(p []byte) []byte {
	if l == nil {
		return p
	}
	return p[:min(int64(len(p)), max(1, l.rate/10))]
}

// wait lets n bytes through when those before them are paid for.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l == nil || n == 0 {
		return nil
	}
	l.mu.Lock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	l.next = l.next.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
	wait := l.next.Sub(now)
	l.mu.Unlock()
	return sleep(ctx, wait)
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
