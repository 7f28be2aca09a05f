package packblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

const (
	epochDigits = 8
	packDigits  = packBits / 4
	packSuffix  = ".pack"
)

// lostAndFound is what mkfs puts at the top of a file system, which may be our directory.
const lostAndFound = "lost+found"

// epochDir returns the name of the directory of an epoch.
func (e *Engine) epochDir(epoch uint32) string { return e.fs.PathJoin(e.root, epochName(epoch)) }

// path returns the name of the file of a pack.
func (e *Engine) path(key packKey) string {
	return e.fs.PathJoin(e.epochDir(key.epoch), packName(key.n))
}

func epochName(epoch uint32) string { return fmt.Sprintf("%0*x", epochDigits, epoch) }

func packName(n uint64) string { return fmt.Sprintf("%0*x%s", packDigits, n, packSuffix) }

// Epochs implements blob.Engine. A directory without a pack does not count.
func (e *Engine) Epochs(ctx context.Context) ([]uint32, error) {
	if err := e.gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.Leave()
	names, err := e.list(e.root)
	if err != nil {
		return nil, fmt.Errorf("list epochs: %w", err)
	}
	var epochs []uint32
	for _, name := range names {
		if name == lostAndFound {
			continue
		}
		n, ok := parseDigits(name, epochDigits)
		if !ok {
			return nil, fmt.Errorf("list epochs: %w", e.stray(e.root, name))
		}
		packs, err := e.packs(uint32(n))
		if err != nil {
			return nil, fmt.Errorf("list epochs: %w", err)
		}
		if len(packs) > 0 {
			epochs = append(epochs, uint32(n))
		}
	}
	return epochs, nil
}

// packs returns the packs of an epoch, ascending.
func (e *Engine) packs(epoch uint32) ([]packKey, error) {
	dir := e.epochDir(epoch)
	names, err := e.list(dir)
	if err != nil {
		return nil, err
	}
	keys := make([]packKey, 0, len(names))
	for _, name := range names {
		digits, is := strings.CutSuffix(name, packSuffix)
		n, ok := parseDigits(digits, packDigits)
		if !is || !ok {
			return nil, e.stray(dir, name)
		}
		keys = append(keys, packKey{epoch, n})
	}
	return keys, nil
}

// parseDigits returns the number that s spells in so many hexadecimal digits, as our names do.
func parseDigits(s string, digits int) (uint64, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return n, err == nil && s == fmt.Sprintf("%0*x", digits, n) && len(s) == digits
}

// list returns the names in a directory, sorted; none if it does not exist.
func (e *Engine) list(dir string) ([]string, error) {
	names, err := e.fs.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

func (e *Engine) stray(dir, name string) error {
	return fmt.Errorf("%s is not the name of anything of this engine: move it away", e.fs.PathJoin(dir, name))
}
