// Package local is the side of transfers that lies on this machine: it lists the files of a folder in the byte order of the
// keys that they have as objects, and writes files below a folder so that nothing is ever seen half-written or lands elsewhere.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/oisproject/ois/internal/client/entry"
)

// WalkOptions tune a walk.
type WalkOptions struct {
	Follow bool                   // symbolic links are what they lead to; else they are skipped
	Skip   func(name, why string) // is told what is neither file nor folder; nil drops it
	List   bool                   // what is skipped is listed as such
}

// ErrCycle says that a link leads to a folder that it is in.
var ErrCycle = errors.New("the link leads back to a folder that it is in")

// Walk lists the files below dir. Its keys come in byte order: entries of a folder are sorted as if the names of folders ended
// in a slash, as they do in keys. It holds the names of the folders on the way to the present file and nothing else. What cannot
// be read is a [*entry.Bad].
func Walk(ctx context.Context, dir string, opts WalkOptions) entry.List {
	if opts.Skip == nil {
		opts.Skip = func(string, string) {}
	}
	return func(yield func(entry.Entry, error) bool) {
		w := &walk{ctx: ctx, root: dir, opts: opts, yield: yield}
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is not a folder", dir)
		}
		if err != nil {
			yield(entry.Entry{}, err)
			return
		}
		w.folder("", []fs.FileInfo{info})
	}
}

type walk struct {
	ctx   context.Context
	root  string
	opts  WalkOptions
	yield func(entry.Entry, error) bool
}

// path is where a key lies.
func (w *walk) path(key string) string { return Join(w.root, key) }

// bad reports an error of one entry.
func (w *walk) bad(key string, err error) bool {
	return w.yield(entry.Entry{Key: key}, &entry.Bad{Key: key, Err: err})
}

// folder lists what is below prefix, and reports whether to go on. Above are the folders that it is in, itself the last.
func (w *walk) folder(prefix string, above []fs.FileInfo) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield(entry.Entry{}, err)
		return false
	}
	items, err := os.ReadDir(w.path(prefix))
	if err != nil && !w.bad(prefix, err) {
		return false
	}
	names := make([]string, 0, len(items))
	for _, item := range items {
		name, ok := w.classify(prefix, item)
		if !ok {
			return false
		}
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if folder, ok := strings.CutSuffix(name, "/"); ok {
			if !w.enter(prefix+folder, above) {
				return false
			}
		} else if name, skipped := strings.CutSuffix(name, "\x00"); skipped {
			if !w.yield(entry.Entry{Key: prefix + name, Skipped: true}, nil) {
				return false
			}
		} else if !w.file(prefix + name) {
			return false
		}
	}
	return true
}

// classify returns the name of an item as keys have it, with a zero byte behind it if it is skipped, empty if it is left out.
func (w *walk) classify(prefix string, item fs.DirEntry) (name string, ok bool) {
	name, mode := item.Name(), item.Type()
	if mode&fs.ModeSymlink != 0 && w.opts.Follow {
		info, err := os.Stat(w.path(prefix + name))
		if err != nil {
			return "", w.bad(prefix+name, err)
		}
		mode = info.Mode().Type()
	}
	switch {
	case isTemporary(name):
		return "", true
	case !utf8.ValidString(name):
		return "", w.bad(prefix+name, fmt.Errorf("the name %q is not UTF-8, as keys must be: rename it", prefix+name))
	case mode.IsDir():
		return name + "/", true
	case mode.IsRegular():
		return name, true
	case mode&fs.ModeSymlink != 0:
		w.opts.Skip(prefix+name, "a symbolic link")
	default:
		w.opts.Skip(prefix+name, "neither a file nor a folder")
	}
	if w.opts.List {
		return name + "\x00", true
	}
	return "", true
}

func (w *walk) enter(key string, above []fs.FileInfo) bool {
	info, err := os.Stat(w.path(key))
	if err != nil {
		return w.bad(key, err)
	}
	if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return w.bad(key, ErrCycle)
	}
	return w.folder(key+"/", append(slices.Clip(above), info))
}

func (w *walk) file(key string) bool {
	info, err := os.Stat(w.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return true // deleted a moment ago
	}
	if err != nil {
		return w.bad(key, err)
	}
	return w.yield(entry.Entry{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil)
}
