package pebblemeta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/oisproject/ois/internal/vfs"
)

// Pebble takes a log for ended where a record of it cannot be read, as it is after a crash that came in the middle of a write. It tells
// that from damage by what was written later: each chunk says how far the log was durable at its time. But it looks
// for such a chunk only in the blocks of 32 KiB behind the one it cannot read, and takes a record for the end of the
// log if that has the number of the next one. So a flipped bit could make acknowledged changes vanish without
// a word: those that follow it in the last block, at most, or all of them. checkLog looks at every chunk before Pebble does.

// A log is blocks of chunks, none of which crosses the end of its block. A chunk is a checksum (4 bytes) of what follows
// the length, the length of its data (2), a type (1), the low half of the number of the log (4), how far the log was durable (8), and
// the data; numbers are little-endian. Chunks of older types do not have all that.
const (
	logBlockLen = 32 << 10

	chunkLength = 4
	chunkType   = 6
	chunkLog    = 7
	chunkSynced = 11
	chunkHeader = 19 // bytes before the data
	chunkOld    = 11 // those of a chunk without how far the log was durable

	minOldType, maxOldType       = 5, 8
	minSyncedType, maxSyncedType = 9, 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkLog returns an error if the latest log in a directory is damaged before something that was written when the damaged
// record was durable. What nothing follows cannot be told from a write that was cut off. Nor can what only records follow that
// Pebble wrote too soon to know of it: it is behind by a record, and by the bytes that it has written as whole blocks.
func checkLog(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	var latest uint64
	name := ""
	for _, n := range names {
		digits, is := strings.CutSuffix(n, ".log")
		if number, err := strconv.ParseUint(digits, 10, 64); is && err == nil && number >= latest {
			latest, name = number, n
		}
	}
	if name == "" {
		return nil
	}
	f, err := fsys.Open(fsys.PathJoin(dir, name))
	if err != nil {
		return err
	}
	s := logScan{number: uint32(latest), bad: -1}
	err = s.run(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("log %s: %w", name, err)
	}
	return nil
}

// A logScan reads a log.
type logScan struct {
	number uint32
	bad    int64 // offset of the first chunk that cannot be read; -1 if there is none so far
}

func (s *logScan) run(r io.Reader) error {
	block := make([]byte, logBlockLen)
	for at := int64(0); ; at += logBlockLen {
		n, err := io.ReadFull(r, block)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		ended, err := s.block(block[:n], at)
		if ended || err != nil {
			return err
		}
	}
}

// block looks at the chunks of a block, and reports whether the log ends there.
func (s *logScan) block(b []byte, at int64) (ended bool, err error) {
	for off := 0; len(b)-off >= chunkOld; {
		c := b[off:]
		n, synced, ok := s.chunk(c)
		trailer := isTrailer(c, s.number)
		switch {
		case trailer && s.bad < 0:
			return true, nil
		case s.bad >= 0 && (trailer || ok && synced > s.bad):
			return false, fmt.Errorf("it is damaged at offset %d, and was written on when that was durable: opened so, it would lose "+
				"what follows; restore a backup, or cut the file there if nothing of that matters", s.bad)
		case ok:
			off += n
			continue
		case s.bad >= 0, len(c) < chunkHeader && isZero(c): // the chunks of a block that begin nowhere, or its rest
			return false, nil
		}
		s.bad = at + int64(off)
		if n = s.length(c); n == 0 {
			return false, nil
		}
		off += n
	}
	return false, nil
}

// chunk returns the length of a chunk and how far the log was durable when it was written, if the chunk is whole.
func (s *logScan) chunk(c []byte) (n int, synced int64, ok bool) {
	header := chunkOld
	if kind := c[chunkType]; kind >= minSyncedType && kind <= maxSyncedType {
		header = chunkHeader
	} else if kind < minOldType || kind > maxOldType {
		return 0, 0, false
	}
	n = header + int(binary.LittleEndian.Uint16(c[chunkLength:]))
	if n > len(c) || binary.LittleEndian.Uint32(c[chunkLog:]) != s.number || !sumMatches(c[:n]) {
		return 0, 0, false
	}
	if header == chunkHeader {
		synced = int64(binary.LittleEndian.Uint64(c[chunkSynced:]))
	}
	return n, synced, true
}

// length returns how long a chunk is that is damaged; 0 if that cannot be told.
func (s *logScan) length(c []byte) int {
	if len(c) < chunkHeader {
		return 0
	}
	said := int(binary.LittleEndian.Uint16(c[chunkLength:]))
	for bit := range 16 { // if it is the length that is damaged, the checksum is right with another one
		if n := chunkHeader + (said ^ 1<<bit); n <= len(c) && sumMatches(c[:n]) {
			return n
		}
	}
	if n := chunkHeader + said; n <= len(c) {
		return n
	}
	return 0
}

// sumMatches reports whether a chunk has its checksum, which is masked as the makers of LevelDB thought of it.
func sumMatches(c []byte) bool {
	sum := crc32.Checksum(c[chunkType:], castagnoli)
	return sum>>15|sum<<17+0xa282ead8 == binary.LittleEndian.Uint32(c)
}

// isTrailer reports whether a log ends at c because it was closed, when all before was durable.
func isTrailer(c []byte, number uint32) bool {
	return isZero(c[:chunkType]) && c[chunkType] == minOldType && binary.LittleEndian.Uint32(c[chunkLog:]) == number+1
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
