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
	p := page{listing: objectsOf(b.row.id), prefix: in.Prefix, delimiter: in.Delimiter, limit: limit}
	err = b.store.view(ctx, func(snap meta.Snapshot) error {
		name, err := userName(snap, b.row.owner)
		if err != nil {
			return err
		}
		out.Owner = op.Owner{ID: b.row.owner, Name: name}
		return p.walk(snap, p.afterKey(in.Marker), func(key string, _ ref, r meta.Row) error {
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
		Encrypted: o.seal != nil,
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

// A listing tells how its rows hold keys.
type listing struct {
	root []byte // what its rows start with
	// encode appends what the rows of all keys that start with key start with, behind the root.
	encode func(dst []byte, key string) []byte
	// decode takes a row's key apart. The id tells rows of one key apart; objects have none.
	decode func(row []byte) (key string, id ref, err error)
}

func objectsOf(bucket uint64) listing {
	root := numberKey(kindObject, bucket)
	return listing{
		root:   root,
		encode: func(dst []byte, key string) []byte { return append(dst, key...) },
		decode: func(row []byte) (string, ref, error) { return string(row[len(root):]), ref{}, nil },
	}
}

func uploadsOf(bucket uint64) listing {
	return listing{root: numberKey(kindUpload, bucket), encode: appendEscaped, decode: splitUploadKey}
}

// start returns what the rows of all keys that start with key start with.
func (l *listing) start(key string) []byte { return l.encode(bytes.Clone(l.root), key) }

// A page collects one page of a listing.
type page struct {
	listing
	prefix, delimiter string
	limit             int64

	prefixes []string // common prefixes, each counts as one entry
	n        int64    // entries so far
	last     string   // the last entry
	lastID   ref      // and its id, if it is a key
	more     bool     // there is an entry after it
}

// walk calls visit for the keys of a page: those with the prefix, from a row on, that are
// not hidden below a delimiter.
func (p *page) walk(snap meta.Snapshot, from []byte, visit func(key string, id ref, r meta.Row) error) error {
	lo := p.start(p.prefix)
	hi := successor(lo)
	if bytes.Compare(from, lo) > 0 {
		lo = from
	}
	if hi != nil && bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	var failed error
	err := snap.Walk(lo, hi, func(r meta.Row) (seek []byte, stop bool) {
		if p.more = p.n == p.limit; p.more {
			return nil, true
		}
		if seek, failed = p.add(r, visit); failed != nil {
			failed = fmt.Errorf("row %q: %w", r.Key, failed)
		}
		return seek, failed != nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// add puts a row on the page. If it is hidden below a delimiter, all that is hidden with it is one entry, and
// add returns the row that comes after.
func (p *page) add(r meta.Row, visit func(key string, id ref, r meta.Row) error) (seek []byte, err error) {
	key, id, err := p.decode(r.Key)
	if err != nil {
		return nil, err
	}
	p.n++
	if cp, ok := p.commonPrefix(key); ok {
		p.last, p.lastID = cp, ref{}
		p.prefixes = append(p.prefixes, cp)
		return successor(p.start(cp)), nil // the root is below it, so there is one
	}
	p.last, p.lastID = key, id
	return nil, visit(key, id, r)
}

// afterKey returns the first row after those of a key, or of all keys under it if it is a common prefix;
// nil if key is empty.
func (p *page) afterKey(key string) []byte {
	if key == "" {
		return nil
	}
	if cp, ok := p.commonPrefix(key); ok && cp == key {
		return successor(p.start(key))
	}
	return append(p.start(key), 0)
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
