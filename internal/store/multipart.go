package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/sse"
)

// maxInlineExtents is how many extents an object row holds; an object with more takes over
// the part rows of its upload, so that listing rows stay narrow.
const maxInlineExtents = 8

// maxExtents is how many extents an object may have: what a GET keeps in memory, and a copy puts into one change, which takes a part row and a
// reference row for each, some rows more, and 1 << 17 in all.
const maxExtents = 1<<16 - 64

// InitiateMultipartUpload starts an upload. Several of one key may go on at once.
func (b *Bucket) InitiateMultipartUpload(ctx context.Context, in *op.InitiateMultipartUploadInput) (*op.InitiateMultipartUploadOutput, error) {
	row := uploadRow{headers: headers{
		contentType: in.ContentType, cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition,
		contentEncoding: in.ContentEncoding, expires: in.Expires, metadata: in.Metadata,
	}}
	key, err := CustomerKey(KeyHeaders, in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	row.seal = newSeal(key, &body{})
	if row.class, err = parseClass(in.StorageClass); err != nil {
		return nil, err
	}
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	if err := checkHeaders(&row.headers); err != nil {
		return nil, err
	}
	if err := b.store.admit(); err != nil {
		return nil, err
	}
	id := b.store.newRef()
	row.created = b.store.now()
	err = b.write(ctx, func(*view) (*meta.Change, error) {
		var c change
		c.guard(meta.Live, liveKey(b.row.id))
		c.set(uploadKey(b.row.id, in.Key, id), row.encode())
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	return &op.InitiateMultipartUploadOutput{
		Bucket: b.name, Key: in.Key, UploadID: id.String(),
		EncryptionCustomerAlgorithm: row.seal.algorithm(), EncryptionCustomerKeyMD5: key.MD5(),
	}, nil
}

// upload finds an upload of a key in a snapshot.
func (b *Bucket) upload(snap meta.Snapshot, key, uploadID string) (id ref, at meta.Row, row uploadRow, err error) {
	id, ok := parseRef(uploadID)
	if ok {
		at, ok, err = snap.Get(uploadKey(b.row.id, key, id))
	}
	if err == nil && !ok {
		err = fault.Newf(fault.UploadNotExists, "upload %.64q of object %q does not exist", uploadID, key)
	}
	if err == nil {
		row, err = decodeUpload(at.Val)
	}
	return id, at, row, err
}

// checkPart refuses a part before its bytes are read. Its key must be that of the upload, or none.
func (b *Bucket) checkPart(ctx context.Context, key, uploadID string, number int64, encryption *sse.Key) (ref, error) {
	var id ref
	var row uploadRow
	if number < 0 || number > MaxPartNumber {
		return id, fault.Newf(fault.InvalidArgument, "part_number is %d; allowed: 0 to %d", number, MaxPartNumber)
	}
	err := b.store.view(ctx, func(snap meta.Snapshot) (err error) {
		id, _, row, err = b.upload(snap, key, uploadID)
		return err
	})
	if err != nil {
		return id, err
	}
	return id, row.seal.unlock("the upload", encryption)
}

// UploadMultipart stores a part. A part of the same number is replaced.
func (b *Bucket) UploadMultipart(ctx context.Context, in *op.UploadMultipartInput) (*op.UploadMultipartOutput, error) {
	key, err := CustomerKey(KeyHeaders, in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	id, err := b.checkPart(ctx, in.Key, in.UploadID, in.PartNumber, key)
	if err != nil {
		return nil, err
	}
	body, err := b.store.receiveSealed(ctx, key, in.Body, in.ContentLength, in.ContentMD5, 0)
	if err != nil {
		return nil, err
	}
	defer body.release()
	part := partRow{size: body.size, etag: body.md5, extents: body.extents(), seal: newPartSeal(key, body)}
	err = b.putPart(ctx, in.Key, id, in.PartNumber, &part, func(meta.Snapshot, *change) error { return nil })
	if err != nil {
		b.store.forget(body, err)
		return nil, err
	}
	b.store.settle(body)
	return &op.UploadMultipartOutput{
		ETag: quote(part.etag), EncryptionCustomerAlgorithm: part.seal.algorithm(), EncryptionCustomerKeyMD5: key.MD5(),
	}, nil
}

// putPart publishes a part whose bytes are durable; also adds what else must hold.
func (b *Bucket) putPart(ctx context.Context, key string, id ref, number int64, part *partRow, also func(meta.Snapshot, *change) error) error {
	at := partKey(id, uint32(number))
	return b.write(ctx, func(snap *view) (*meta.Change, error) {
		_, upload, _, err := b.upload(snap, key, id.String())
		if err != nil {
			return nil, err
		}
		var c change
		if err := also(snap, &c); err != nil {
			return nil, err
		}
		old, ok, err := snap.Get(at)
		if err != nil {
			return nil, err
		}
		c.unchanged(at, old, ok)
		if ok {
			if err := c.discardPart(old); err != nil {
				return nil, err
			}
		}
		part.ref, part.created = b.store.newRef(), b.store.now()
		// The upload's row gets a new revision, so that a Complete which has not seen this part cannot pass.
		c.guard(meta.Live, uploadKey(b.row.id, key, id))
		c.set(uploadKey(b.row.id, key, id), bytes.Clone(upload.Val))
		c.refer(part.ref, part.extents)
		c.set(at, part.encode())
		return c.done(), nil
	})
}

// discardPart leaves the bytes of a part to the sweeper.
func (c *change) discardPart(r meta.Row) error {
	p, err := decodePart(r.Val)
	if err != nil {
		return fmt.Errorf("row %q: %w", r.Key, err)
	}
	c.discard(p.ref, garbageRow{extents: p.extents})
	return nil
}

// ListMultipart lists the parts of an upload by ascending number.
func (b *Bucket) ListMultipart(ctx context.Context, in *op.ListMultipartInput) (*op.ListMultipartOutput, error) {
	limit := int64(maxListed)
	if in.Limit != nil {
		limit = min(*in.Limit, maxListed)
	}
	if limit < 0 {
		return nil, negative("limit", limit)
	}
	marker := int64(-1)
	if in.PartNumberMarker != nil {
		marker = *in.PartNumberMarker
	}
	out := &op.ListMultipartOutput{ObjectParts: []op.ObjectPart{}}
	err := b.store.view(ctx, func(snap meta.Snapshot) error {
		id, _, _, err := b.upload(snap, in.Key, in.UploadID)
		if err != nil {
			return err
		}
		return walk(snap, partPrefix(id), func(r meta.Row) error {
			out.Count++
			n, err := partNumber(r.Key)
			if err != nil || int64(n) <= marker || int64(len(out.ObjectParts)) == limit {
				return err
			}
			p, err := decodePart(r.Val)
			out.ObjectParts = append(out.ObjectParts, op.ObjectPart{PartNumber: int64(n), Size: p.size, Created: p.created, ETag: p.etag})
			return err
		})
	})
	return out, err
}

// AbortMultipartUpload ends an upload and gives its parts back. That it does
// not exist is no error.
func (b *Bucket) AbortMultipartUpload(ctx context.Context, in *op.AbortMultipartUploadInput) (*op.AbortMultipartUploadOutput, error) {
	err := b.write(ctx, func(snap *view) (*meta.Change, error) {
		id, at, _, err := b.upload(snap, in.Key, in.UploadID)
		if fault.CodeOf(err) == fault.UploadNotExists {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var c change
		c.abort(at, id)
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	return &op.AbortMultipartUploadOutput{}, nil
}

// abort ends the upload that a snapshot holds, and leaves its parts to the sweeper.
func (c *change) abort(at meta.Row, id ref) {
	c.unchanged(at.Key, at, true)
	c.drop(at.Key)
	c.discard(id, garbageRow{parts: true})
}

// CompleteMultipartUpload makes an object of the parts named, in their order; other parts are
// given back. No byte is moved.
func (b *Bucket) CompleteMultipartUpload(ctx context.Context, in *op.CompleteMultipartUploadInput) (*op.CompleteMultipartUploadOutput, error) {
	etag, err := parseETag(in.ETag)
	if err != nil {
		return nil, err
	}
	if err := checkPartList(in.ObjectParts); err != nil {
		return nil, err
	}
	var row objectRow
	demands := b.demands(in.Key, in.IfMatch, in.IfNoneMatch)
	err = b.write(ctx, func(snap *view) (*meta.Change, error) {
		id, at, upload, err := b.upload(snap, in.Key, in.UploadID)
		if err != nil {
			return nil, err
		}
		a := assembly{snap: snap, id: id, object: objectRow{
			ref: id, etag: etag, class: upload.class, headers: upload.headers, modified: b.store.now(),
			seal: upload.seal.joined(),
		}}
		if err := a.meet(snap, demands); err != nil {
			return nil, err
		}
		if err := a.assemble(in.ObjectParts); err != nil {
			return nil, err
		}
		key := uploadKey(b.row.id, in.Key, id)
		a.unchanged(key, at, true)
		a.drop(key)
		row = a.object
		causeOf(ctx).Replica.keep(&row)
		if err := a.replace(snap, b.row.id, in.Key, &row); err != nil {
			return nil, err
		}
		return a.done(), nil
	})
	if err != nil {
		return nil, err
	}
	return &op.CompleteMultipartUploadOutput{
		ETag: quote(row.etag), VersionID: row.told(), EncryptionCustomerAlgorithm: row.seal.algorithm(),
	}, nil
}

func checkPartList(parts []op.CompletedPart) error {
	if len(parts) == 0 {
		return fault.Newf(fault.InvalidRequest, "object_parts is empty; allowed: 1 to %d parts", MaxParts)
	}
	if len(parts) > MaxParts {
		return fault.Newf(fault.MaxPartsExceeded, "object_parts has %d entries; allowed: %d", len(parts), MaxParts)
	}
	for i := 1; i < len(parts); i++ {
		if parts[i].PartNumber <= parts[i-1].PartNumber {
			return fault.Newf(fault.InvalidRequest, "object_parts[%d]: part_number %d follows %d; part numbers must ascend", i, parts[i].PartNumber, parts[i-1].PartNumber)
		}
	}
	return nil
}

// An assembly makes an object of an upload's parts. They are what the snapshot has: each part
// changes the upload's row, whose revision the change is guarded by.
type assembly struct {
	change
	snap   meta.Snapshot
	id     ref
	object objectRow
	used   []partRow
}

func (a *assembly) assemble(want []op.CompletedPart) error {
	next, extents := 0, 0
	var dropped []meta.Row
	err := walk(a.snap, partPrefix(a.id), func(r meta.Row) error {
		n, err := partNumber(r.Key)
		if err != nil {
			return err
		}
		r.Key, r.Val = append([]byte(nil), r.Key...), append([]byte(nil), r.Val...)
		if next == len(want) || int64(n) != want[next].PartNumber {
			dropped = append(dropped, r)
			return nil
		}
		p, err := decodePart(r.Val)
		if err != nil {
			return err
		}
		if err := checkETag(want[next], p.etag); err != nil {
			return err
		}
		a.used = append(a.used, p)
		extents += len(p.extents)
		next++
		return nil
	})
	if err != nil {
		return err
	}
	if next < len(want) {
		return fault.Newf(fault.InvalidRequest, "part %d was not uploaded", want[next].PartNumber)
	}
	for _, r := range dropped {
		a.drop(r.Key)
		if err := a.discardPart(r); err != nil {
			return err
		}
	}
	return a.join(want, extents)
}

// join puts the parts together: inline if they are few, else by keeping the part rows.
func (a *assembly) join(want []op.CompletedPart, extents int) error {
	sum := md5.New()
	for i, p := range a.used {
		if p.size < MinPart && i < len(a.used)-1 {
			return fault.Newf(fault.EntityTooSmall, "part %d has %d bytes; allowed: %d and more, but for the last part", want[i].PartNumber, p.size, MinPart)
		}
		a.object.size += p.size
		_, _ = sum.Write(digest(p.etag)) // a hash does not fail
	}
	if a.object.size > MaxObject {
		return fault.Newf(fault.EntityTooLarge, "the parts have %d bytes together; allowed: %d", a.object.size, int64(MaxObject))
	}
	if extents > maxExtents {
		return fault.Newf(fault.InvalidRequest, "the parts have %d pieces together; allowed: %d", extents, maxExtents)
	}
	if a.object.etag == "" {
		a.object.etag = fmt.Sprintf("%x-%d", sum.Sum(nil), len(a.used))
	}
	if extents > maxInlineExtents {
		a.object.parts = true
		return nil
	}
	for i, p := range a.used {
		a.object.extents = append(a.object.extents, p.extents...)
		a.object.seal.add(p.seal)
		a.drop(partKey(a.id, uint32(want[i].PartNumber)))
		for _, id := range blobsOf(p.extents) {
			a.drop(refKey(id, p.ref))
		}
	}
	a.refer(a.object.ref, a.object.extents)
	return nil
}

// digest returns the bytes of a part's MD5, or of an ETag that is none.
func digest(etag string) []byte {
	if b, err := hex.DecodeString(etag); err == nil && len(b) == md5.Size {
		return b
	}
	return []byte(etag)
}

func checkETag(want op.CompletedPart, have string) error {
	etag, err := parseETag(want.ETag)
	if err != nil || etag == "" || etag == have {
		return err
	}
	return fault.Newf(fault.InvalidRequest, "part %d has the ETag %q, object_parts says %q", want.PartNumber, have, etag)
}

// ListMultipartUploads lists the unfinished uploads, by key and then by age, oldest first.
func (b *Bucket) ListMultipartUploads(ctx context.Context, in *op.ListMultipartUploadsInput) (*op.ListMultipartUploadsOutput, error) {
	limit, err := pageLimit(in.Limit, defaultBuckets)
	if err != nil {
		return nil, err
	}
	out := &op.ListMultipartUploadsOutput{
		Name: b.name, Prefix: in.Prefix, Delimiter: in.Delimiter, Limit: limit, KeyMarker: in.KeyMarker,
		UploadIDMarker: in.UploadIDMarker, Marker: in.KeyMarker, Uploads: []op.Upload{}, CommonPrefixes: []string{},
	}
	p := page{listing: uploadsOf(b.row.id), prefix: in.Prefix, delimiter: in.Delimiter, limit: limit}
	err = b.store.view(ctx, func(snap meta.Snapshot) error {
		return p.walk(snap, p.afterUpload(b.row.id, in.KeyMarker, in.UploadIDMarker), func(key string, id ref, r meta.Row) error {
			u, err := decodeUpload(r.Val)
			out.Uploads = append(out.Uploads, op.Upload{Key: key, UploadID: id.String(), Created: u.created})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	out.CommonPrefixes = append(out.CommonPrefixes, p.prefixes...)
	if out.HasMore = p.more; p.more {
		out.NextKeyMarker = p.last
		if p.lastID != (ref{}) {
			out.NextUploadIDMarker = p.lastID.String()
		}
	}
	return out, nil
}

// afterUpload returns the first row after an upload of a key or, without a valid id, after all uploads of the key.
func (p *page) afterUpload(bucket uint64, key, uploadID string) []byte {
	if cp, ok := p.commonPrefix(key); key == "" || ok && cp == key {
		return p.afterKey(key)
	}
	if id, ok := parseRef(uploadID); ok {
		return append(uploadKey(bucket, key, id), 0)
	}
	return successor(uploadPrefix(bucket, key))
}
