package simtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/sample"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

var (
	seed = flag.Uint64("seed", 0, "seed of the first day; 0 draws one")
	days = flag.Int("days", sample.Share(20, 4), "days of each kind to simulate")
)

const workers = 4

// eachDay runs a day of so many seeds, and tells what was counted on them.
func eachDay(t *testing.T, day func(t *testing.T, seed uint64)) {
	first := *seed
	if first == 0 {
		first = rand.Uint64() >> 32
	}
	tell(t)
	for i := range uint64(*days) {
		t.Run(fmt.Sprintf("seed=%d", first+i), func(t *testing.T) {
			t.Parallel()
			count(t, "days", 1)
			day(t, first+i)
		})
	}
}

// A tally is what was counted, by test.
var tally struct {
	mu sync.Mutex
	of map[string]map[string]int
}

// count adds n to what the test t, or the one that it is part of, has counted.
func count(t *testing.T, what string, n int) {
	test, _, _ := strings.Cut(t.Name(), "/")
	tally.mu.Lock()
	defer tally.mu.Unlock()
	if tally.of[test] != nil {
		tally.of[test][what] += n
	}
}

// tell makes t log at its end what was counted.
func tell(t *testing.T) {
	tally.mu.Lock()
	defer tally.mu.Unlock()
	if tally.of == nil {
		tally.of = make(map[string]map[string]int)
	}
	tally.of[t.Name()] = make(map[string]int)
	t.Cleanup(func() {
		tally.mu.Lock()
		defer tally.mu.Unlock()
		counted := tally.of[t.Name()]
		for _, what := range slices.Sorted(maps.Keys(counted)) {
			t.Logf("%7d %s", counted[what], what)
		}
	})
}

// A setup is how a store is opened.
type setup struct {
	clock func() time.Time // nil is time.Now
	// small makes everything small that a large store has many of, so that a day fills several packs and tables, and
	// files are closed and opened again.
	small bool
	// versioned enables versioning in the bucket: what is current must be what it is without.
	versioned bool
}

// setupOf returns the setup of a seed.
func setupOf(seed uint64) setup { return setup{small: seed%2 == 0} }

// A house is a store with all that it stands on.
type house struct {
	*store.Store
	close func() error
}

// open opens a store on a file system.
func (s setup) open(ctx context.Context, fsys vfs.FS) (*house, error) {
	if s.small {
		return s.openSmall(ctx, fsys)
	}
	d, err := datadir.Open(ctx, fsys, dataDir, &datadir.Options{Create: true, Now: s.clock})
	if err != nil {
		return nil, err
	}
	return &house{d.Store, d.Close}, nil
}

// openSmall does what datadir does, with other options.
func (s setup) openSmall(ctx context.Context, fsys vfs.FS) (*house, error) {
	for _, dir := range []string{dataDir, dataDir + "/meta", packsDir} {
		if err := vfs.Mkdir(fsys, dir, 0o700); err != nil {
			return nil, err
		}
	}
	m, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dataDir + "/meta", CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		return nil, err
	}
	b, err := packblob.Open(fsys, packsDir, packblob.Options{PackLen: 64 << 10, OwnLen: 150_000, OpenPacks: 2})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	opened, err := store.Open(ctx, store.Options{Meta: m, Blobs: b, Now: s.clock})
	if err != nil {
		return nil, err
	}
	return &house{opened, opened.Close}, nil
}

const (
	dataDir  = "data"
	packsDir = "data/packs"
)

// morning opens a store and its bucket.
func (s setup) morning(ctx context.Context, fsys vfs.FS) (*house, *store.Bucket, error) {
	h, err := s.open(ctx, fsys)
	if err != nil {
		return nil, nil, err
	}
	b, err := h.Bucket(ctx, bucketName)
	if err != nil {
		b, err = createBucket(ctx, h.Store)
	}
	if err == nil && s.versioned {
		b, err = setVersioning(ctx, h.Store, b, "ENABLED")
	}
	if err != nil {
		return nil, nil, errors.Join(err, h.close())
	}
	return h, b, nil
}

func createBucket(ctx context.Context, s *store.Store) (*store.Bucket, error) {
	if _, err := s.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: bucketName}); err != nil {
		return nil, err
	}
	return s.Bucket(ctx, bucketName)
}

// work lets all workers do steps until each has done its number or met an error, and returns
// the errors.
func work(ctx context.Context, b *store.Bucket, l *ledger, seed uint64, steps int) error {
	return together(func(n int) error {
		w := newWorker(b, l, seed, n)
		for range steps {
			if err := w.step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// together lets all workers work at once.
func together(work func(n int) error) error {
	var all sync.WaitGroup
	wrong := make([]error, workers)
	for n := range workers {
		all.Go(func() { wrong[n] = work(n) })
	}
	all.Wait()
	return errors.Join(wrong...)
}

// cutAt returns a hook that calls do at call n of the file system, and a function that calls it now unless that has happened.
// Other calls wait until do has returned.
func cutAt(n int64, do func()) (hook errfs.Hook, now func()) {
	var once sync.Once
	now = func() { once.Do(do) }
	hook = func(o errfs.Op) error {
		if o.N >= n {
			now()
		}
		return nil
	}
	return hook, now
}

// evening opens the store again, sweeps it, and compares it with the ledger: every acknowledged state is there,
// nothing is there that nobody asked for, and fsck is clean.
func (s setup) evening(t *testing.T, fsys vfs.FS, l *ledger) {
	t.Helper()
	ctx := t.Context()
	h, err := s.open(ctx, fsys)
	if err != nil {
		t.Errorf("open again: %v", err)
		return
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	b, err := h.Bucket(ctx, bucketName)
	if err != nil {
		for key, state := range l.told {
			if state != absent {
				t.Errorf("bucket: %v; %s was acknowledged", err, key)
			}
		}
		return // there is nothing to lose
	}
	if err := l.compare(ctx, b); err != nil {
		t.Error(err)
	}
	report(t, h.Store)
	sweep(t, h.Store)
}

// compare checks each key that the ledger knows.
func (l *ledger) compare(ctx context.Context, b *store.Bucket) error {
	var wrong []error
	for key, state := range l.told {
		states := []uint64{state}
		if s, ok := l.maybe[key]; ok {
			states = append(states, s)
		}
		wrong = append(wrong, check(ctx, b, key, states...))
	}
	for key, state := range l.maybe {
		if _, ok := l.told[key]; !ok {
			wrong = append(wrong, check(ctx, b, key, absent, state))
		}
	}
	return errors.Join(wrong...)
}

// report wants fsck to find nothing. Like evening it may be called on any goroutine.
func report(t *testing.T, s *store.Store) {
	t.Helper()
	count(t, "runs of fsck", 1)
	r, err := s.Check(t.Context())
	if err != nil {
		t.Errorf("fsck: %v", err)
		return
	}
	for _, p := range r.Problems {
		t.Errorf("fsck: %s", p)
	}
}

// sweep sweeps a store and wants it to be clean afterwards.
func sweep(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Sweep(t.Context()); err != nil {
		t.Errorf("sweep: %v", err)
	}
	report(t, s)
}
