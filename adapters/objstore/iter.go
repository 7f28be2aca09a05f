package oisobjstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/thanos-io/objstore"

	ois "github.com/oisproject/ois/sdk/go"
)

// SupportedIterOptions implements objstore.BucketReader.
func (b *Bucket) SupportedIterOptions() []objstore.IterOptionType {
	return []objstore.IterOptionType{objstore.Recursive, objstore.UpdatedAt}
}

// Iter implements objstore.BucketReader. The names come in their order, a page at a time.
func (b *Bucket) Iter(ctx context.Context, dir string, f func(name string) error, options ...objstore.IterOption) error {
	return b.IterWithAttributes(ctx, dir, func(a objstore.IterObjectAttributes) error { return f(a.Name) }, options...)
}

// IterWithAttributes implements objstore.BucketReader. Times are always there, except for folders.
func (b *Bucket) IterWithAttributes(
	ctx context.Context, dir string, f func(attrs objstore.IterObjectAttributes) error, options ...objstore.IterOption,
) error {
	if err := objstore.ValidateIterOptions(b.SupportedIterOptions(), options...); err != nil {
		return err
	}
	o := &ois.ListOptions{Delimiter: objstore.DirDelim}
	if dir != "" {
		o.Prefix = strings.TrimSuffix(dir, objstore.DirDelim) + objstore.DirDelim
	}
	if objstore.ApplyIterOptions(options...).Recursive {
		o.Delimiter = ""
	}
	for page, err := range b.b.Pages(ctx, o) {
		if err != nil {
			return err
		}
		for _, attrs := range entries(page, o.Prefix) {
			if err := f(attrs); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries puts objects and folders of a page into one order. The object that stands for the folder
// itself is left out.
func entries(page *ois.Page, folder string) []objstore.IterObjectAttributes {
	list := make([]objstore.IterObjectAttributes, 0, len(page.Objects)+len(page.Prefixes))
	for i := range page.Objects {
		if o := &page.Objects[i]; o.Key != folder {
			attrs := objstore.IterObjectAttributes{Name: o.Key}
			attrs.SetLastModified(o.Modified)
			list = append(list, attrs)
		}
	}
	for _, prefix := range page.Prefixes {
		list = append(list, objstore.IterObjectAttributes{Name: prefix})
	}
	slices.SortFunc(list, func(a, b objstore.IterObjectAttributes) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
