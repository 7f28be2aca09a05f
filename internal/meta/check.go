package meta

import (
	"bytes"
	"fmt"
	"slices"
)

// Check reports, as an error matching ErrInvalid, the first rule that c breaks: of this package,
// or of an engine with the limits t. Every engine begins Apply with it.
func (c *Change) Check(t Traits) error {
	if n := len(c.Guards) + len(c.Sets) + len(c.Drops) + len(c.Adds); over(n, t.MaxChange) {
		return fmt.Errorf("%w: %d guards, sets, drops and adds, at most %d are allowed", ErrInvalid, n, t.MaxChange)
	}
	if err := c.checkGuards(t); err != nil {
		return err
	}
	var few [16][]byte
	keys, err := c.appendKeys(few[:0], t)
	if err != nil {
		return err
	}
	if n := c.Bytes(); over(n, t.MaxBytes) {
		return fmt.Errorf("%w: %d bytes of keys and values, at most %d are allowed", ErrInvalid, n, t.MaxBytes)
	}
	slices.SortFunc(keys, bytes.Compare)
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(keys[i-1], keys[i]) {
			return fmt.Errorf("%w: key %q is changed twice", ErrInvalid, keys[i])
		}
	}
	return nil
}

// Bytes returns the bytes of all keys and values of c.
func (c *Change) Bytes() int {
	n := 0
	for i := range c.Guards {
		n += len(c.Guards[i].Key)
	}
	for i := range c.Sets {
		n += len(c.Sets[i].Key) + len(c.Sets[i].Val)
	}
	for i := range c.Drops {
		n += len(c.Drops[i])
	}
	for i := range c.Adds {
		n += len(c.Adds[i].Key) + 8
	}
	return n
}

func (c *Change) checkGuards(t Traits) error {
	for i := range c.Guards {
		g := &c.Guards[i]
		if err := checkKey(g.Key, t); err != nil {
			return err
		}
		switch {
		case g.Kind < Absent || g.Kind > Live:
			return fmt.Errorf("%w: guard of key %q has the unknown kind %d", ErrInvalid, g.Key, g.Kind)
		case g.Kind == RevIs && g.Rev == 0:
			return fmt.Errorf("%w: guard of key %q demands revision 0, which no value has", ErrInvalid, g.Key)
		}
	}
	return nil
}

// appendKeys appends the keys that c changes, each of them checked.
func (c *Change) appendKeys(keys [][]byte, t Traits) ([][]byte, error) {
	for i := range c.Sets {
		if n := len(c.Sets[i].Val); over(n, t.MaxValue) {
			return nil, fmt.Errorf("%w: value of key %q has %d bytes, at most %d are allowed",
				ErrInvalid, c.Sets[i].Key, n, t.MaxValue)
		}
		keys = append(keys, c.Sets[i].Key)
	}
	keys = append(keys, c.Drops...)
	for i := range c.Adds {
		keys = append(keys, c.Adds[i].Key)
	}
	for _, k := range keys {
		if err := checkKey(k, t); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func checkKey(key []byte, t Traits) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: empty key", ErrInvalid)
	case key[0] == 0:
		return fmt.Errorf("%w: key %q begins with a zero byte", ErrInvalid, key)
	case over(len(key), t.MaxKey):
		return fmt.Errorf("%w: key of %d bytes, at most %d are allowed", ErrInvalid, len(key), t.MaxKey)
	}
	return nil
}

// over reports whether n breaks a limit, of which zero means none.
func over(n, limit int) bool { return limit > 0 && n > limit }
