package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/sse"
)

// An ObjectInfo is what is known of an object. The map must not be modified.
type ObjectInfo struct {
	Key                string
	Size               int64
	ETag               string // in quotes
	LastModified       time.Time
	StorageClass       string
	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	Expires            string
	Metadata           map[string]string // names without prefix
	Appendable         bool              // made by an append; it can grow
	Encryption         string            // algorithm, if it is encrypted with a key of the customer

	seal *seal
}

// An Object is one incarnation of an object, held for reading: its bytes stay
// readable until Close, whatever becomes of its key.
type Object struct {
	bucket *Bucket
	key    string
	rev    uint64
	row    objectRow
	data   []byte   // of a small object
	secret *sse.Key // of an encrypted object, once it is unlocked
	close  sync.Once
}

// Object looks an object up. The caller closes it.
func (b *Bucket) Object(ctx context.Context, key string) (*Object, error) {
	o := &Object{bucket: b, key: key}
	err := b.store.view(ctx, o.read)
	if err == nil && !o.row.inline {
		err = b.store.pins.look(ctx, b.store, func(snap meta.Snapshot) error { // again: what was found may be gone by now
			err := o.read(snap)
			if err == nil && !o.row.inline {
				b.store.pins.add(o.row.ref)
			}
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// read reads the row of the object, and the bytes of a small one.
func (o *Object) read(snap meta.Snapshot) error {
	if err := o.find(snap); err != nil || !o.row.inline {
		return err
	}
	return o.load(snap)
}

// Stat tells about an object without holding it.
func (b *Bucket) Stat(ctx context.Context, key string) (ObjectInfo, error) {
	o := &Object{bucket: b, key: key}
	if err := b.store.view(ctx, o.find); err != nil {
		return ObjectInfo{}, err
	}
	return o.Info(), nil
}

// find reads the row of the object.
func (o *Object) find(snap meta.Snapshot) error {
	row, ok, err := snap.Get(objectKey(o.bucket.row.id, o.key))
	if err != nil {
		return o.damaged(err)
	}
	if !ok {
		return fault.Newf(fault.ObjectNotExists, "object %q does not exist", o.key)
	}
	o.rev = row.Rev
	if o.row, err = decodeObject(row.Val); err != nil {
		return o.damaged(err)
	}
	return nil
}

// load reads the bytes of a small object.
func (o *Object) load(snap meta.Snapshot) error {
	data, err := o.row.data(snap)
	if err != nil {
		return o.damaged(err)
	}
	o.data = data
	return nil
}

// data returns the bytes of a small object, which must not be modified.
func (o *objectRow) data(snap meta.Snapshot) ([]byte, error) {
	row, ok, err := snap.Get(dataKey(o.ref))
	if err != nil {
		return nil, err
	}
	if !ok || int64(len(row.Val)) != o.dataLen() {
		return nil, fmt.Errorf("%w: data row has %d bytes, want %d", blob.ErrCorrupt, len(row.Val), o.dataLen())
	}
	return row.Val, nil
}

// damaged names the object in an error, also in the log: what cannot be read is the store's loss.
func (o *Object) damaged(err error) error {
	err = fmt.Errorf("object %s/%q: %w", o.bucket.name, o.key, err)
	o.bucket.store.log.Error("object is damaged", slog.String("bucket", o.bucket.name), slog.String("key", o.key), slog.Any("error", err))
	return err
}

// allExtents returns the extents of an object, those of its part rows included.
func (o *objectRow) allExtents(snap meta.Snapshot) ([]extent, error) {
	if !o.parts {
		return o.extents, nil
	}
	var all []extent
	err := walk(snap, partPrefix(o.ref), func(r meta.Row) error {
		p, err := decodePart(r.Val)
		all = append(all, p.extents...)
		return err
	})
	return all, err
}

// Close lets go of the object.
func (o *Object) Close() {
	o.close.Do(func() {
		if o.row.inline {
			return
		}
		if s := o.bucket.store; s.pins.remove(o.row.ref) {
			s.wakeSweeper()
		}
	})
}

// Info returns what is known of the object.
func (o *Object) Info() ObjectInfo {
	r := &o.row
	return ObjectInfo{
		Key: o.key, Size: r.size, ETag: quote(r.etag), LastModified: r.modified, StorageClass: r.class.String(),
		ContentType: r.contentType, CacheControl: r.cacheControl, ContentDisposition: r.contentDisposition,
		ContentEncoding: r.contentEncoding, Expires: r.expires, Metadata: r.metadata, Appendable: r.appendable,
		Encryption: r.seal.algorithm(), seal: r.seal,
	}
}

// Open returns a reader over n bytes from off, which must lie within the object. Every
// byte is checked before Read returns it. The object must stay open until the reader is closed; an encrypted one is unlocked before.
func (o *Object) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if o.row.seal != nil {
		return o.openSealed(ctx, off, n)
	}
	if o.row.inline {
		return io.NopCloser(bytes.NewReader(o.data[off : off+n])), nil
	}
	extents, err := o.extents(ctx, off, n)
	if err != nil {
		return nil, err
	}
	return &extentReader{ctx: ctx, object: o, rest: extents, left: n}, nil
}

// extents returns where n bytes from off are. A held object keeps its part rows, so that any snapshot has them.
func (o *Object) extents(ctx context.Context, off, n int64) (extents []extent, err error) {
	if !o.row.parts {
		return cut(o.row.extents, off, n), nil
	}
	err = o.bucket.store.view(ctx, func(snap meta.Snapshot) error {
		extents, err = o.row.allExtents(snap)
		return err
	})
	if err != nil {
		return nil, o.damaged(err)
	}
	return cut(extents, off, n), nil
}

// PutObject stores an object. Its body is read to the end.
func (b *Bucket) PutObject(ctx context.Context, in *op.PutObjectInput) (*op.PutObjectOutput, error) {
	h := headers{
		contentType: in.ContentType, cacheControl: in.CacheControl, contentDisposition: in.ContentDisposition,
		contentEncoding: in.ContentEncoding, expires: in.Expires, metadata: in.Metadata,
	}
	class, err := parseClass(in.StorageClass)
	if err != nil {
		return nil, err
	}
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	if err := checkHeaders(&h); err != nil {
		return nil, err
	}
	key, err := CustomerKey(KeyHeaders, in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	body, err := b.store.receiveSealed(ctx, key, in.Body, in.ContentLength, in.ContentMD5, maxInline)
	if err != nil {
		return nil, err
	}
	defer body.release()
	row := objectRow{
		ref: b.store.newRef(), size: body.size, etag: body.md5, class: class, headers: h,
		extents: body.extents(), inline: len(body.inline) > 0, seal: newSeal(key, body),
	}
	if err := b.publish(ctx, in.Key, &row, body.inline, b.demands(in.Key, in.IfMatch, in.IfNoneMatch)...); err != nil {
		b.store.forget(body, err)
		return nil, err
	}
	b.store.settle(body)
	return &op.PutObjectOutput{
		ETag: quote(row.etag), EncryptionCustomerAlgorithm: row.seal.algorithm(), EncryptionCustomerKeyMD5: key.MD5(),
	}, nil
}

// publish makes an object visible under its key: its bytes are durable, or data.
func (b *Bucket) publish(ctx context.Context, key string, row *objectRow, data []byte, demands ...demand) error {
	return b.write(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		var c change
		if err := c.meet(snap, demands); err != nil {
			return nil, err
		}
		row.modified = b.store.now()
		c.refer(row.ref, row.extents)
		if row.inline {
			c.set(dataKey(row.ref), data)
		}
		if err := c.replace(snap, b.row.id, key, row); err != nil {
			return nil, err
		}
		return c.done(), nil
	})
}

// DeleteObject deletes an object; that it does not exist is no error.
func (b *Bucket) DeleteObject(ctx context.Context, in *op.DeleteObjectInput) (*op.DeleteObjectOutput, error) {
	demands := b.demands(in.Key, in.IfMatch, "")
	err := b.write(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		var c change
		if err := c.meet(snap, demands); err != nil {
			return nil, err
		}
		found, err := c.remove(snap, b.row.id, in.Key)
		if !found || err != nil {
			return nil, err
		}
		c.guard(meta.Live, liveKey(b.row.id))
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	return &op.DeleteObjectOutput{}, nil
}

// IsCurrent reports whether a version id means what is under the key now. No bucket has
// had versioning enabled, so the only version of an object is the one called null.
func IsCurrent(version string) bool { return version == "" || version == "null" }

// DeleteMultipleObjects deletes up to MaxDeletes objects and tells what became of each.
func (b *Bucket) DeleteMultipleObjects(ctx context.Context, in *op.DeleteMultipleObjectsInput) (*op.DeleteMultipleObjectsOutput, error) {
	if len(in.Objects) > MaxDeletes {
		return nil, fault.Newf(fault.TooManyObjects, "objects has %d entries; allowed: %d", len(in.Objects), MaxDeletes)
	}
	if len(in.Objects) == 0 {
		return nil, fault.Newf(fault.InvalidRequest, "objects is empty; allowed: 1 to %d entries", MaxDeletes)
	}
	keys := make(map[string]bool, len(in.Objects))
	for i, o := range in.Objects {
		if o.Key == "" {
			return nil, fault.Newf(fault.InvalidRequest, "objects[%d] has no key", i)
		}
		// What cannot exist is already gone: another version, or a key that cannot be written.
		if IsCurrent(o.VersionID) && checkKey(o.Key) == nil {
			keys[o.Key] = true
		}
	}
	err := b.write(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		var c change
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if _, err := c.remove(snap, b.row.id, key); err != nil {
				return nil, err
			}
		}
		c.guard(meta.Live, liveKey(b.row.id))
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	out := &op.DeleteMultipleObjectsOutput{}
	if !in.Quiet {
		for _, o := range in.Objects {
			out.Deleted = append(out.Deleted, op.DeletedObject(o))
		}
	}
	return out, nil
}
