package pebblemeta

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/oisproject/ois/internal/vfs"
)

// The manifest says which files have the rows. Pebble takes it for ended at the first record that it cannot read, and then removes the files
// that it has not read of: a flipped bit would cost all rows. So checkManifest looks at every record before Pebble does.

// A manifest is blocks of chunks, as a log is, with shorter headers: a checksum (4 bytes) of what follows the length, the length of
// the data (2), and a type (1).
const (
	manifestHeader                 = 7
	minManifest, maxManifest       = 1, 4 // types
	sectorLen                      = 512  // what a disk writes as a whole
	manifestMarker                 = "manifest"
	maxManifestLen           int64 = 1 << 30
)

// checkManifest returns an error if the manifest in a directory is damaged. An end that was cut off while it was written is not damage: what it
// would have said was never relied on.
func checkManifest(fsys vfs.FS, dir string) error {
	name, err := atomicfs.ReadMarker(fsys, dir, manifestMarker)
	if err != nil || name == "" {
		return err
	}
	b, err := vfs.ReadFile(fsys, fsys.PathJoin(dir, name), maxManifestLen)
	if err != nil {
		return err
	}
	if at, err := scanManifest(b); err != nil {
		return fmt.Errorf("%s at offset %d: %w: opened so, it would lose rows; restore a backup", name, at, err)
	}
	return nil
}

// scanManifest returns where a manifest is damaged, and how.
func scanManifest(b []byte) (at int, err error) {
	for at < len(b) {
		block := b[at:min(len(b), at/logBlockLen*logBlockLen+logBlockLen)]
		if len(block) < manifestHeader {
			if !isZero(block) && at+len(block) < len(b) {
				return at, errors.New("the end of a block is damaged")
			}
			at += len(block)
			continue
		}
		n := manifestHeader + int(binary.LittleEndian.Uint16(block[chunkLength:]))
		kind := block[chunkType]
		if kind >= minManifest && kind <= maxManifest && n <= len(block) && sumMatches(block[:n]) {
			at += n
			continue
		}
		if wasCutOff(b[at:], at, n) {
			return 0, nil
		}
		return at, errors.New("a record is damaged")
	}
	return 0, nil
}

// wasCutOff reports whether the rest of a manifest, which should begin with a chunk of n bytes, is what is left of a last write that did not
// get through: it is too short, or a sector of it was never written.
func wasCutOff(rest []byte, at, n int) bool {
	if len(rest) > logBlockLen+n { // more was written behind it
		return false
	}
	if len(rest) < manifestHeader || isZero(rest) {
		return true
	}
	for bit := range 16 { // if it is the length that is damaged, the checksum is right with another one
		if other := manifestHeader + ((n - manifestHeader) ^ 1<<bit); other >= manifestHeader && other <= len(rest) && sumMatches(rest[:other]) {
			return false
		}
	}
	if n > len(rest) {
		return true
	}
	for from := 0; from < len(rest); {
		to := min(len(rest), (at+from)/sectorLen*sectorLen+sectorLen-at)
		if isZero(rest[from:to]) {
			return true
		}
		from = to
	}
	return false
}
