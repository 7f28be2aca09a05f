package server

import (
	"sync"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// A throttle bounds how many requests to create and delete buckets a user sends in a minute, whatever comes of them.
type throttle struct {
	most int // 0 means any number

	mu    sync.Mutex
	users map[string]*minute // guarded by mu
}

// A minute is what a user did in one.
type minute struct {
	ends time.Time
	n    int
}

// maxMinutes bounds how many users are remembered whose minute has ended.
const maxMinutes = 1000

// take counts one more, or refuses it with max_requests_exceeded.
func (t *throttle) take(user string, now time.Time) error {
	if t.most == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.users[user]
	if m == nil || !now.Before(m.ends) {
		t.forget(now)
		m = &minute{ends: now.Add(time.Minute)}
		t.users[user] = m
	}
	if m.n >= t.most {
		return fault.Newf(fault.MaxRequestsExceeded, "the account has sent %d requests to create or delete buckets within a minute, which is all it may; try again in %v",
			m.n, m.ends.Sub(now).Round(time.Second))
	}
	m.n++
	return nil
}

// forget makes room. It is called with mu held.
func (t *throttle) forget(now time.Time) {
	if t.users == nil {
		t.users = make(map[string]*minute)
	}
	if len(t.users) < maxMinutes {
		return
	}
	for user, m := range t.users {
		if !now.Before(m.ends) {
			delete(t.users, user)
		}
	}
}

// deleteBucket deletes a bucket that is old enough.
func (x *exchange) deleteBucket(in *op.DeleteBucketInput) (*op.DeleteBucketOutput, error) {
	now := x.now()
	if err := x.throttle.take(x.caller.UserID, now); err != nil {
		return nil, err
	}
	if wait := x.bucket.Info().Created.Add(x.lease).Sub(now); x.lease > 0 && wait > 0 {
		return nil, fault.Newf(fault.LeaseNotReady, "the bucket must be %v old to be deleted; try again in %v", x.lease, wait.Round(time.Second))
	}
	return x.bucket.DeleteBucket(x.context(), in)
}
