package fileblob

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/oisproject/ois/internal/blob"
)

// groupBits is how many low bits of a sequence number count within a directory.
const groupBits = 12

const (
	epochDigits = 8
	groupDigits = (64 - groupBits) / 4
	idDigits    = 2 * blob.IDLen
)

// A group is what the blobs of one directory have in common.
type group struct {
	epoch uint32
	n     uint64
}

func groupOf(id blob.ID) group { return group{id.Epoch, id.Seq >> groupBits} }

// path returns the name of a blob's file.
func (e *Engine) path(id blob.ID) string {
	b := make([]byte, 0, len(e.root)+3+epochDigits+groupDigits+idDigits)
	b = append(b, e.root...)
	b = append(b, e.separator)
	b = appendHex(b, uint64(id.Epoch), epochDigits)
	b = append(b, e.separator)
	b = appendHex(b, id.Seq>>groupBits, groupDigits)
	b = append(b, e.separator)
	b = appendHex(b, uint64(id.Epoch), epochDigits)
	b = appendHex(b, id.Seq, idDigits-epochDigits)
	return string(b)
}

// appendHex appends the last hexadecimal digits of n.
func appendHex(b []byte, n uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, "0123456789abcdef"[n>>(4*i)&15])
	}
	return b
}

func (e *Engine) groupDir(id blob.ID) string {
	name := e.path(id)
	return name[:len(name)-idDigits-1]
}

func (e *Engine) epochDir(epoch uint32) string {
	dir := e.groupDir(blob.ID{Epoch: epoch})
	return dir[:len(dir)-groupDigits-1]
}

// Epochs is that of blob.Engine. A directory without a blob does not count.
func (e *Engine) Epochs(ctx context.Context) ([]uint32, error) {
	if err := e.gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.Leave()
	all, err := e.numbers(e.root, epochDigits)
	if err != nil {
		return nil, fmt.Errorf("list epochs: %w", err)
	}
	var epochs []uint32
	for _, n := range all {
		found, err := e.hasBlob(ctx, uint32(n))
		if err != nil {
			return nil, fmt.Errorf("list epochs: %w", err)
		}
		if found {
			epochs = append(epochs, uint32(n))
		}
	}
	return epochs, nil
}

var errStop = errors.New("seen enough")

func (e *Engine) hasBlob(ctx context.Context, epoch uint32) (bool, error) {
	err := e.enumerate(ctx, epoch, func(blob.ID) error { return errStop })
	if errors.Is(err, errStop) {
		return true, nil
	}
	return false, err
}

// enumerate calls fn for each blob of an epoch, in order.
func (e *Engine) enumerate(ctx context.Context, epoch uint32, fn func(blob.ID) error) error {
	groups, err := e.numbers(e.epochDir(epoch), groupDigits)
	if err != nil {
		return err
	}
	for _, n := range groups {
		ids, err := e.blobs(epoch, n)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// blobs lists the blobs of a group.
func (e *Engine) blobs(epoch uint32, group uint64) ([]blob.ID, error) {
	dir := e.groupDir(blob.ID{Epoch: epoch, Seq: group << groupBits})
	names, err := e.list(dir)
	if err != nil {
		return nil, err
	}
	ids := make([]blob.ID, 0, len(names))
	for _, name := range names {
		id, err := parseName(name)
		if err != nil || id.Epoch != epoch || id.Seq>>groupBits != group {
			return nil, e.stray(dir, name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// parseName returns the id whose file has the name.
func parseName(name string) (blob.ID, error) {
	b, err := hex.DecodeString(name)
	if err != nil {
		return blob.ID{}, err
	}
	id, err := blob.ParseID(b)
	if err == nil && id.String() != name {
		err = errors.New("digits are not in lower case")
	}
	return id, err
}

// numbers lists a directory whose entries are numbers of so many hexadecimal digits.
func (e *Engine) numbers(dir string, digits int) ([]uint64, error) {
	names, err := e.list(dir)
	if err != nil {
		return nil, err
	}
	ns := make([]uint64, 0, len(names))
	for _, name := range names {
		n, err := strconv.ParseUint(name, 16, 64)
		if err != nil || len(name) != digits || fmt.Sprintf("%0*x", digits, n) != name {
			return nil, e.stray(dir, name)
		}
		ns = append(ns, n)
	}
	return ns, nil
}

// lostAndFound is a directory that some file systems make at their root, which may be that of the engine.
const lostAndFound = "lost+found"

// list returns the names in a directory, sorted; none if it does not exist.
func (e *Engine) list(dir string) ([]string, error) {
	names, err := e.fs.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == lostAndFound })
	slices.Sort(names)
	return names, nil
}

func (e *Engine) stray(dir, name string) error {
	return fmt.Errorf("%s is not the name of anything of this engine: move it away", e.fs.PathJoin(dir, name))
}
