// Package blob is the seam to blob engines: immutable bytes under ids that
// are never used twice.
//
// It knows neither keys nor buckets; internal/store names blobs in its
// metadata and decides when one is dead. Every engine passes the suite in blobtest.
package blob

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Errors of an Engine.
var (
	// ErrNotExist is returned for an id that names no blob.
	ErrNotExist = errors.New("blob does not exist")
	// ErrCorrupt is returned when bytes do not match their checksum, or a
	// blob is not as long as it should be. No such byte is handed out.
	ErrCorrupt = errors.New("blob is corrupt")
	// ErrShort is returned by Put when the source ends before the announced size.
	ErrShort = errors.New("fewer bytes than announced")
	// ErrClosed is returned by every call after Close, and by Read of a closed reader.
	ErrClosed = errors.New("blob engine or reader is closed")
)

// An ID names one blob. Epoch is taken once by each start of a store; Seq is the engine's choice within
// it. An ID is never reused, and the blobs of a dead epoch are found by name.
type ID struct {
	Epoch uint32
	Seq   uint64
}

// IDLen is the length of an encoded ID in bytes.
const IDLen = 12

// Append appends the encoded id, whose byte order is the order of ids.
func (id ID) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, id.Epoch)
	return binary.BigEndian.AppendUint64(dst, id.Seq)
}

// ParseID decodes what Append wrote.
func ParseID(b []byte) (ID, error) {
	if len(b) != IDLen {
		return ID{}, fmt.Errorf("blob id: %d bytes, want %d", len(b), IDLen)
	}
	return ID{Epoch: binary.BigEndian.Uint32(b), Seq: binary.BigEndian.Uint64(b[4:])}, nil
}

// String returns the id as 24 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id.Append(nil)) }

// Compare orders ids by epoch, then by sequence.
func (id ID) Compare(o ID) int {
	switch {
	case id.Epoch != o.Epoch:
		if id.Epoch < o.Epoch {
			return -1
		}
		return 1
	case id.Seq < o.Seq:
		return -1
	case id.Seq > o.Seq:
		return 1
	}
	return 0
}

// PieceLen is the unit of a Source, in bytes.
const PieceLen = 64 << 10

// A Source yields the bytes of a blob piece by piece.
type Source interface {
	// Next lends the next piece, which stays as it is until the next call of Next, or the end of the Put that
	// calls it. Its length is a multiple of PieceLen, but for the last piece, and not 0. At the end Next
	// returns exactly io.EOF, and no piece.
	Next() ([]byte, error)
}

// Live tells which blobs must stay: it returns the first at or after from that something may still refer
// to; ok is false if there is none. It is an error if that cannot be told.
type Live func(from ID) (id ID, ok bool, err error)

// An Engine keeps blobs. It is safe for concurrent use.
type Engine interface {
	// Put stores what src yields under a new id of the epoch. size is the number of bytes, or -1
	// if it is unknown; fewer are ErrShort, more an error. When Put returns nil, the bytes
	// survive a power failure. When it fails, nothing can be opened that it wrote; a crash may leave bytes
	// that no metadata names, which Collect removes. An error of src is in the chain of the one returned.
	//
	// Whoever puts a blob calls Settle for it, or Delete, once its fate is known.
	Put(ctx context.Context, epoch uint32, size int64, src Source) (id ID, n int64, err error)

	// Settle says that metadata refers to id by now, so that from now on live tells the truth about it. Until then
	// the file with id stays, whatever live says.
	Settle(id ID)

	// Open returns a reader over n bytes from off; n < 0 means to the end. The reader may implement io.WriterTo.
	// Every byte is checked against its checksum before it is handed out.
	// A range that does not lie within the blob is an error matching ErrCorrupt: whoever asks knows the size.
	// The caller closes the reader, which one goroutine uses at a time.
	Open(ctx context.Context, id ID, off, n int64) (io.ReadCloser, error)

	// Delete removes ids, which are dead: live does not return them. When it returns nil, they do not come back after a
	// power failure. Deleting a missing blob is not an error. The caller makes sure that nobody reads
	// them. An engine that keeps several blobs in a file asks live whether the file can go as a whole.
	Delete(ctx context.Context, live Live, ids ...ID) error

	// Collect removes everything of an epoch that has ended but what is live, and returns how many bytes on the disk that
	// gave back. If dry is true, it removes nothing and returns what it would give back. Any error of live ends
	// it: what is not known to be dead stays.
	Collect(ctx context.Context, epoch uint32, live Live, dry bool) (bytes int64, err error)

	// Epochs returns the epochs of which anything is stored, ascending.
	Epochs(ctx context.Context) ([]uint32, error)

	// Close waits for calls under way and releases the engine. Readers must be closed before.
	Close() error
}

// Read returns a Source that reads from r. It is for callers without buffers of their own.
func Read(r io.Reader) Source { return &source{r: r} }

type source struct {
	r   io.Reader
	buf []byte
	err error
}

// Next implements Source. Unlike io.ReadFull it tells a reader that ends from one that
// reports io.ErrUnexpectedEOF, as a broken request body does.
func (s *source) Next() ([]byte, error) {
	if s.buf == nil {
		s.buf = make([]byte, PieceLen)
	}
	n := 0
	for idle := 0; n < len(s.buf) && s.err == nil; idle++ {
		var m int
		if m, s.err = s.r.Read(s.buf[n:]); m > 0 {
			n, idle = n+m, 0
		}
		if idle == 100 {
			s.err = io.ErrNoProgress
		}
	}
	if n > 0 && (s.err == nil || s.err == io.EOF) { //nolint:errorlint // exactly: whoever wraps it means a failure
		return s.buf[:n], nil
	}
	return nil, s.err
}
