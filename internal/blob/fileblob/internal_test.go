package fileblob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// WithVersion returns an otherwise good file of another format.
func WithVersion(id blob.ID, version uint16) []byte {
	b := footer{id: id}.append(nil)
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

// FuzzFile reads files of any content. Only what Put has written may be handed out, so the sums are made right here
// as an attacker could.
func FuzzFile(f *testing.F) {
	id := blob.ID{Epoch: 1, Seq: 2}
	for _, n := range []int{0, 1, 100, chunkSize, chunkSize + 1} {
		fsys := vfs.NewMem()
		e, err := Open(fsys, "b")
		if err != nil {
			f.Fatal(err)
		}
		if _, err := e.Put(f.Context(), id, int64(n), bytes.NewReader(make([]byte, n))); err != nil {
			f.Fatal(err)
		}
		b, err := vfs.ReadFile(fsys, e.path(id), 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, int64(0), int64(-1))
		f.Add(b[1:], int64(n/2), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, off, n int64) {
		fsys := vfs.NewMem()
		e, err := Open(fsys, "b")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(e.makeDir(id, dirOf(e.path(id))), vfs.WriteFile(fsys, e.path(id), b, fileMode)); err != nil {
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
