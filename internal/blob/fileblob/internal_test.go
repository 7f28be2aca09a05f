package fileblob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// append appends the encoded footer.
func (f footer) append(dst []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, formatVersion)
	dst = append(dst, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, chunkSize)
	dst = f.id.Append(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(f.size))
	dst = binary.BigEndian.AppendUint32(dst, f.tableSum)
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, magic...)
}

// Encode returns the file of a blob, as programs wrote it that knew format 1 only.
func Encode(id blob.ID, data []byte) []byte {
	var table []byte
	sums := newSummer(id)
	for chunk := range slices.Chunk(data, chunkSize) {
		table = binary.BigEndian.AppendUint32(table, sums.sum(int64(len(table)/sumLen), chunk))
	}
	foot := footer{id: id, size: int64(len(data)), tableSum: crc32.Checksum(table, castagnoli)}
	return foot.append(slices.Concat(data, table))
}

// WithVersion returns an otherwise good file of another format.
func WithVersion(id blob.ID, version uint16) []byte {
	b := Encode(id, nil)
	binary.BigEndian.PutUint16(b[footVersion:], version)
	binary.BigEndian.PutUint32(b[footSum:], crc32.Checksum(b[:footSum], castagnoli))
	return b
}

func FuzzDecodeFooter(f *testing.F) {
	good := footer{id: blob.ID{Epoch: 1, Seq: 2}, size: 100, tableSum: 3}
	f.Add(good.append(nil), good.fileLen())
	f.Add(good.append(nil), int64(0))
	f.Add(footer{size: 1 << 62}.append(nil), int64(1<<62))
	f.Add(footer{size: -1}.append(nil), int64(43))
	f.Add([]byte(magic), int64(8))
	f.Add(WithVersion(blob.ID{}, 9), int64(footerLen))
	f.Fuzz(func(t *testing.T, b []byte, fileLen int64) {
		got, err := decodeFooter(b, fileLen)
		if err != nil {
			return
		}
		if !bytes.Equal(got.append(nil), b) {
			t.Errorf("decodeFooter(%x) = %+v, which encodes to %x", b, got, got.append(nil))
		}
		if got.size < 0 || got.size > fileLen || got.tableLen() > fileLen {
			t.Errorf("decodeFooter accepts %d bytes of data in a file of %d", got.size, fileLen)
		}
	})
}

// FuzzFile reads files of any content. Only what is in the file may be handed out, and no more than was asked for.
func FuzzFile(f *testing.F) {
	id := blob.ID{Epoch: 1, Seq: 2}
	for _, n := range []int{0, 1, 100, chunkSize, chunkSize + 1} {
		b := Encode(id, make([]byte, n))
		f.Add(b, int64(0), int64(-1))
		f.Add(b[1:], int64(n/2), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, off, n int64) {
		fsys := vfs.NewMem()
		if err := fsys.MkdirAll("b", 0o700); err != nil {
			t.Fatal(err)
		}
		e, err := Open(fsys, "b")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(fsys.MkdirAll(e.groupDir(id), 0o700), vfs.WriteFile(fsys, e.path(id), b, 0o600)); err != nil {
			t.Fatal(err)
		}
		r, err := e.Open(t.Context(), id, off, n)
		if err != nil {
			return
		}
		got, err := io.ReadAll(r)
		if err == nil && (off+int64(len(got)) > int64(len(b)) || !bytes.Equal(got, b[off:off+int64(len(got))])) {
			t.Errorf("read %d bytes from %d that are not those of the file of %d", len(got), off, len(b))
		}
		if n >= 0 && int64(len(got)) > n {
			t.Errorf("read %d bytes; want at most %d", len(got), n)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
