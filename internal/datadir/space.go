package datadir

import (
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/vfs"
)

const (
	// lookEvery is how long what was seen of the disk is believed.
	lookEvery = 100 * time.Millisecond

	maxReserve   = 1 << 30 // bytes that stay free, unless Options.MinFree says how many
	reserveShare = 20      // and at most this part of a file system
)

// A space watches how much room the disk has left, and refuses writes while it is less than the reserve. So the log of
// the metadata does not meet a full disk.
//
// It looks when it is asked, at most every 100 ms, and needs no goroutine. What other programs write may eat the
// reserve, too; against that there is the ballast.
type space struct {
	fs    vfs.FS
	log   *slog.Logger
	start time.Time

	next    atomic.Int64                // when to look again, in nanoseconds since start
	refusal atomic.Pointer[fault.Error] // what a write is told; nil while there is room
	left    atomic.Int64                // bytes of packs/ above the reserve

	mu      sync.Mutex // held while looking
	meta    place      // guarded by mu
	packs   place      // guarded by mu
	ballast ballast    // guarded by mu
	full    bool       // writes are refused; guarded by mu
}

// A place is a directory that is written to, which may be a file system of its own.
type place struct {
	dir     string
	reserve int64 // bytes that stay free
	free    int64 // bytes that were free at the last look
}

// newSpace watches the disk under dir, in which meta and packs are there. minFree is that of Options.
func newSpace(fsys vfs.FS, dir string, minFree int64, log *slog.Logger) *space {
	s := &space{
		fs: fsys, log: log, start: time.Now(),
		meta:    place{dir: fsys.PathJoin(dir, metaName)},
		packs:   place{dir: fsys.PathJoin(dir, packsName)},
		ballast: ballast{fs: fsys, name: fsys.PathJoin(dir, ballastName)},
	}
	s.left.Store(math.MaxInt64)
	total, err := s.meta.look(fsys)
	if err == nil {
		s.ballast.size = ballastSize(total)
		s.meta.reserve = reserve(total, minFree, s.ballast.size)
		total, err = s.packs.look(fsys)
	}
	if err != nil {
		s.next.Store(math.MaxInt64) // never
		s.ballast.size = 0
		log.Debug("free room of the disk is not known, so nothing is kept in reserve", slog.Any("error", err))
		return s
	}
	s.packs.reserve = reserve(total, minFree, s.ballast.size)
	s.ballast.find()
	return s
}

// reserve returns how many bytes of a file system stay free. With less than the ballast there would soon be none.
func reserve(total, minFree, ballast int64) int64 {
	switch {
	case minFree < 0:
		minFree = 0
	case minFree == 0:
		minFree = min(maxReserve, total/reserveShare)
	}
	return max(minFree, ballast)
}

// look finds out how much is free. It returns the size of the file system, too.
func (p *place) look(fsys vfs.FS) (total int64, err error) {
	u, err := fsys.GetDiskUsage(p.dir)
	if err != nil {
		return 0, err
	}
	p.free = int64(min(u.AvailBytes, math.MaxInt64))
	return int64(min(u.TotalBytes, math.MaxInt64)), nil
}

// left is how many bytes may be written before the reserve is reached.
func (p *place) left() int64 { return p.free - p.reserve }

// begin makes the ballast, or sees to it that it has all its room, unless the disk is full. From now on
// writes are refused if it is.
func (s *space) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.watches() {
		return
	}
	s.look()
	if s.ballast.held && s.meta.left() >= s.ballast.size {
		s.takeBallast()
	}
}

// watches reports whether the disk tells how much is free.
func (s *space) watches() bool { return s.next.Load() != math.MaxInt64 }

// watch looks at the disk, unless somebody did so a moment ago or does so now.
func (s *space) watch() {
	if int64(time.Since(s.start)) < s.next.Load() || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	s.look()
}

// Room returns what to tell a write while there is no room. It takes some nanoseconds.
func (s *space) Room() error {
	s.watch()
	if f := s.refusal.Load(); f != nil {
		return f
	}
	return nil
}

// RoomFor is Room for a body of so many bytes, which would not fit in what is left.
func (s *space) RoomFor(size int64) error {
	if err := s.Room(); err != nil {
		return err
	}
	if left := s.left.Load(); size > left {
		return fault.Newf(fault.ServiceUnavailable, "the disk of the server has no room for %d bytes: %d may be written", size, max(0, left))
	}
	return nil
}

// refused returns what to tell a write of so many bytes that has failed with err. If there is no room for it by now, that is
// the reason; so it is if there was none for a moment, and somebody else has given some back since.
func (s *space) refused(err error, size int64) error {
	s.mu.Lock()
	if s.watches() {
		s.look()
	}
	s.mu.Unlock()
	if full := s.RoomFor(size); full != nil {
		return fmt.Errorf("%w: %w", full, err)
	}
	if vfs.IsFull(err) {
		return fmt.Errorf("%w: %w", fault.Newf(fault.ServiceUnavailable, "the disk of the server had no room for a moment"), err)
	}
	return err
}

// look finds out how much room there is, and acts on it. It is called with mu held.
func (s *space) look() {
	s.next.Store(int64(time.Since(s.start) + lookEvery))
	if s.measure() != nil {
		return // what was known goes on to hold
	}
	// Once writes are refused it takes more than the reserve to go on, else it would be to and fro: the
	// ballast once more, and the ballast itself if it has to be made.
	if more := 2 * s.ballast.size; s.ballast.missing() && s.worst().left() >= more {
		s.takeBallast()
	}
	more := s.ballast.size
	if s.ballast.missing() {
		more *= 2
	}
	p := s.worst()
	full := p.left() < 0
	if s.full || s.ballast.missing() {
		full = p.left() < more
	}
	s.decide(full, p, p.reserve+more)
	s.left.Store(s.packs.left())
}

// worst returns the place with less room above its reserve.
func (s *space) worst() *place {
	if s.packs.left() < s.meta.left() {
		return &s.packs
	}
	return &s.meta
}

func (s *space) measure() error {
	if _, err := s.meta.look(s.fs); err != nil {
		return err
	}
	_, err := s.packs.look(s.fs)
	return err
}

// decide refuses writes if the disk is full, until p has so many bytes free as wanted, or takes them again. It is
// called with mu held.
func (s *space) decide(full bool, p *place, wanted int64) {
	was := s.full
	s.full = full
	if full {
		s.refusal.Store(fault.Newf(fault.ServiceUnavailable,
			"the disk of the server is full: %d bytes are free, and new data is taken when %d are", p.free, wanted))
	} else {
		s.refusal.Store(nil)
	}
	if full == was {
		return
	}
	log, text := s.log.Info, "the disk has room: writes are taken"
	if full {
		log, text = s.log.Warn, "the disk is full: writes are refused"
	}
	log(text, slog.String("dir", p.dir), slog.Int64("free", p.free), slog.Int64("reserve", p.reserve), slog.Int64("wanted", wanted))
}

// takeBallast makes the ballast. Without one the reserve has to do. It is called with mu held.
func (s *space) takeBallast() {
	if err := s.ballast.make(); err != nil {
		s.log.Warn("there is no ballast", slog.Any("error", err))
		s.ballast.size = 0
	}
	_ = s.measure() // else what was known goes on to hold
}

// makeRoom gives up the ballast if the disk is full, and reports whether a write of metadata that has failed may succeed now.
func (s *space) makeRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ballast.held && s.watches() && s.measure() == nil && s.meta.free < s.ballast.size {
		s.log.Warn("the disk is full: the ballast is given up", slog.Int64("free", s.meta.free), slog.Int64("bytes", s.ballast.size))
		if err := s.ballast.drop(); err != nil {
			s.log.Warn("the ballast cannot be given up", slog.Any("error", err))
		}
		s.next.Store(0)
	}
	return s.ballast.missing()
}

// spares reports whether n bytes that are not needed yet are a small part of what is left.
func (s *space) spares(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.watches() || s.measure() != nil || n <= s.meta.left()/8
}
