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
	// ErrExist is returned by Put for an id that was used before.
	ErrExist = errors.New("blob exists")
	// ErrCorrupt is returned when bytes do not match their checksum, or a
	// blob is not as long as it should be. No such byte is handed out.
	ErrCorrupt = errors.New("blob is corrupt")
	// ErrShort is returned by Put when the reader ends before the announced size.
	ErrShort = errors.New("fewer bytes than announced")
	// ErrClosed is returned by every call after Close, and by Read of a closed reader.
	ErrClosed = errors.New("blob engine or reader is closed")
)

// An ID names one blob. Epoch is taken once by each start of a store, Seq counts within it, so an ID is never
// reused and the blobs of a dead epoch are found by name.
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

// An Engine keeps blobs. It is safe for concurrent use.
type Engine interface {
	// Put stores what r yields under id and returns how many bytes that were. size is their number, or -1
	// if it is unknown; fewer are ErrShort, and no more than size are read. When Put returns nil, the bytes
	// survive a power failure. When it fails, Open does not find id; a crash may bring bytes
	// back, which no metadata names: the orphan scan removes them. Nobody opens or deletes id before Put
	// has returned. An error of r is in the chain of the one returned.
	Put(ctx context.Context, id ID, size int64, r io.Reader) (n int64, err error)

	// Open returns a reader over n bytes from off; n < 0 means to the end.
	// Every byte is checked against its checksum before Read returns it.
	// A range that does not lie within the blob is an error matching ErrCorrupt: whoever asks knows the size.
	// The caller closes the reader, which one goroutine uses at a time.
	Open(ctx context.Context, id ID, off, n int64) (io.ReadCloser, error)

	// Delete removes ids. When it returns nil, they do not come back after a power failure. Deleting a missing
	// blob is not an error. The caller makes sure that nobody reads them.
	Delete(ctx context.Context, ids ...ID) error

	// Enumerate calls fn for each blob of the epoch, in order of ids, with the number of bytes it takes on the disk, until fn
	// returns an error. It is for the orphan scan and for fsck only.
	Enumerate(ctx context.Context, epoch uint32, fn func(id ID, size int64) error) error

	// Epochs returns the epochs that have blobs, ascending.
	Epochs(ctx context.Context) ([]uint32, error)

	// Close waits for calls under way and releases the engine. Readers must be closed before.
	Close() error
}
