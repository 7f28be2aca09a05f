package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/oisproject/ois/internal/vfs"
)

// The marker is one line, "ois-data N". N is raised when programs that know
// the layout so far must not touch the directory any more.
//
// Format 1 kept all blobs in blobs/, format 2 has packs/ as well.
const (
	formatWord = "ois-data"
	format     = 2
	maxFormat  = 64 // bytes of the file

	// unfinished stands in the place of the marker while a backup is made, or restored.
	unfinished = formatWord + " unfinished copy\n"
)

// A state is what a directory looks like before it is opened.
type state int

const (
	fresh   state = iota + 1 // missing, or with nothing of weight in it
	marked1                  // a data directory of format 1
	marked                   // one of the present format
)

// inspect looks at a directory without changing it. It returns an error for one that is neither fresh nor ours.
func inspect(fsys vfs.FS, dir string) (state, error) {
	switch fi, err := fsys.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fresh, nil
	case err != nil:
		return 0, err
	case !fi.IsDir():
		return 0, fmt.Errorf("%w: it is a file", ErrForeign)
	}
	text, err := vfs.ReadFile(fsys, fsys.PathJoin(dir, formatName), maxFormat)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, checkEmpty(fsys, dir)
	}
	if err != nil {
		return 0, err
	}
	if string(text) == unfinished {
		return 0, fmt.Errorf("%w: a backup to it, or a restore, has not come to its end; remove it and begin again", ErrIncomplete)
	}
	n, err := parseFormat(string(text))
	if err != nil {
		return 0, err
	}
	state := marked
	if n == 1 {
		state = marked1
	}
	return state, checkWhole(fsys, dir)
}

// checkWhole refuses a directory of ours that has blobs and no metadata: new metadata would know none of them, so
// all would be garbage and be removed. A first start that was cut short has left neither.
func checkWhole(fsys vfs.FS, dir string) error {
	// Blobs first: where there are any, the metadata has been there before, also if somebody starts just now.
	for _, name := range []string{packsName, blobsName} {
		blobs, err := filled(fsys, fsys.PathJoin(dir, name))
		if err != nil {
			return err
		}
		if !blobs {
			continue
		}
		meta, err := filled(fsys, fsys.PathJoin(dir, metaName))
		if err != nil || meta {
			return err
		}
		return fmt.Errorf("%w: the metadata in %s is missing, but there are blobs in %s; nothing was changed; "+
			"is a volume not mounted, or a restore half done?", ErrIncomplete, metaName, name)
	}
	return nil
}

// lostAndFound is a directory that some file systems make at their root.
const lostAndFound = "lost+found"

// filled reports whether there is a directory with something in it.
func filled(fsys vfs.FS, dir string) (bool, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return slices.ContainsFunc(names, func(n string) bool { return n != lostAndFound }), err
}

// harmless are the names that may be in a directory without a marker: what a start that was cut short
// leaves, a key that somebody has put there for the first start, and what some file systems make.
var harmless = []string{lockName, formatName + ".tmp", rootKeyName, rootKeyName + ".tmp", lostAndFound}

func checkEmpty(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(harmless, n) })
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("%w: it has no file %s, but %s", ErrForeign, formatName, some(names))
}

// some names up to three names.
func some(names []string) string {
	const most = 3
	var quoted []string
	for _, n := range names[:min(most, len(names))] {
		quoted = append(quoted, strconv.Quote(n))
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// parseFormat returns the version of a marker that this program knows.
func parseFormat(text string) (int, error) {
	line, rest, ended := strings.Cut(text, "\n")
	word, number, _ := strings.Cut(line, " ")
	n, err := strconv.ParseUint(number, 10, 32)
	if word != formatWord || !ended || rest != "" || err != nil || n == 0 || number[0] == '0' {
		return 0, fmt.Errorf("%w: its file %s holds %q, want %q", ErrForeign, formatName, text, marker())
	}
	if n > format {
		return 0, fmt.Errorf("its layout has version %d and this program knows versions 1 to %d; a newer ois has made it", n, format)
	}
	return int(n), nil
}

func marker() string { return fmt.Sprintf("%s %d\n", formatWord, format) }

// writeFormat makes a directory ours, and of the present format. It comes before everything else, so that whatever
// a crash leaves is recognized, and no program touches what it does not know.
func writeFormat(fsys vfs.FS, dir string) error {
	return vfs.WriteFile(fsys, fsys.PathJoin(dir, formatName), []byte(marker()), 0o600)
}
