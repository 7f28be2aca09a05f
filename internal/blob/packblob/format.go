package packblob

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/oisproject/ois/internal/blob"
)

// A blob is header, data and table, from the start of a page on. The header says whose data it is and how much, the table has
// the checksum of each chunk of data. docs/format.md has the layout.
const (
	pageLen  = 4 << 10  // blobs start at a multiple of it
	chunkLen = 64 << 10 // of data; the last chunk may be shorter
	sumLen   = 4        // of a checksum

	formatVersion = 1
	magic         = "OISB"
)

// Offsets in the header. Those of magic, version and checksum are for all versions.
const (
	headMagic   = 0
	headVersion = 4  // uint16
	headZero    = 6  // 2 zero bytes
	headID      = 8  // the id
	headSize    = 20 // uint64: bytes of data
	headSum     = 28 // checksum of the header up to here
	headerLen   = 32
)

// The sequence number of an id is the number of a pack and the page of it where the blob starts.
const (
	pageBits = 28
	packBits = 64 - pageBits
	maxPack  = 1<<packBits - 1
	maxLen   = pageLen << pageBits // bytes of a pack
)

// maxSize is the number of bytes of the largest blob, which has a pack of its own.
const maxSize = maxLen/(chunkLen+sumLen)*chunkLen - chunkLen

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A packKey names a pack.
type packKey struct {
	epoch uint32
	n     uint64
}

// packOf returns the pack in which a blob lies.
func packOf(id blob.ID) packKey { return packKey{id.Epoch, id.Seq >> pageBits} }

// offsetOf returns where in its pack a blob starts.
func offsetOf(id blob.ID) int64 { return int64(id.Seq&(1<<pageBits-1)) * pageLen }

// compare orders packs as the ids in them.
func (k packKey) compare(o packKey) int { return k.id(0).Compare(o.id(0)) }

// id returns the id of the blob at an offset.
func (k packKey) id(off int64) blob.ID {
	return blob.ID{Epoch: k.epoch, Seq: k.n<<pageBits | uint64(off/pageLen)}
}

// chunks returns the number of chunks of so many bytes.
func chunks(size int64) int64 { return (size + chunkLen - 1) / chunkLen }

// blobLen returns the bytes of a blob with its header and table.
func blobLen(size int64) int64 { return headerLen + size + chunks(size)*sumLen }

// roomFor returns the bytes of the pages of a blob.
func roomFor(size int64) int64 { return wholePages(blobLen(size)) }

// wholePages returns the bytes of the pages that n bytes are in.
func wholePages(n int64) int64 { return (n + pageLen - 1) / pageLen * pageLen }

// putHeader writes the header of a blob to the first headerLen bytes of b.
func putHeader(b []byte, id blob.ID, size int64) {
	copy(b[headMagic:], magic)
	binary.BigEndian.PutUint16(b[headVersion:], formatVersion)
	binary.BigEndian.PutUint16(b[headZero:], 0)
	id.Append(b[headID:headID])
	binary.BigEndian.PutUint64(b[headSize:], uint64(size))
	binary.BigEndian.PutUint32(b[headSum:], crc32.Checksum(b[:headSum], castagnoli))
}

// readHeader returns the size of the blob id, whose header is b.
func readHeader(b []byte, id blob.ID) (size int64, err error) {
	switch {
	case bytes.Equal(b, make([]byte, headerLen)):
		return 0, blob.ErrNotExist
	case string(b[headMagic:headVersion]) != magic:
		return 0, fmt.Errorf("%w: there is no header", blob.ErrCorrupt)
	case crc32.Checksum(b[:headSum], castagnoli) != binary.BigEndian.Uint32(b[headSum:]):
		return 0, fmt.Errorf("%w: checksum of the header does not match", blob.ErrCorrupt)
	}
	if v := binary.BigEndian.Uint16(b[headVersion:]); v != formatVersion {
		return 0, fmt.Errorf("blob has format %d, this program knows %d", v, formatVersion)
	}
	if zero := binary.BigEndian.Uint16(b[headZero:]); zero != 0 {
		return 0, fmt.Errorf("%w: header has flags %d", blob.ErrCorrupt, zero)
	}
	owner, err := blob.ParseID(b[headID:headSize])
	if err != nil {
		return 0, err
	}
	if owner != id {
		return 0, fmt.Errorf("%w: header is that of blob %s", blob.ErrCorrupt, owner)
	}
	n := binary.BigEndian.Uint64(b[headSize:])
	if n > maxSize || offsetOf(id)+blobLen(int64(n)) > maxLen {
		return 0, fmt.Errorf("%w: header says %d bytes, which do not fit in a pack", blob.ErrCorrupt, n)
	}
	return int64(n), nil
}

// A summer makes the checksums of the chunks of a blob. They cover the id and the number of
// the chunk, too, so that right bytes in a wrong place do not match.
type summer struct {
	where [blob.IDLen + 8]byte // id and number of a chunk
}

// reset makes s a summer for a blob.
func (s *summer) reset(id blob.ID) { id.Append(s.where[:0]) }

// sum returns the checksum of chunk n.
func (s *summer) sum(n int64, chunk []byte) uint32 {
	binary.BigEndian.PutUint64(s.where[blob.IDLen:], uint64(n))
	return crc32.Update(crc32.Checksum(s.where[:], castagnoli), castagnoli, chunk)
}
