package store

import (
	"cmp"
	"context"
	"errors"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// A mirrorDoc is an external mirror as it is stored.
type mirrorDoc struct {
	SourceSite string `json:"source_site"`
}

// PutBucketExternalMirror replaces the site that missing objects are taken from. Whether it is one has been checked before.
func (b *Bucket) PutBucketExternalMirror(ctx context.Context, in *op.PutBucketExternalMirrorInput) (*op.PutBucketExternalMirrorOutput, error) {
	return &op.PutBucketExternalMirrorOutput{}, b.putSetting(ctx, settingMirror, mirrorDoc{in.SourceSite})
}

// GetBucketExternalMirror returns the site that missing objects are taken from, empty if there is none.
func (b *Bucket) GetBucketExternalMirror(ctx context.Context, _ *op.GetBucketExternalMirrorInput) (*op.GetBucketExternalMirrorOutput, error) {
	var doc mirrorDoc
	err := b.getSetting(ctx, settingMirror, &doc)
	return &op.GetBucketExternalMirrorOutput{SourceSite: doc.SourceSite}, err
}

// DeleteBucketExternalMirror has missing objects be missing.
func (b *Bucket) DeleteBucketExternalMirror(ctx context.Context, _ *op.DeleteBucketExternalMirrorInput) (*op.DeleteBucketExternalMirrorOutput, error) {
	return &op.DeleteBucketExternalMirrorOutput{}, b.dropSetting(ctx, settingMirror)
}

// HasMirror reports whether the bucket had a mirror when it was looked up.
func (b *Bucket) HasMirror() bool { return b.row.set.has(settingMirror) }

// MirrorOf returns the site that the object at a key is to be taken from. It is empty if there is nothing to take: the bucket has no mirror
// any more, nothing can be stored under the key, or something is there, be it what marks a deletion.
func (b *Bucket) MirrorOf(ctx context.Context, key string) (site string, err error) {
	var doc mirrorDoc
	err = b.store.view(ctx, func(snap meta.Snapshot) error {
		if checkKey(key) != nil {
			return errTaken
		}
		if err := b.absent(snap, key); err != nil {
			return err
		}
		return b.settingNow(snap, settingMirror, &doc)
	})
	if errors.Is(err, errTaken) {
		return "", nil
	}
	return doc.SourceSite, err
}

// errTaken ends a write that was meant for a key without anything.
var errTaken = errors.New("the key is not free")

// absent demands that nothing is under a key, and no delete marker either.
func (b *Bucket) absent(snap meta.Snapshot, key string) error {
	for _, k := range [][]byte{objectKey(b.row.id, key), markerKey(b.row.id, key)} {
		if _, ok, err := snap.Get(k); ok || err != nil {
			return cmp.Or(err, errTaken)
		}
	}
	return nil
}

// Adopt stores what the mirror sends of a missing object, all of it or nothing, and returns its ETag. What somebody has written under the
// key meanwhile stays: that is no error, and the ETag is empty.
func (b *Bucket) Adopt(ctx context.Context, key string, from *Origin) (etag string, err error) {
	out, err := b.putObject(ctx, from.put(key), func(snap meta.Snapshot, _ *change) error { return b.absent(snap, key) })
	if errors.Is(err, errTaken) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return out.ETag, nil
}
