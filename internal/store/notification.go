package store

import (
	"context"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// A notificationDoc is a notification setting as it is stored.
type notificationDoc struct {
	Notifications []op.Notification `json:"notifications"`
}

// notifications returns the rules of the bucket as a snapshot has them.
func (b *Bucket) notifications(snap meta.Snapshot) (doc notificationDoc, err error) {
	if b.row.set.has(settingNotification) {
		_, err = b.settingIn(snap, settingNotification, &doc)
	}
	return doc, err
}

// PutBucketNotification replaces the rules of notification of the bucket. Whether they are right has been checked before.
func (b *Bucket) PutBucketNotification(ctx context.Context, in *op.PutBucketNotificationInput) (*op.PutBucketNotificationOutput, error) {
	return &op.PutBucketNotificationOutput{}, b.putSetting(ctx, settingNotification, notificationDoc{in.Notifications})
}

// GetBucketNotification returns the rules of notification of the bucket, none if none were set.
func (b *Bucket) GetBucketNotification(ctx context.Context, _ *op.GetBucketNotificationInput) (*op.GetBucketNotificationOutput, error) {
	doc := notificationDoc{Notifications: []op.Notification{}}
	err := b.getSetting(ctx, settingNotification, &doc)
	return &op.GetBucketNotificationOutput{Notifications: doc.Notifications}, err
}

// DeleteBucketNotification takes the rules of notification away. What waits to be told is forgotten.
func (b *Bucket) DeleteBucketNotification(ctx context.Context, _ *op.DeleteBucketNotificationInput) (*op.DeleteBucketNotificationOutput, error) {
	return &op.DeleteBucketNotificationOutput{}, b.dropSetting(ctx, settingNotification)
}
