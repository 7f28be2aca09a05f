package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
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
	VersionID          string            // empty in a bucket that never had versioning
	Encryption         string            // algorithm, if it is encrypted with a key of the customer

	seal *encryption
}

// An Object is one incarnation of an object, held for reading: its bytes stay
// readable until Close, whatever becomes of its key.
type Object struct {
	bucket *Bucket
	key    string
	want   string // id of the version; empty is the current one
	at     []byte // key of the row
	rev    uint64
	row    objectRow
	data   []byte   // of a small object
	secret *sse.Key // of an encrypted object, once it is unlocked
	close  sync.Once
}

// Object looks an object up. The caller closes it.
func (b *Bucket) Object(ctx context.Context, key string) (*Object, error) {
	return b.Version(ctx, key, "")
}

// Version looks up a version of an object, by its id, or the current one if id is empty. The caller closes it.
func (b *Bucket) Version(ctx context.Context, key, id string) (*Object, error) {
	o := &Object{bucket: b, key: key, want: id}
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
	return b.StatVersion(ctx, key, "")
}

// StatVersion tells about a version of an object, or about the current one if id is empty.
func (b *Bucket) StatVersion(ctx context.Context, key, id string) (ObjectInfo, error) {
	o := &Object{bucket: b, key: key, want: id}
	if err := b.store.view(ctx, o.find); err != nil {
		return ObjectInfo{}, err
	}
	return o.Info(), nil
}

// find reads the row of the object.
func (o *Object) find(snap meta.Snapshot) error {
	o.at = objectKey(o.bucket.row.id, o.key)
	row, ok, err := snap.Get(o.at)
	if err != nil {
		return o.damaged(err)
	}
	if ok {
		o.rev = row.Rev
		if o.row, err = decodeObject(row.Val); err != nil {
			return o.damaged(err)
		}
	}
	if o.want == "" && ok {
		return nil
	}
	return o.findVersion(snap, ok)
}

// findVersion reads the row of the version that is wanted, if that is not current, and says why there is none. current says that the row
// of the object is read.
func (o *Object) findVersion(snap meta.Snapshot, current bool) error {
	name, known := parseVersion(o.want)
	if current && known && name.means(&o.row.versionFields) {
		return nil
	}
	var v version
	var err error
	versioned := o.bucket.row.versioning != unversioned
	if versioned && !current {
		v, err = currentMarker(snap, o.bucket.row.id, o.key)
	}
	if versioned && err == nil && known && (v.at == nil || !name.means(&v.row.versionFields)) {
		v, err = olderVersion(snap, o.bucket.row.id, o.key, name)
	}
	switch {
	case err != nil:
		return o.damaged(err)
	case v.at != nil && v.row.marker() && (known || o.want == ""):
		return marked(o.key, &v.row.versionFields, o.want != "")
	case o.want == "":
		return fault.Newf(fault.ObjectNotExists, "object %q does not exist", o.key)
	case v.at == nil || !known:
		return noVersion(o.key, o.want)
	}
	o.at, o.rev, o.row = v.at, v.rev, v.row
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
	log := o.bucket.store.log
	if o.want == "" {
		err = fmt.Errorf("object %s/%q: %w", o.bucket.name, o.key, err)
	} else {
		err = fmt.Errorf("version %s of object %s/%q: %w", o.want, o.bucket.name, o.key, err)
		log = log.With(slog.String("version", o.want))
	}
	log.Error("object is damaged", slog.String("bucket", o.bucket.name), slog.String("key", o.key), slog.Any("error", err))
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
	version := r.told()
	if o.bucket.row.versioning != unversioned {
		version = r.id()
	}
	return ObjectInfo{
		VersionID: version,
		Key:       o.key, Size: r.size, ETag: quote(r.etag), LastModified: r.modified, StorageClass: r.class.String(),
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
	return b.putObject(ctx, in)
}

// putObject is PutObject. What is demanded must hold in the moment in which the object becomes visible.
func (b *Bucket) putObject(ctx context.Context, in *op.PutObjectInput, demands ...demand) (*op.PutObjectOutput, error) {
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
	defer func() { body.release() }()
	if body, err = b.store.apart(ctx, body); err != nil {
		return nil, err
	}
	row := objectRow{
		ref: b.store.newRef(), size: body.size, etag: body.md5, class: class, headers: h,
		extents: body.extents(), inline: len(body.inline) > 0, seal: newSeal(key, body),
	}
	if err := b.publish(ctx, in.Key, &row, body.inline, append(demands, b.demands(in.Key, in.IfMatch, in.IfNoneMatch)...)...); err != nil {
		b.store.forget(body, err)
		return nil, err
	}
	b.store.settle(body)
	return &op.PutObjectOutput{
		ETag: quote(row.etag), VersionID: row.told(),
		EncryptionCustomerAlgorithm: row.seal.algorithm(), EncryptionCustomerKeyMD5: key.MD5(),
	}, nil
}

// publish makes an object visible under its key: its bytes are durable, or data.
func (b *Bucket) publish(ctx context.Context, key string, row *objectRow, data []byte, demands ...demand) error {
	return b.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		if err := c.meet(snap, demands); err != nil {
			return nil, err
		}
		row.modified = b.store.now()
		causeOf(ctx).Replica.keep(row)
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
