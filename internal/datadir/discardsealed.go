package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// DiscardSealed is for a directory whose key for secrets is lost. It removes the file with the root key pair if that is sealed, so that
// a new pair is made by RootKey, and revokes the access keys that are. It returns what it has discarded; a dry run changes nothing.
func (d *Dir) DiscardSealed(ctx context.Context, dry bool) (keys []store.Key, root bool, err error) {
	if root, err = d.discardRootKey(dry); err != nil {
		return nil, false, fmt.Errorf("root key: %w", err)
	}
	keys, err = d.Store.DiscardSealed(ctx, dry) // last, so that until then the store says that a key is missing
	return keys, root, err
}

// discardRootKey removes the file with the root key pair if that is sealed, and reports whether it is.
func (d *Dir) discardRootKey(dry bool) (sealed bool, err error) {
	file := d.fs.PathJoin(d.dir, rootKeyName)
	text, err := vfs.ReadFile(d.fs, file, maxRootKeyLen)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	k, err := parseRootKey(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w; correct the file, or remove it", file, err)
	}
	if k.sealed == "" || dry {
		return k.sealed != "", nil
	}
	if err := d.fs.Remove(file); err != nil {
		return false, err
	}
	return true, vfs.SyncDir(d.fs, d.dir)
}
