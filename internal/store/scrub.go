package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

const (
	// scrubInterval is how often a pass begins. A disk that loses a bit in 10^15 loses one in 125 TB: a week
	// finds it while backups of the weeks before are still there, and reads 6 TiB at the default rate.
	scrubInterval = 7 * 24 * time.Hour

	scrubStep = 1 << 20     // bytes read while the sweeper waits
	scrubRows = 1024        // rows of one look
	scrubCost = 64          // bytes that a row costs more than it has
	scrubSave = time.Minute // how often the position is kept, and what was found is told
	scrubLook = time.Hour   // how often the clock is asked whether a pass is due
	scrubKept = 1000        // damaged blobs of which that is not put off
)

// A ScrubStats says what the scrub has done since the store was opened.
type ScrubStats struct {
	Passes  int64 // that came to their end
	Bytes   int64 // of blobs and rows
	Damaged int64 // objects, uploads, parts and ranges of rows that were found to be damaged
}

// A scrub counts.
type scrub struct{ passes, bytes, damaged atomic.Int64 }

// Scrub tells what the scrub has done.
func (s *Store) Scrub() ScrubStats {
	return ScrubStats{Passes: s.scrub.passes.Load(), Bytes: s.scrub.bytes.Load(), Damaged: s.scrub.damaged.Load()}
}

// A scrubRow is how far the scrub has come.
type scrubRow struct {
	next  []byte    // key of the row to go on from; empty if no pass is under way
	begun time.Time // of the pass under way, or of the last one
	ended time.Time // of the last one that came to its end
}

func (r *scrubRow) encode() []byte {
	b := appendText([]byte{recordVersion}, 1, r.next)
	b = appendUint(b, 4, uint64(r.begun.UnixMilli()))
	if r.ended.IsZero() {
		return b
	}
	return appendUint(b, 5, uint64(r.ended.UnixMilli()))
}

func decodeScrub(b []byte) (r scrubRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			r.next = bytes.Clone(s.text)
		case 4:
			r.begun = time.UnixMilli(int64(s.num))
		case 5:
			r.ended = time.UnixMilli(int64(s.num))
		default:
			s.unknown()
		}
	}
	return r, s.done("scrub row")
}

// scrubLoop reads all rows and all blobs, pass after pass, at most rate bytes a second. A pass goes on where
// an earlier start of the store has left it. It leaves the first minute to others.
func (s *Store) scrubLoop(ctx context.Context, rate int64) {
	p := scrubber{store: s, pace: pacer{rate: rate}}
	for wait := scrubSave; sleep(ctx, min(wait, scrubLook)) == nil; {
		wait = scrubSave
		if err := s.attempt(ctx, "scrub", p.begin); err == nil {
			if wait = p.due(s.now()); wait <= 0 {
				_ = s.attempt(ctx, "scrub", p.run) // it is logged, and tried again
				wait = scrubSave
			}
		}
	}
}

// A scrubber is at work on a pass.
type scrubber struct {
	store  *Store
	pace   pacer
	row    scrubRow
	saved  time.Time
	damage damage
	blobs  []blob.ID // that the last look has met
}

// begin reads how far the scrub has come.
func (p *scrubber) begin(ctx context.Context) error {
	return p.store.view(ctx, func(snap meta.Snapshot) error {
		row, ok, err := snap.Get(scrubKey())
		if err != nil {
			return err
		}
		p.row = scrubRow{}
		if ok {
			if p.row, err = decodeScrub(row.Val); err != nil {
				p.row = scrubRow{} // it is only a position
				p.store.log.WarnContext(ctx, "scrub begins anew", slog.Any("error", err))
			}
		}
		return nil
	})
}

// due returns how long the next pass has to wait.
func (p *scrubber) due(now time.Time) time.Duration {
	if len(p.row.next) > 0 || p.row.ended.IsZero() {
		return 0
	}
	return p.row.begun.Add(scrubInterval).Sub(now)
}

// run goes on with a pass to its end.
func (p *scrubber) run(ctx context.Context) error {
	if len(p.row.next) == 0 {
		p.row.begun, p.row.next = p.store.now(), []byte{1}
	}
	p.saved, p.damage = time.Now(), damage{}
	for len(p.row.next) > 0 {
		after, err := p.look(ctx)
		if err != nil {
			return err
		}
		for _, id := range p.blobs {
			if err := p.read(ctx, id); err != nil {
				return err
			}
			p.row.next = successor(blobPrefix(id))
			if err := p.save(ctx, false); err != nil {
				return err
			}
		}
		p.row.next = after
		if err := p.save(ctx, false); err != nil {
			return err
		}
	}
	p.row.ended = p.store.now()
	if err := p.save(ctx, true); err != nil {
		return err
	}
	p.store.scrub.passes.Add(1)
	p.store.log.InfoContext(ctx, "scrub has read everything", slog.Time("begun", p.row.begun))
	return nil
}

// look reads some rows and gathers the blobs that they name. It returns where to go on, nil at the end.
func (p *scrubber) look(ctx context.Context) (after []byte, err error) {
	p.blobs = p.blobs[:0]
	n, rows := int64(0), 0
	err = p.store.view(ctx, func(snap meta.Snapshot) error {
		return walkOver(ctx, snap, p.row.next, []byte{0xff}, func(r meta.Row) ([]byte, bool) {
			n += int64(len(r.Key) + len(r.Val) + scrubCost)
			if h, err := holderOf(r.Key); r.Key[0] == kindRef && err == nil && (len(p.blobs) == 0 || p.blobs[len(p.blobs)-1] != h.blob) {
				p.blobs = append(p.blobs, h.blob)
			}
			if rows++; rows < scrubRows && n < scrubStep {
				return nil, false
			}
			after = append(bytes.Clone(r.Key), 0)
			return nil, true
		}, func(g gap) { p.damage.gaps = append(p.damage.gaps, g) })
	})
	if err != nil {
		return nil, err
	}
	p.store.scrub.bytes.Add(n)
	return after, p.pace.spend(ctx, n)
}

// read reads a blob, and notes if that cannot be done.
func (p *scrubber) read(ctx context.Context, id blob.ID) error {
	_, err := p.store.readBlob(ctx, id, true, func(n int64) error {
		p.store.scrub.bytes.Add(n)
		return p.pace.spend(ctx, max(n, 4<<10))
	})
	if ctx.Err() != nil || errors.Is(err, blob.ErrClosed) {
		return err
	}
	if err != nil && !errors.Is(err, errUnnamed) {
		p.damage.addBlob(id, blobFlaw{err: err})
	}
	return nil
}

// save keeps the position, if it is time to or always is true. Before that it tells what was found on the way.
func (p *scrubber) save(ctx context.Context, always bool) error {
	now := time.Now()
	if !always && now.Sub(p.saved) < scrubSave && len(p.damage.blobs) < scrubKept {
		return nil
	}
	if err := p.tell(ctx); err != nil {
		return err
	}
	p.saved = now
	var c change
	c.set(scrubKey(), p.row.encode())
	return p.store.meta.Apply(ctx, c.done())
}

// tell logs what is damaged.
func (p *scrubber) tell(ctx context.Context) error {
	s := p.store
	for i := range p.damage.gaps {
		g := &p.damage.gaps[i]
		s.scrub.damaged.Add(1)
		s.log.ErrorContext(ctx, "scrub: rows cannot be read",
			slog.String("from", fmt.Sprintf("%q", g.lo)), slog.String("to", fmt.Sprintf("%q", g.hi)), slog.Any("error", g.err))
	}
	err := s.blame(ctx, &p.damage, func(who owner, _ *holding, _ *claim, f flaw) {
		s.scrub.damaged.Add(1)
		line := []slog.Attr{slog.String("bucket", who.bucket), slog.String("key", who.key)}
		if who.version != "" {
			line = append(line, slog.String("version", who.version))
		}
		if who.upload != "" {
			line = append(line, slog.String("upload", who.upload))
		}
		if who.part >= 0 {
			line = append(line, slog.Int64("part", who.part))
		}
		s.log.LogAttrs(ctx, slog.LevelError, "scrub: object is damaged", append(line, slog.String("error", f.what))...)
	})
	p.damage = damage{}
	return err
}

// A pacer keeps to a rate.
type pacer struct {
	rate int64     // bytes a second
	next time.Time // when what was spent so far is paid for
}

// pacePause is the shortest time that is worth a timer.
const pacePause = 10 * time.Millisecond

// spend waits as long as n bytes take. Time that was not used is not saved up.
func (p *pacer) spend(ctx context.Context, n int64) error {
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	if wait := p.next.Sub(now); wait >= pacePause {
		return sleep(ctx, wait)
	}
	return ctx.Err()
}

// errUnnamed is returned by readBlob when nothing refers to the blob any more.
var errUnnamed = errors.New("nothing refers to it any more")

// readBlob reads a whole blob, so that all of it is checked, and returns its size. It reads in steps, and the sweeper waits for
// one at most: what has lost its name in the meantime is not read on. named is whether there is a
// reference row. spend, unless it is nil, is called with the bytes of each step, and ends the reading with its error.
func (s *Store) readBlob(ctx context.Context, id blob.ID, named bool, spend func(int64) error) (size int64, err error) {
	for more := true; more; {
		var n int64
		n, more, err = s.readStep(ctx, id, size, named)
		size += n
		if err == nil && spend != nil {
			err = spend(n)
		}
		if err != nil {
			return size, err
		}
	}
	return size, nil
}

// stepBuffers holds buffers of readStep.
var stepBuffers = sync.Pool{New: func() any { return new([2 * blob.PieceLen]byte) }}

// readStep reads some of a blob from off on, and reports whether there is more.
func (s *Store) readStep(ctx context.Context, id blob.ID, off int64, named bool) (n int64, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	s.swept.Lock() // what is referred to stays until we are done
	defer s.swept.Unlock()
	if named {
		first, ok, err := s.liveBlobs(nil)(id)
		if err == nil && (!ok || first != id) {
			err = errUnnamed
		}
		if err != nil {
			return 0, false, err
		}
	}
	r, err := s.blobs.Open(ctx, id, off, -1)
	if err != nil {
		return 0, false, err
	}
	buf := stepBuffers.Get().(*[2 * blob.PieceLen]byte)
	defer stepBuffers.Put(buf)
	for n < scrubStep && err == nil {
		var m int
		m, err = r.Read(buf[:])
		n += int64(m)
	}
	more = err == nil
	if err == io.EOF { //nolint:errorlint // exactly: whoever wraps it means a failure
		err = nil
	}
	return n, more, errors.Join(err, r.Close())
}
