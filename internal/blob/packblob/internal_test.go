package packblob

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

func TestLargestBlobFitsInAPack(t *testing.T) {
	if n := roomFor(maxSize); n > maxLen || roomFor(maxSize+2*chunkLen) <= maxLen {
		t.Errorf("blob of %d bytes takes %d; want almost %d", int64(maxSize), n, int64(maxLen))
	}
	first := packKey{1<<32 - 1, maxPack}
	if id := first.id(maxLen - pageLen); id != (blob.ID{Epoch: 1<<32 - 1, Seq: 1<<64 - 1}) || packOf(id) != first || offsetOf(id) != maxLen-pageLen {
		t.Errorf("last page of the last pack has id %s", id)
	}
}

func TestRoomIsWholePages(t *testing.T) {
	for size, want := range map[int64]int64{
		0: 4096, 1: 4096, 4096 - 36: 4096, 4096 - 35: 8192, 64 << 10: 17 * 4096, 64<<10 + 1: 17 * 4096, 17*4096 - 40: 17 * 4096, 17*4096 - 39: 18 * 4096,
	} {
		if got := roomFor(size); got != want {
			t.Errorf("roomFor(%d) = %d; want %d", size, got, want)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	id := blob.ID{Epoch: 1, Seq: 2}
	for _, size := range []int64{0, 100, maxSize, 1 << 62, -1} {
		b := make([]byte, headerLen)
		putHeader(b, id, size)
		f.Add(b, uint32(1), uint64(2))
		f.Add(b, uint32(1), uint64(1<<64-1))
	}
	f.Add(make([]byte, headerLen), uint32(0), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, epoch uint32, seq uint64) {
		if len(b) != headerLen {
			return
		}
		id := blob.ID{Epoch: epoch, Seq: seq}
		size, err := readHeader(b, id)
		if err != nil {
			return
		}
		again := make([]byte, headerLen)
		if putHeader(again, id, size); !bytes.Equal(again, b) {
			t.Errorf("header %x says %d bytes, which encodes to %x", b, size, again)
		}
		if size < 0 || offsetOf(id)+blobLen(size) > maxLen {
			t.Errorf("header of %d bytes from %d is taken for right", size, offsetOf(id))
		}
	})
}

// FuzzPack reads packs of any content. Only what Put has written may be handed out, so the sums of the header are made right
// here, as an attacker could.
func FuzzPack(f *testing.F) {
	id := blob.ID{Epoch: 1}
	for _, n := range []int{0, 1, 100, chunkLen, chunkLen + 1} {
		fsys := vfs.NewMem()
		e, err := Open(fsys, "b", Options{})
		if err != nil {
			f.Fatal(err)
		}
		if _, _, err := e.Put(f.Context(), 1, int64(n), blob.Read(bytes.NewReader(make([]byte, n)))); err != nil {
			f.Fatal(err)
		}
		b, err := vfs.ReadFile(fsys, e.path(packOf(id)), 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, int64(0), int64(-1))
		f.Add(b[1:], int64(n/2), int64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, off, n int64) {
		if len(b) >= headerLen {
			binary.BigEndian.PutUint32(b[headSum:], crc32.Checksum(b[:headSum], castagnoli))
		}
		fsys := vfs.NewMem()
		e, err := Open(fsys, "b", Options{})
		if err != nil {
			t.Fatal(err)
		}
		name := e.path(packOf(id))
		if err := errors.Join(fsys.MkdirAll(fsys.PathDir(name), dirMode), vfs.WriteFile(fsys, name, b, fileMode)); err != nil {
			t.Fatal(err)
		}
		r, err := e.Open(t.Context(), id, off, n)
		if err != nil {
			return
		}
		got, err := io.ReadAll(r)
		if err == nil && (headerLen+off+int64(len(got)) > int64(len(b)) || !bytes.Equal(got, b[headerLen+off:][:len(got)])) {
			t.Errorf("read %d bytes from %d that are not those of the pack of %d", len(got), off, len(b))
		}
		if n >= 0 && int64(len(got)) > n {
			t.Errorf("read %d bytes; want at most %d", len(got), n)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
