package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// ListObjectVersions lists all versions and delete markers by key, the newest of a key first, a page at a time. What a
// delimiter hides is skipped, as in a listing of objects.
func (b *Bucket) ListObjectVersions(ctx context.Context, in *op.ListObjectVersionsInput) (*op.ListObjectVersionsOutput, error) {
	limit, err := pageLimit(in.Limit, defaultListed)
	if err != nil {
		return nil, err
	}
	out := &op.ListObjectVersionsOutput{
		Name: b.name, Prefix: in.Prefix, Delimiter: in.Delimiter, KeyMarker: in.KeyMarker, VersionIDMarker: in.VersionIDMarker, Limit: limit,
		Keys: []op.ObjectVersion{}, CommonPrefixes: []string{},
	}
	p := versionPage{bucket: b.row.id, page: page{prefix: in.Prefix, delimiter: in.Delimiter, limit: limit}}
	if err := p.begin(in.KeyMarker, in.VersionIDMarker); err != nil {
		return nil, err
	}
	err = b.store.view(ctx, func(snap meta.Snapshot) error {
		name, err := userName(snap, b.row.owner)
		if err != nil {
			return err
		}
		out.Owner = op.Owner{ID: b.row.owner, Name: name}
		return p.walk(snap, func(key string, o *objectRow, latest bool) {
			out.Keys = append(out.Keys, listedVersion(key, o, latest))
		})
	})
	if err != nil {
		return nil, err
	}
	out.CommonPrefixes = append(out.CommonPrefixes, p.prefixes...)
	if out.HasMore = p.more; p.more {
		out.NextKeyMarker, out.NextVersionIDMarker = p.last, p.lastVersion
	}
	return out, nil
}

func listedVersion(key string, o *objectRow, latest bool) op.ObjectVersion {
	return op.ObjectVersion{
		Key: key, VersionID: o.id(), IsLatest: latest, DeleteMarker: o.marker(), Size: o.size, ETag: o.etag, MimeType: o.contentType,
		StorageClass: o.class.String(), Created: o.modified, Modified: o.modified, Encrypted: o.seal != nil,
	}
}

// A versionPage collects one page of a listing of versions. It walks over the rows of objects and those of other versions
// together: of each key the object comes first.
type versionPage struct {
	page
	bucket uint64

	marker string
	inside bool   // versions of the marker are listed, too: those with numbers below
	null   bool   // below is to be the number of the version null
	below  uint64 // stands for a place, so that it is understood also if the version there is erased meanwhile

	lastVersion string // the marker of the last entry, if that is a version
}

// begin reads the markers.
func (p *versionPage) begin(key, id string) error {
	p.marker = key
	if cp, ok := p.commonPrefix(key); key == "" || id == "" || ok && cp == key {
		return nil
	}
	p.inside, p.null = true, id == nullVersion
	below, ok := parseVersionMarker(id)
	if p.below = below; !ok && !p.null {
		return fault.Newf(fault.InvalidArgument, "version_id_marker is %.64q; allowed: next_version_id_marker of the page before, or the id of a version", id)
	}
	return nil
}

// walk calls visit for the versions of a page.
func (p *versionPage) walk(snap meta.Snapshot, visit func(key string, o *objectRow, latest bool)) error {
	if err := p.findNull(snap); err != nil {
		return err
	}
	own := objectKey(p.bucket, p.marker)
	objects := p.cursor(snap, objectsOf(p.bucket), own, append(bytes.Clone(own), 0))
	defer objects.stop()
	own = versionPrefix(p.bucket, p.marker)
	others := p.cursor(snap, versionsOf(p.bucket), own, successor(own))
	defer others.stop()
	err := p.merge(objects, others, visit)
	return errors.Join(err, objects.err, others.err)
}

// findNull finds the number of the version null of the marker. If it was erased meanwhile, nobody knows any more where it was, and all
// versions of the key are listed.
func (p *versionPage) findNull(snap meta.Snapshot) error {
	if !p.null {
		return nil
	}
	p.below = math.MaxUint64
	r, ok, err := snap.Get(objectKey(p.bucket, p.marker))
	if !ok && err == nil {
		r, ok, err = snap.Get(markerKey(p.bucket, p.marker))
	}
	v := version{}
	if ok && err == nil {
		v, err = readVersion(r)
	}
	if err == nil && (!ok || !v.row.null()) {
		v, err = olderVersion(snap, p.bucket, p.marker, versionName{})
	}
	if v.at != nil && err == nil {
		p.below = v.row.number
	}
	return err
}

// versionsOf lists the rows of versions. In the ids are their numbers.
func versionsOf(bucket uint64) listing {
	return listing{
		root: numberKey(kindVersion, bucket), encode: appendEscaped,
		decode: func(row []byte) (key string, id ref, err error) {
			key, number, err := splitVersionKey(row)
			binary.BigEndian.PutUint64(id[:], number)
			return key, id, err
		},
	}
}

// cursor begins a walk over the rows of a listing, from the marker on. Its own rows are those from own on and before behind.
func (p *versionPage) cursor(snap meta.Snapshot, l listing, own, behind []byte) *cursor {
	lo := l.start(p.prefix)
	hi := successor(lo) // the root is below it, so there is one
	from := behind
	if cp, ok := p.commonPrefix(p.marker); ok && cp == p.marker {
		from = successor(l.start(cp))
	} else if p.inside {
		from = own
	}
	if p.marker != "" && bytes.Compare(from, lo) > 0 {
		lo = from
	}
	c := &cursor{listing: l}
	if bytes.Compare(lo, hi) >= 0 {
		c.pull, c.stop = func() (meta.Row, bool) { return meta.Row{}, false }, func() {}
		return c
	}
	c.pull, c.stop = iter.Pull(func(yield func(meta.Row) bool) {
		err := snap.Walk(lo, hi, func(r meta.Row) ([]byte, bool) {
			more := yield(r)
			return c.seek, !more
		})
		c.err = errors.Join(c.err, err)
	})
	return c
}

// merge visits what two cursors yield, in the order of a listing.
func (p *versionPage) merge(objects, others *cursor, visit func(key string, o *objectRow, latest bool)) error {
	objects.next()
	others.next()
	for {
		c := objects
		if !objects.ok || others.ok && others.key < objects.key {
			c = others
		}
		if !c.ok {
			return nil
		}
		o, err := decodeObject(c.row.Val)
		if err != nil {
			return fmt.Errorf("row %q: %w", c.row.Key, err)
		}
		if c == others && isNote(c.number, &o) {
			c.next()
			continue
		}
		number := o.number
		if c == others && c.number != math.MaxUint64 {
			number = c.number // also of a row that is damaged: the walk goes on behind its place
		}
		if p.inside && c.key == p.marker && number >= p.below {
			if others.key == p.marker {
				others.skip(append(versionKey(p.bucket, p.marker, p.below), 0))
			}
			if c == objects {
				c.next()
			}
			continue
		}
		if p.more = p.n == p.limit; p.more {
			return nil
		}
		p.n++
		if cp, ok := p.commonPrefix(c.key); ok {
			p.last, p.lastVersion = cp, ""
			p.prefixes = append(p.prefixes, cp)
			objects.skip(successor(objects.start(cp)))
			others.skip(successor(others.start(cp)))
			continue
		}
		p.last, p.lastVersion = c.key, versionMarker(number)
		visit(c.key, &o, c == objects || c.number == math.MaxUint64)
		c.next()
	}
}

// A cursor is a walk that is led step by step.
type cursor struct {
	listing
	pull func() (meta.Row, bool)
	stop func()
	seek []byte // where the next step goes; nil is the next row
	err  error

	ok     bool
	row    meta.Row // until the next step
	key    string   // of the object
	number uint64   // in the row's key, but for objects
}

func (c *cursor) next() {
	c.row, c.ok = c.pull()
	if c.seek = nil; !c.ok {
		return
	}
	key, id, err := c.decode(c.row.Key)
	if err != nil {
		c.err, c.ok = fmt.Errorf("row %q: %w", c.row.Key, err), false
		return
	}
	c.key, c.number = key, binary.BigEndian.Uint64(id[:])
}

// skip goes on to the first row from k on, unless it is there already.
func (c *cursor) skip(k []byte) {
	if c.ok && bytes.Compare(c.row.Key, k) < 0 {
		c.seek = k
		c.next()
	}
}
