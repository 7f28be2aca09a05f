package transfer

import (
	"errors"
	"fmt"
	"sync"

	ois "github.com/oisproject/ois/sdk/go"
)

// What the service allows.
const (
	minPart  = 4 << 20 // bytes of a part that is not the last
	maxPart  = 5 << 30 // bytes of a part, of an object that is written in one piece or copied in one request
	maxParts = 10_000  // parts of an upload
	mebibyte = int64(1 << 20)
)

// Defaults of Options.
const (
	defaultConcurrency = 8
	defaultPartSize    = 8 << 20
)

// Options tune a manager. The zero value is the default.
type Options struct {
	// Concurrency is how many requests with bytes are under way at once, of all transfers
	// together; 0 means 8.
	Concurrency int
	// PartSize is the size of parts in bytes, from 4 MiB to 5 GiB; 0 means 8 MiB. Objects
	// that would have more than 10,000 such parts have larger ones.
	PartSize int64
	// Threshold is up to how many bytes an input of known size goes out in one request;
	// 0 means two parts.
	Threshold int64
	// Memory is how many bytes are buffered at once, of all transfers together; 0 means one part more
	// than Concurrency. Files and other inputs with a ReadAt are not buffered.
	Memory int64

	// Checkpoint is the folder for notes about transfers of files that are under way, which
	// is made if there is none. A transfer that failed goes on from there when it is
	// called again, also in another process. Empty means that every call begins anew.
	Checkpoint string

	// Progress is told what becomes of each transfer. Calls for one transfer come one after
	// another, calls for several may come at once. It must not block for long.
	Progress func(Event)

	// UploadLimit and DownloadLimit are bytes per second of all transfers together; 0 means
	// no limit.
	UploadLimit   int64
	DownloadLimit int64

	// NoVerify leaves out the comparison of checksums with what the service tells.
	NoVerify bool
}

// A Manager carries out transfers of one bucket. Its limits hold for all of its transfers
// together, and for those of the managers that For returns. It is safe for concurrent
// use, holds nothing that must be closed, and should live as long as the program.
type Manager struct {
	b *ois.Bucket
	*pool
}

// A pool is what managers share.
type pool struct {
	o         Options
	err       error // what is wrong with o
	slots     chan struct{}
	memory    budget
	chunks    sync.Pool // of *chunk
	up, down  *limiter
	copyLimit int64 // bytes of an object that is copied in one request
}

// New returns a manager for b. Options that make no sense are reported by its transfers.
func New(b *ois.Bucket, o Options) *Manager {
	p := &pool{o: o, copyLimit: maxPart}
	p.err = p.o.complete()
	p.slots = make(chan struct{}, p.o.Concurrency)
	p.memory.free = p.o.Memory
	p.chunks.New = func() any { return new(chunk) }
	p.up, p.down = newLimiter(o.UploadLimit), newLimiter(o.DownloadLimit)
	return &Manager{b, p}
}

// For returns a manager for another bucket, which may be of another client. Workers, memory, limits
// and everything else is shared with m.
func (m *Manager) For(b *ois.Bucket) *Manager { return &Manager{b, m.pool} }

// Bucket returns the bucket of m.
func (m *Manager) Bucket() *ois.Bucket { return m.b }

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	if o.Concurrency < 0 || o.PartSize < 0 || o.Threshold < 0 || o.Memory < 0 || o.UploadLimit < 0 || o.DownloadLimit < 0 {
		o.Concurrency = defaultConcurrency // the pool is made nonetheless
		return errors.New("transfer: a number in Options is negative; 0 means the default")
	}
	if o.Concurrency == 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.PartSize == 0 {
		o.PartSize = defaultPartSize
	}
	if o.Threshold == 0 {
		o.Threshold = min(2*o.PartSize, maxPart)
	}
	if o.Memory == 0 {
		o.Memory = int64(o.Concurrency+1) * o.PartSize
	}
	switch {
	case o.PartSize < minPart || o.PartSize > maxPart:
		return fmt.Errorf("transfer: part size %d; want %d (4 MiB) to %d (5 GiB)", o.PartSize, minPart, maxPart)
	case o.Threshold > maxPart:
		return fmt.Errorf("transfer: threshold %d; at most %d (5 GiB) go out in one request", o.Threshold, maxPart)
	case o.Memory < o.PartSize:
		return fmt.Errorf("transfer: memory of %d bytes; want at least one part of %d", o.Memory, o.PartSize)
	}
	return nil
}

// A Result tells what a transfer has done.
type Result struct {
	Bucket    string
	Key       string
	Size      int64     // bytes
	ETag      string    // in double quotes
	VersionID string    // if the bucket has versions
	Parts     int       // requests that the bytes went through, also those of earlier runs
	Resumed   int64     // bytes that were there from an earlier run
	Verified  bool      // the checksum of the service was compared, of the object or of each part
	Info      *ois.Info // of the object that was read; nil for others
}

// ErrChecksum is the cause when bytes arrived that were not sent.
var ErrChecksum = errors.New("checksum differs")

// partSize is the size of the parts of an object of that size.
func (o *Options) partSize(asked, size int64) (int64, error) {
	part := o.PartSize
	if asked != 0 {
		part = asked
	}
	if part < minPart || part > maxPart {
		return 0, fmt.Errorf("part size %d; want %d (4 MiB) to %d (5 GiB)", part, minPart, maxPart)
	}
	if size > part*maxParts {
		part = (size + maxParts - 1) / maxParts
		part = (part + mebibyte - 1) / mebibyte * mebibyte
	}
	if part > maxPart {
		return 0, fmt.Errorf("%d bytes; an object has at most %d parts of 5 GiB", size, maxParts)
	}
	return part, nil
}

// streamPart is the size of part n of a stream whose length nobody knows. Parts
// grow, so that many bytes fit into few parts; first as long as all workers have one
// in memory, then as long as there is memory.
func (o *Options) streamPart(first int64, n int) int64 {
	const grow = 80 // parts until the size doubles
	share := min(max(first, o.Memory/int64(o.Concurrency+1)), maxPart)
	if n < maxParts/2 {
		return min(first<<min(n/grow, 20), share, maxPart)
	}
	n -= maxParts / 2
	return min(share<<min(n/grow, 20), o.Memory, maxPart)
}
