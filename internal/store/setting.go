package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/oisproject/ois/internal/meta"
)

// A setting is one of the things that the owner of a bucket can set. Each has a row of its own, so that a bucket is read without
// them. The numbers are those on the disk.
type setting byte

const (
	settingCORS setting = iota + 1
	settingPolicy
	settingMirror
	settingLogging
	settingCNAME
	settingLifecycle
	settingNotification
	settingReplication
	_ // 9 is none: the state of versioning is in the bucket's row, since every write needs it
	settingWebsite
	settingEnd
)

var settingNames = [settingEnd]string{
	"", "CORS setting", "policy", "mirror", "logging setting", "list of domains", "lifecycle", "notification setting",
	"replication setting", "", "website",
}

func (s setting) String() string { return settingNames[s] }

// settings are the ones that a bucket has.
type settings uint64

func (all settings) has(s setting) bool { return all&(1<<s) != 0 }

func (all settings) with(s setting) settings { return all | 1<<s }

func (all settings) without(s setting) settings { return all &^ (1 << s) }

// each calls do with every setting.
func (all settings) each(do func(setting)) {
	for s := setting(1); s < settingEnd; s++ {
		if all.has(s) {
			do(s)
		}
	}
}

// A Document is a setting as it is stored. The zero Document is that of a setting which was never made.
type Document struct {
	Rev  uint64 // changes with the setting
	Text []byte // JSON, not to be modified
}

// document reads a setting of the bucket as a snapshot has it. That it is lost is an error: without its policy, a bucket would be
// open to those it keeps out.
func (b *Bucket) document(snap meta.Snapshot, s setting) (Document, error) {
	r, ok, err := snap.Get(settingKey(b.row.id, s))
	if err == nil && !ok {
		err = b.checkUnset(snap, s)
	}
	return Document{Rev: r.Rev, Text: r.Val}, err
}

// checkUnset returns an error if the bucket, as a snapshot has it, should have a setting. It may have been taken away since the bucket was
// looked up.
func (b *Bucket) checkUnset(snap meta.Snapshot, s setting) error {
	r, ok, err := snap.Get(bucketKey(b.name))
	if !ok || err != nil {
		return err
	}
	now, err := decodeBucket(r.Val)
	if err == nil && now.id == b.row.id && now.set.has(s) {
		err = fmt.Errorf("the %s of bucket %q is lost; ois fsck tells more", s, b.name)
	}
	return err
}

// Policy returns the policy of the bucket, as PutBucketPolicy was given it.
func (b *Bucket) Policy() Document { return b.policy }

// settingOf reads the key of a setting's row.
func settingOf(k []byte) (bucket uint64, s setting, err error) {
	if bucket, err = bucketOf(k); err != nil {
		return 0, 0, err
	}
	if len(k) != 10 || k[9] == 0 || setting(k[9]) >= settingEnd {
		return 0, 0, errors.New("setting is not known")
	}
	return bucket, setting(k[9]), nil
}

// change makes a change of the bucket's row, and of settings. If writes have to know of it the live row is set, too, so that those which
// were decided before do not happen. alter alters the row, and adds what else is to be; it is called again
// if somebody was faster.
func (b *Bucket) change(ctx context.Context, alter func(snap meta.Snapshot, row *bucketRow, c *change) error) error {
	return b.write(ctx, func(snap *view) (*meta.Change, error) {
		now, err := b.store.bucketIn(snap, b.name)
		if err != nil {
			return nil, err
		}
		var c change
		row := now.row
		row.grants = slices.Clone(row.grants)
		if err := alter(snap, &row, &c); err != nil {
			return nil, err
		}
		c.guard(meta.Live, liveKey(b.row.id))
		c.still(bucketKey(b.name), now.rev)
		c.set(bucketKey(b.name), row.encode())
		if live := row.live(b.name); !bytes.Equal(live, now.row.live(b.name)) {
			c.set(liveKey(row.id), live)
		}
		return c.done(), nil
	})
}

// put makes v a setting of the bucket.
func (r *bucketRow) put(c *change, s setting, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", s, err)
	}
	c.set(settingKey(r.id, s), text)
	r.set = r.set.with(s)
	return nil
}

// drop takes a setting away.
func (r *bucketRow) drop(c *change, s setting) {
	if r.set.has(s) {
		c.drop(settingKey(r.id, s))
		r.set = r.set.without(s)
	}
}

// putSetting replaces a setting of the bucket.
func (b *Bucket) putSetting(ctx context.Context, s setting, v any) error {
	if err := b.store.admit(); err != nil {
		return err
	}
	return b.change(ctx, func(_ meta.Snapshot, row *bucketRow, c *change) error { return row.put(c, s, v) })
}

// dropSetting takes a setting of the bucket away, if there is one.
func (b *Bucket) dropSetting(ctx context.Context, s setting) error {
	return b.change(ctx, func(_ meta.Snapshot, row *bucketRow, c *change) error {
		row.drop(c, s)
		return nil
	})
}

// getSetting reads a setting of the bucket into v, which stays as it is if there is none.
func (b *Bucket) getSetting(ctx context.Context, s setting, v any) error {
	return b.store.view(ctx, func(snap meta.Snapshot) error { return b.settingNow(snap, s, v) })
}

// settingNow is getSetting in a snapshot. Since the bucket was looked up the setting may have been taken away: by the old row it would be lost.
func (b *Bucket) settingNow(snap meta.Snapshot, s setting, v any) error {
	now, err := b.store.bucketIn(snap, b.name)
	if err != nil {
		return err
	}
	if now.row.id != b.row.id {
		return noBucket(b.name)
	}
	_, err = now.settingIn(snap, s, v)
	return err
}

// settingIn reads a setting of the bucket as a snapshot has it into v, and returns its revision, 0 if there is none.
func (b *Bucket) settingIn(snap meta.Snapshot, s setting, v any) (rev uint64, err error) {
	d, err := b.document(snap, s)
	if d.Rev == 0 || err != nil {
		return 0, err
	}
	return d.Rev, decodeSetting(b.name, s, d.Text, v)
}

// decodeSetting reads the text of a setting into v.
func decodeSetting(bucket string, s setting, text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s of bucket %q: %w", s, bucket, err)
	}
	return nil
}
