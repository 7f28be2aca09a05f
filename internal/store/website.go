package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/oisproject/ois/internal/meta"
)

// A Website says what the domains of the type website show of a bucket where a path names no object.
type Website struct {
	Index string `json:"index"`           // name of the page of each folder
	Error string `json:"error,omitempty"` // key of the page that is shown when a request fails; empty for none
}

// maxIndex is how many bytes the name of the index page may have.
const maxIndex = 255

// Check refuses a website that cannot be shown.
func (w *Website) Check() error {
	if w.Index == "" || len(w.Index) > maxIndex || strings.Contains(w.Index, "/") || checkKey(w.Index) != nil {
		return fmt.Errorf("the index page %q is not allowed: want the name of a file in any folder, 1 to %d bytes without /, such as index.html", w.Index, maxIndex)
	}
	if w.Error != "" && checkKey(w.Error) != nil {
		return fmt.Errorf("the error page %q is not allowed: want the key of an object, 1 to %d bytes that do not start with /, such as 404.html", w.Error, MaxKey)
	}
	return nil
}

// PutWebsite sets how the bucket is shown.
func (b *Bucket) PutWebsite(ctx context.Context, w Website) error {
	if err := w.Check(); err != nil {
		return err
	}
	return b.putSetting(ctx, settingWebsite, w)
}

// Website returns how the bucket is shown; ok is false if nothing was set.
func (b *Bucket) Website(ctx context.Context) (w Website, ok bool, err error) {
	if !b.row.set.has(settingWebsite) {
		return w, false, nil
	}
	err = b.store.view(ctx, func(snap meta.Snapshot) error {
		rev, err := b.settingIn(snap, settingWebsite, &w)
		ok = rev > 0
		return err
	})
	return w, ok, err
}

// DeleteWebsite takes away how the bucket is shown.
func (b *Bucket) DeleteWebsite(ctx context.Context) error { return b.dropSetting(ctx, settingWebsite) }
