package ois

import (
	"context"
	"fmt"
	"iter"

	"github.com/oisproject/ois/sdk/go/api"
)

// An ObjectVersion is one version of an object.
type ObjectVersion struct {
	Object

	VersionID    string
	Latest       bool // it is what is read without a VersionID
	DeleteMarker bool // it says that the object was deleted, and has no bytes
}

// Versions lists the versions of objects whose keys start with prefix, in the order of their keys
// and the newest first. Without versioning, objects have one version each.
//
// Options named VersionID read and remove one of them. The bucket begins to keep versions by
// [api.Client.PutBucketVersioning].
func (b *Bucket) Versions(ctx context.Context, prefix string) iter.Seq2[ObjectVersion, error] {
	return func(yield func(ObjectVersion, error) bool) {
		in := api.ListObjectVersionsInput{Zone: b.zone, Bucket: b.name, Prefix: prefix, Limit: 1000}
		for {
			out, err := b.api.ListObjectVersions(ctx, &in)
			if err == nil && out.HasMore && (out.NextKeyMarker == "" || out.NextKeyMarker == in.KeyMarker && out.NextVersionIDMarker == in.VersionIDMarker) {
				err = fmt.Errorf("the answer says that there is more, and gives marker %q after %q", out.NextKeyMarker, in.KeyMarker)
			}
			if err != nil {
				yield(ObjectVersion{}, b.error(err, api.OpListObjectVersions, ""))
				return
			}
			for i := range out.Keys {
				if !yield(newVersion(&out.Keys[i]), nil) {
					return
				}
			}
			if !out.HasMore {
				return
			}
			in.KeyMarker, in.VersionIDMarker = out.NextKeyMarker, out.NextVersionIDMarker
		}
	}
}

func newVersion(v *api.ObjectVersion) ObjectVersion {
	o := Object{
		Key: v.Key, Size: v.Size, ETag: quoteETag(v.ETag), ContentType: v.MimeType, Modified: v.Modified,
		StorageClass: v.StorageClass, Encrypted: v.Encrypted,
	}
	if o.Modified.IsZero() {
		o.Modified = v.Created
	}
	return ObjectVersion{Object: o, VersionID: v.VersionID, Latest: v.IsLatest, DeleteMarker: v.DeleteMarker}
}
