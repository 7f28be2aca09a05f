package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/sse"
)

// ErrSourceChanged is returned by CopyObject, MoveObject and CopyPart when the source was
// replaced or deleted since it was looked up. Nothing was done: look it up again.
var ErrSourceChanged = errors.New("source changed")

// CopyObject makes an object with the bytes of src. No byte is moved: both share the blobs, whatever their size.
func (b *Bucket) CopyObject(ctx context.Context, src *Object, in *op.CopyObjectInput) (*op.CopyObjectOutput, error) {
	row, err := copyRow(src, b.row.id, in)
	if err != nil {
		return nil, err
	}
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	keys, err := copyKeys(
		[3]string{in.CopySourceEncryptionCustomerAlgorithm, in.CopySourceEncryptionCustomerKey, in.CopySourceEncryptionCustomerKeyMD5},
		[3]string{in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5},
	)
	if err != nil {
		return nil, err
	}
	if err := src.unlock("the source", keys.source); err != nil {
		return nil, err
	}
	demands := b.demands(in.Key, in.IfMatch, in.IfNoneMatch)
	if !keys.source.Equal(keys.target) {
		return b.recodeObject(ctx, src, in.Key, row, keys.target, demands)
	}
	if err := b.store.admit(); err != nil {
		return nil, err
	}
	err = b.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		if err := c.stillThere(snap, src); err != nil {
			return nil, err
		}
		if err := c.meet(snap, demands); err != nil {
			return nil, err
		}
		row.ref, row.modified = b.store.newRef(), b.store.now()
		if err := c.share(snap, b.store, src, &row); err != nil {
			return nil, err
		}
		if err := c.replace(snap, b.row.id, in.Key, &row); err != nil {
			return nil, err
		}
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	return copied(&row, keys.target), nil
}

func copied(row *objectRow, key *sse.Key) *op.CopyObjectOutput {
	return &op.CopyObjectOutput{
		ETag: quote(row.etag), VersionID: row.told(),
		EncryptionCustomerAlgorithm: row.seal.algorithm(), EncryptionCustomerKeyMD5: key.MD5(),
	}
}

// recodeObject is CopyObject with another key, or with none: the bytes are read and written anew.
func (b *Bucket) recodeObject(ctx context.Context, src *Object, to string, row objectRow, key *sse.Key, demands []demand) (*op.CopyObjectOutput, error) {
	body, err := src.recode(ctx, 0, row.size, key, maxInline)
	if err != nil {
		return nil, err
	}
	defer body.release()
	row.ref, row.extents, row.parts, row.inline = b.store.newRef(), body.extents(), false, len(body.inline) > 0
	row.seal = newSeal(key, body)
	if src.bucket.row.id == b.row.id && src.key == to { // who writes the object meanwhile must not be undone
		demands = append(demands, func(snap meta.Snapshot, c *change) error { return c.stillThere(snap, src) })
	}
	if err := b.publish(ctx, to, &row, body.inline, demands...); err != nil {
		b.store.forget(body, err)
		return nil, err
	}
	b.store.settle(body)
	return copied(&row, key), nil
}

// A keyPair is the keys of a copy.
type keyPair struct{ source, target *sse.Key }

// copyKeys reads the headers of both.
func copyKeys(source, target [3]string) (k keyPair, err error) {
	if k.source, err = CustomerKey(SourceKeyHeaders, source[0], source[1], source[2]); err != nil {
		return k, err
	}
	k.target, err = CustomerKey(KeyHeaders, target[0], target[1], target[2])
	return k, err
}

// copyRow decides what the copy into a bucket keeps of its source and takes from the request.
func copyRow(src *Object, target uint64, in *op.CopyObjectInput) (objectRow, error) {
	row := src.row
	row.appendable, row.pieces = false, 0 // a copy stays as it is
	if row.size > MaxBody {
		return row, fault.Newf(fault.EntityTooLarge, "the source has %d bytes; a copy takes up to %d, copy larger ones part by part", row.size, int64(MaxBody))
	}
	class, err := parseClass(in.StorageClass)
	if err != nil {
		return row, err
	}
	row.class = class
	switch strings.ToUpper(in.MetadataDirective) {
	case "", "COPY":
		if in.StorageClass == "" && src.key == in.Key && src.bucket.row.id == target {
			row.class = src.row.class // a copy onto itself that asks for nothing changes nothing
		}
		return row, nil
	case "REPLACE":
		row.headers = headers{
			contentType: in.ContentType, cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition,
			contentEncoding: in.ContentEncoding, expires: in.Expires, metadata: in.Metadata,
		}
		return row, checkHeaders(&row.headers)
	}
	return row, fault.Newf(fault.InvalidArgument, "x-qs-metadata-directive %q is unknown; allowed: COPY, REPLACE", in.MetadataDirective)
}

// MoveObject gives src another key, in this bucket or in another. No byte is moved and everything is kept. From a bucket with versioning
// src goes as DeleteObject lets it go: a delete marker takes its place.
func (b *Bucket) MoveObject(ctx context.Context, src *Object, in *op.MoveObjectInput) (*op.MoveObjectOutput, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	if src.at[0] != kindObject {
		return nil, fault.Newf(fault.InvalidArgument, "a move takes the current version of an object; an older one can be copied")
	}
	row := src.row
	self := src.bucket.row.id == b.row.id && src.key == in.Key
	demands := b.demands(in.Key, in.IfMatch, in.IfNoneMatch)
	err := b.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		if err := c.stillThere(snap, src); err != nil {
			return nil, err
		}
		if err := c.meet(snap, demands); err != nil {
			return nil, err
		}
		row = src.row
		row.modified = b.store.now()
		from, err := snap.of(src.bucket, b)
		if err != nil {
			return nil, err
		}
		switch versioned := from.live.versioning != unversioned; {
		case versioned: // the old key keeps its version
			err = c.leave(from, src, &row, self)
		case self:
			c.still(liveKey(b.row.id), snap.live.rev)
			c.set(objectKey(b.row.id, in.Key), row.encode())
			return c.done(), nil
		default:
			c.drop(objectKey(src.bucket.row.id, src.key))
			c.count(src.bucket.row.id, row.class, row.size, -1)
			c.still(liveKey(src.bucket.row.id), from.live.rev)
		}
		if err != nil {
			return nil, err
		}
		if err := c.replace(snap, b.row.id, in.Key, &row); err != nil {
			return nil, err
		}
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	return &op.MoveObjectOutput{ETag: quote(row.etag), VersionID: row.told(), EncryptionCustomerAlgorithm: row.seal.algorithm()}, nil
}

// leave makes row refer to the bytes of src, and deletes src unless the row takes its place.
func (c *change) leave(snap *view, src *Object, row *objectRow, stays bool) error {
	row.ref = snap.store.newRef()
	if err := c.share(snap, snap.store, src, row); err != nil || stays {
		return err
	}
	c.still(liveKey(src.bucket.row.id), snap.live.rev)
	return c.remove(snap, src.bucket.row.id, src.key)
}

// stillThere demands that src is what it was when it was looked up, so that its
// blobs are alive when the change happens.
func (c *change) stillThere(snap meta.Snapshot, src *Object) error {
	row, ok, err := snap.Get(src.at)
	if err != nil {
		return err
	}
	if !ok || row.Rev != src.rev {
		return fmt.Errorf("copy %s/%q: %w", src.bucket.name, src.key, ErrSourceChanged)
	}
	c.unchanged(src.at, row, true)
	return nil
}

// share makes row refer to the bytes of src under its own ref.
func (c *change) share(snap meta.Snapshot, s *Store, src *Object, row *objectRow) error {
	if row.inline {
		data, err := src.row.data(snap)
		c.set(dataKey(row.ref), bytes.Clone(data))
		return err
	}
	if !row.parts {
		c.refer(row.ref, row.extents)
		return nil
	}
	return walk(snap, partPrefix(src.row.ref), func(r meta.Row) error {
		p, err := decodePart(r.Val)
		if err != nil {
			return err
		}
		n, err := partNumber(r.Key)
		if err != nil {
			return err
		}
		p.ref = s.newRef()
		c.refer(p.ref, p.extents)
		c.set(partKey(row.ref, n), p.encode())
		return nil
	})
}

// partBytes returns where n bytes from off of an object are, for a part to refer to. Those of a small object get a blob, as
// do those that are encrypted, or are to be.
func (o *Object) partBytes(ctx context.Context, off, n int64, key *sse.Key) (*body, []extent, error) {
	if o.row.seal != nil || key != nil {
		own, err := o.recode(ctx, off, n, key, 0)
		if err != nil {
			return nil, nil, err
		}
		return own, own.extents(), nil
	}
	if !o.row.inline {
		pieces, err := o.extents(ctx, off, n)
		return &body{}, pieces, err
	}
	own, err := o.bucket.store.receive(ctx, bytes.NewReader(o.data[off:off+n]), n, "", 0)
	if err != nil {
		return nil, nil, err
	}
	return own, own.extents(), nil
}

// CopyPart makes a part of an upload from n bytes at off of src. No byte is moved, unless something is encrypted.
func (b *Bucket) CopyPart(ctx context.Context, src *Object, off, n int64, in *op.CopyPartInput) (*op.CopyPartOutput, error) {
	if n > MaxBody {
		return nil, fault.Newf(fault.EntityTooLarge, "the part has %d bytes; allowed: %d", n, int64(MaxBody))
	}
	keys, err := copyKeys(
		[3]string{in.CopySourceEncryptionCustomerAlgorithm, in.CopySourceEncryptionCustomerKey, in.CopySourceEncryptionCustomerKeyMD5},
		[3]string{in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5},
	)
	if err != nil {
		return nil, err
	}
	if err := src.unlock("the source", keys.source); err != nil {
		return nil, err
	}
	id, err := b.checkPart(ctx, in.Key, in.UploadID, in.PartNumber, keys.target)
	if err != nil {
		return nil, err
	}
	own, pieces, err := src.partBytes(ctx, off, n, keys.target)
	if err != nil {
		return nil, err
	}
	defer own.release()
	if len(pieces) > maxExtents {
		return nil, fault.Newf(fault.InvalidRequest, "the range has %d pieces; allowed: %d, copy it in several parts", len(pieces), maxExtents)
	}
	part := partRow{size: n, etag: src.row.etag, extents: pieces, seal: newPartSeal(keys.target, own)}
	switch {
	case own.recoded:
		part.etag = own.md5
	case n != src.row.size:
		// Not an MD5 and not like one: the bytes are not read for it.
		part.etag = fmt.Sprintf("%x-%d-%d", md5.Sum([]byte(src.row.etag)), off, n)
	}
	err = b.putPart(ctx, in.Key, id, in.PartNumber, &part, func(snap meta.Snapshot, c *change) error {
		if own.recoded {
			return nil // it needs nothing of the source any more
		}
		return c.stillThere(snap, src)
	})
	if err != nil {
		b.store.forget(own, err)
		return nil, err
	}
	b.store.settle(own)
	out := &op.CopyPartOutput{
		ETag: quote(part.etag), EncryptionCustomerAlgorithm: part.seal.algorithm(), EncryptionCustomerKeyMD5: keys.target.MD5(),
	}
	if in.CopyRange != "" {
		out.ContentCopyRange = fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, src.row.size)
	}
	return out, nil
}
