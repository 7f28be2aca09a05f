package store

import (
	"context"
	"crypto/md5"
	"fmt"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// An appendable object has a part row for each append that brought bytes, numbered from 0. An append adds one, and changes the
// object's row; it writes no byte anew, however long the object is.

// AppendObject adds bytes to the end of an appendable object, which the first append makes. position
// is where that end must be.
func (b *Bucket) AppendObject(ctx context.Context, in *op.AppendObjectInput) (*op.AppendObjectOutput, error) {
	first, err := newAppendable(in)
	if err != nil {
		return nil, err
	}
	// Refused before its bytes are read; what counts is the same check in the change.
	if err := b.store.view(ctx, func(snap meta.Snapshot) error {
		_, _, err := b.appendable(snap, in, first)
		return err
	}); err != nil {
		return nil, err
	}
	body, err := b.store.receive(ctx, in.Body, in.ContentLength, in.ContentMD5, 0)
	if err != nil {
		return nil, err
	}
	defer body.release()
	var size int64
	demands := b.demands(in.Key, in.IfMatch, in.IfNoneMatch)
	err = b.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		if err := c.meet(snap, demands); err != nil {
			return nil, err
		}
		row, at, err := b.appendable(snap, in, first)
		if err != nil {
			return nil, err
		}
		if at.Key == nil {
			row.ref = b.store.newRef()
			err = c.begin(snap, b, in.Key, &row, body)
		} else {
			c.still(at.Key, at.Rev)
			err = c.extend(b, &row, body)
			c.set(at.Key, row.encode())
		}
		if err != nil {
			return nil, err
		}
		c.still(liveKey(b.row.id), snap.live.rev)
		size = row.size
		return c.done(), nil
	})
	if err != nil {
		b.store.forget(body, err)
		return nil, err
	}
	b.store.settle(body)
	return &op.AppendObjectOutput{NextAppendPosition: size}, nil
}

// newAppendable returns the row of an appendable object without bytes.
func newAppendable(in *op.AppendObjectInput) (row objectRow, err error) {
	if in.Position < 0 {
		return row, fault.Newf(fault.InvalidArgument, "position is %d; allowed: the size of the object", in.Position)
	}
	if err := checkKey(in.Key); err != nil {
		return row, err
	}
	row = objectRow{parts: true, appendable: true, headers: headers{contentType: in.ContentType}}
	if row.class, err = parseClass(in.StorageClass); err != nil {
		return row, err
	}
	return row, checkHeaders(&row.headers)
}

// appendable returns the row of the object to append to, and where it was read: nowhere if the object is a new one.
func (b *Bucket) appendable(snap meta.Snapshot, in *op.AppendObjectInput, first objectRow) (row objectRow, at meta.Row, err error) {
	at, ok, err := snap.Get(objectKey(b.row.id, in.Key))
	if err != nil {
		return row, at, err
	}
	if row = first; ok {
		if row, err = decodeObject(at.Val); err != nil {
			return row, at, fmt.Errorf("object %s/%q: %w", b.name, in.Key, err)
		}
	}
	switch {
	case !row.appendable:
		err = fault.Newf(fault.InvalidObjectState, "object %q was not made by an append; only such objects can grow", in.Key)
	case in.Position != row.size:
		err = fault.Newf(fault.InvalidArgument, "position is %d; the object ends at %d", in.Position, row.size)
	case row.pieces >= maxExtents:
		err = fault.Newf(fault.InvalidObjectState, "object %q has %d appends; no more are allowed", in.Key, maxExtents)
	case in.ContentLength > MaxObject-row.size:
		err = fault.Newf(fault.EntityTooLarge, "the object would have %d bytes; allowed: %d", row.size+in.ContentLength, int64(MaxObject))
	}
	return row, at, err
}

// begin makes an appendable object of its first body. In a bucket with versioning that is a version as any other, which the
// appends that follow change.
func (c *change) begin(snap *view, b *Bucket, key string, row *objectRow, body *body) error {
	s, err := c.stack(snap, b.row.id, key)
	if err != nil {
		return err
	}
	if err := s.push(row); err != nil {
		return err
	}
	if err := c.extend(b, row, body); err != nil {
		return err
	}
	return s.finish(row)
}

// extend adds a body to the end of an appendable object. Its ETag is none of an MD5, and
// another one after each append.
func (c *change) extend(b *Bucket, row *objectRow, body *body) error {
	row.modified = b.store.now()
	row.etag = fmt.Sprintf("%x-a%d", md5.Sum([]byte(row.etag+body.md5)), row.pieces)
	if body.size == 0 {
		return nil
	}
	if row.size > MaxObject-body.size {
		return fault.Newf(fault.EntityTooLarge, "the object would have more than %d bytes", int64(MaxObject))
	}
	piece := partRow{ref: b.store.newRef(), size: body.size, etag: body.md5, created: row.modified, extents: body.extents()}
	c.refer(piece.ref, piece.extents)
	c.set(partKey(row.ref, uint32(row.pieces)), piece.encode())
	c.countBytes(b.row.id, row.class, body.size)
	row.size += body.size
	row.pieces++
	return nil
}
