package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// TestKillDuringALifecyclePass: what was done is whole, the rest is there, and the next pass does it.
func TestKillDuringALifecyclePass(t *testing.T) {
	const objects = 1200
	dir := filepath.Join(t.TempDir(), "data")
	c := &crash{t: t, dir: dir}
	live := func(do func(p *process, s *ois.Client)) {
		env := append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID=root", "OIS_ROOT_SECRET_ACCESS_KEY=secret")
		p, err := serve(t.Context(), "", env, "--data", dir)
		if err != nil {
			t.Fatal(err)
		}
		defer p.kill()
		s, err := ois.New(ois.Config{Endpoint: p.url, AccessKeyID: "root", SecretAccessKey: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.CloseIdleConnections()
		do(p, s)
	}
	count := func(s *ois.Client) int64 {
		out, err := s.API().GetBucketStatistics(t.Context(), &api.GetBucketStatisticsInput{Bucket: "test-bucket"})
		if err != nil {
			t.Fatal(err)
		}
		return out.Count
	}
	later := time.Now().AddDate(0, 0, 10).Format(time.DateOnly)
	live(func(p *process, s *ois.Client) {
		fill(t, s, objects)
		var running sync.WaitGroup
		running.Go(func() {
			if out, err := run(context.WithoutCancel(t.Context()), "job", "run", "lifecycle", "--data", dir, "--as-of", later); err == nil {
				t.Errorf("the pass came to its end before the kill: %s", out)
			}
		})
		for count(s) == objects {
			time.Sleep(time.Millisecond) // another process is at work
		}
		p.kill()
		running.Wait()
	})
	c.fsck("offline, after the kill")
	live(func(_ *process, s *ois.Client) {
		left := count(s)
		n := int64(0)
		for _, err := range s.Bucket("test-bucket", "").Objects(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if left != n || n == 0 || n == objects {
			t.Errorf("after the kill %d objects are counted and %d listed; want some of %d", left, n, objects)
		}
		out, err := run(t.Context(), "job", "run", "lifecycle", "--data", dir, "--as-of", later)
		if err != nil || !strings.Contains(strings.Join(strings.Fields(out), " "), fmt.Sprintf(" expired %d transitioned 0 ", n)) {
			t.Errorf("the next pass: %v\n%s; want %d objects to expire", err, out[max(0, len(out)-300):], n)
		}
		if got := count(s); got != 0 {
			t.Errorf("%d objects are left", got)
		}
		c.fsck("online")
	})
}

// fill makes a bucket of so many objects that are to go after a week.
func fill(t *testing.T, s *ois.Client, objects int) {
	t.Helper()
	b := s.Bucket("test-bucket", "")
	if err := b.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := n; i < objects; i += 8 {
				if _, err := b.Put(t.Context(), fmt.Sprintf("%04d", i), strings.NewReader("x"), nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	_, err := s.API().PutBucketLifecycle(t.Context(), &api.PutBucketLifecycleInput{Bucket: "test-bucket", Rule: []api.LifecycleRule{{
		ID: "week", Status: "enabled", Expiration: &api.LifecycleExpiration{Days: 7},
	}}})
	if err != nil {
		t.Fatal(err)
	}
}
