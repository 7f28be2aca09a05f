package fileblob

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/oisproject/ois/internal/blob"
)

// A file is the data, the table and the footer. The table has the checksum of each chunk of
// data, the footer says whose data it is and guards the table. docs/format.md has the layout.
const (
	chunkSize = 64 << 10 // of data; the last chunk may be shorter
	sumLen    = 4        // of a checksum

	formatVersion = 1
	magic         = "OISBLOB\n"
)

// Offsets in the footer.
const (
	footVersion  = 0  // uint16
	footZero     = 2  // 2 zero bytes
	footChunk    = 4  // uint32: chunkSize
	footID       = 8  // the id
	footLen      = 20 // uint64: bytes of data
	footTableSum = 28 // checksum of the table
	footSum      = 32 // checksum of the footer up to here
	footMagic    = 36 // magic
	footerLen    = 44
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A footer is what the end of a file says about it.
type footer struct {
	id       blob.ID
	size     int64 // bytes of data
	tableSum uint32
}

// chunks returns the number of chunks of so many bytes.
func chunks(size int64) int64 { return (size + chunkSize - 1) / chunkSize }

// tableLen returns the bytes of the table.
func (f footer) tableLen() int64 { return chunks(f.size) * sumLen }

// fileLen returns the bytes of the whole file.
func (f footer) fileLen() int64 { return f.size + f.tableLen() + footerLen }

// decodeFooter decodes the footer of a file of fileLen bytes.
func decodeFooter(b []byte, fileLen int64) (footer, error) {
	switch {
	case len(b) != footerLen:
		return footer{}, fmt.Errorf("%w: footer has %d bytes, want %d", blob.ErrCorrupt, len(b), footerLen)
	case string(b[footMagic:]) != magic:
		return footer{}, fmt.Errorf("%w: no footer at the end of the file", blob.ErrCorrupt)
	case crc32.Checksum(b[:footSum], castagnoli) != binary.BigEndian.Uint32(b[footSum:]):
		return footer{}, fmt.Errorf("%w: checksum of the footer does not match", blob.ErrCorrupt)
	}
	if v := binary.BigEndian.Uint16(b[footVersion:]); v != formatVersion {
		return footer{}, fmt.Errorf("file has format %d, this program knows %d", v, formatVersion)
	}
	if zero, n := binary.BigEndian.Uint16(b[footZero:]), binary.BigEndian.Uint32(b[footChunk:]); zero != 0 || n != chunkSize {
		return footer{}, fmt.Errorf("%w: footer has flags %d and chunks of %d bytes", blob.ErrCorrupt, zero, n)
	}
	id, err := blob.ParseID(b[footID:footLen])
	if err != nil {
		return footer{}, err
	}
	f := footer{
		id:       id,
		size:     int64(binary.BigEndian.Uint64(b[footLen:])),
		tableSum: binary.BigEndian.Uint32(b[footTableSum:]),
	}
	if f.size < 0 || f.size > fileLen || f.fileLen() != fileLen {
		return footer{}, fmt.Errorf("%w: file has %d bytes, which cannot be for %d bytes of data", blob.ErrCorrupt, fileLen, f.size)
	}
	return f, nil
}

// A summer makes the checksums of the chunks of a blob. They cover the id and the number of
// the chunk, too, so that right bytes in a wrong place do not match.
type summer struct {
	id    blob.ID
	where []byte // id and number of a chunk
}

func newSummer(id blob.ID) summer {
	return summer{id, id.Append(make([]byte, 0, blob.IDLen+8))}
}

// sum returns the checksum of chunk n.
func (s summer) sum(n int64, chunk []byte) uint32 {
	where := binary.BigEndian.AppendUint64(s.where, uint64(n))
	return crc32.Update(crc32.Checksum(where, castagnoli), castagnoli, chunk)
}
