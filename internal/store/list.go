package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// ListObjects lists keys in byte order, each common prefix in their midst, a page at a time. What a delimiter
// hides is skipped by one seek, however much it is.
func (b *Bucket) ListObjects(ctx context.Context, in *op.ListObjectsInput) (*op.ListObjectsOutput, error) {
	limit, err := pageLimit(in.Limit, defaultListed)
	if err != nil {
		return nil, err
	}
	out := &op.ListObjectsOutput{
		Name: b.name, Prefix: in.Prefix, Delimiter: in.Delimiter, Marker: in.Marker, Limit: limit,
		Keys: []op.Object{}, CommonPrefixes: []string{},
	}
	p := page{prefix: in.Prefix, delimiter: in.Delimiter, limit: limit}
	err = b.store.view(ctx, func(snap meta.Snapshot) error {
		name, err := userName(snap, b.row.owner)
		if err != nil {
			return err
		}
		out.Owner = op.Owner{ID: b.row.owner, Name: name}
		return p.walk(snap, numberKey(kindObject, b.row.id), in.Marker, func(key string, r meta.Row) error {
			o, err := decodeObject(r.Val)
			out.Keys = append(out.Keys, listed(key, &o))
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	out.CommonPrefixes = append(out.CommonPrefixes, p.prefixes...)
	if out.HasMore = p.more; p.more {
		out.NextMarker = p.last
	}
	return out, nil
}

func listed(key string, o *objectRow) op.Object {
	return op.Object{
		Key: key, Size: o.size, ETag: quote(o.etag), MimeType: o.contentType,
		Created: o.modified, Modified: o.modified.Unix(), StorageClass: o.class.String(),
	}
}

// pageLimit returns how many entries a page has: def if nothing is asked for, at most maxListed.
func pageLimit(asked, def int64) (int64, error) {
	switch {
	case asked < 0:
		return 0, negative("limit", asked)
	case asked == 0:
		return def, nil
	}
	return min(asked, maxListed), nil
}

// A page collects one page of a listing of keys.
type page struct {
	prefix, delimiter string
	limit             int64

	prefixes []string // common prefixes, each counts as one entry
	n        int64    // entries so far
	last     string   // the last entry
	more     bool     // there is an entry after it
}

// walk calls visit for the keys of a page: those with the prefix that come after marker and are not hidden
// below a delimiter. root is what rows of the listing start with, before the key.
func (p *page) walk(snap meta.Snapshot, root []byte, marker string, visit func(key string, r meta.Row) error) error {
	var failed error
	lo, hi := p.bounds(root, marker)
	if hi != nil && bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	err := snap.Walk(lo, hi, func(r meta.Row) ([]byte, bool) {
		if p.more = p.n == p.limit; p.more {
			return nil, true
		}
		key := string(r.Key[len(root):])
		p.n++
		if cp, ok := p.commonPrefix(key); ok {
			p.last = cp
			p.prefixes = append(p.prefixes, cp)
			seek := successor(append(bytes.Clone(root), cp...))
			return seek, seek == nil
		}
		p.last = key
		if failed = visit(key, r); failed != nil {
			failed = fmt.Errorf("row %q: %w", r.Key, failed)
		}
		return nil, failed != nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// bounds returns the range of rows that can be on the page.
func (p *page) bounds(root []byte, marker string) (lo, hi []byte) {
	lo = append(bytes.Clone(root), p.prefix...)
	hi = successor(lo)
	if marker == "" {
		return lo, hi
	}
	after := append(append(bytes.Clone(root), marker...), 0)
	if cp, ok := p.commonPrefix(marker); ok && cp == marker {
		after = successor(append(bytes.Clone(root), marker...))
	}
	if bytes.Compare(after, lo) > 0 {
		lo = after
	}
	return lo, hi
}

// commonPrefix returns the part of a key that it shares with all keys below
// the same delimiter.
func (p *page) commonPrefix(key string) (string, bool) {
	if p.delimiter == "" || !strings.HasPrefix(key, p.prefix) {
		return "", false
	}
	i := strings.Index(key[len(p.prefix):], p.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(p.prefix)+i+len(p.delimiter)], true
}
