package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/oisproject/ois/internal/accesslog"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// A loggingDoc is a logging setting as it is stored.
type loggingDoc struct {
	TargetBucket string `json:"target_bucket"`
	TargetPrefix string `json:"target_prefix"`
}

// logSuffix is what the name of a log has after its prefix at most: bucket, hour, number.
const logSuffix = maxBucketName + len("-2006-01-02-15-") + 10 + len(".log")

// PutBucketLogging says where logs of the requests on the bucket go: to a bucket of the same owner in the same zone.
func (b *Bucket) PutBucketLogging(ctx context.Context, in *op.PutBucketLoggingInput) (*op.PutBucketLoggingOutput, error) {
	if len(in.TargetPrefix) > MaxKey-logSuffix || strings.HasPrefix(in.TargetPrefix, "/") {
		return nil, fault.Newf(fault.InvalidRequest, "target_prefix has %d bytes; allowed: up to %d, the first not a slash", len(in.TargetPrefix), MaxKey-logSuffix)
	}
	if err := b.store.admit(); err != nil {
		return nil, err
	}
	return &op.PutBucketLoggingOutput{}, b.change(ctx, func(snap meta.Snapshot, row *bucketRow, c *change) error {
		target, err := b.store.bucketIn(snap, in.TargetBucket)
		switch {
		case isGone(err):
			return fault.Newf(fault.BucketNotExists, "target_bucket %.70q does not exist", in.TargetBucket)
		case err != nil:
			return err
		case target.row.owner != row.owner:
			return fault.Newf(fault.InvalidRequest, "target_bucket %q belongs to somebody else; allowed: a bucket of the owner of bucket %q", in.TargetBucket, b.name)
		case target.row.zone != row.zone:
			return fault.Newf(fault.InvalidRequest, "target_bucket %q is in zone %s; allowed: a bucket in zone %s, as bucket %q", in.TargetBucket, target.row.zone, row.zone, b.name)
		}
		return row.put(c, settingLogging, loggingDoc{in.TargetBucket, in.TargetPrefix})
	})
}

// GetBucketLogging returns where logs of the requests on the bucket go, nowhere if nothing was set.
func (b *Bucket) GetBucketLogging(ctx context.Context, _ *op.GetBucketLoggingInput) (*op.GetBucketLoggingOutput, error) {
	var doc loggingDoc
	err := b.getSetting(ctx, settingLogging, &doc)
	return &op.GetBucketLoggingOutput{TargetBucket: doc.TargetBucket, TargetPrefix: doc.TargetPrefix}, err
}

// DeleteBucketLogging ends the logs of the bucket. Lines that were written before are delivered.
func (b *Bucket) DeleteBucketLogging(ctx context.Context, _ *op.DeleteBucketLoggingInput) (*op.DeleteBucketLoggingOutput, error) {
	return &op.DeleteBucketLoggingOutput{}, b.dropSetting(ctx, settingLogging)
}

// Logged reports whether there are logs of the requests on the bucket.
func (b *Bucket) Logged() bool { return b.row.set.has(settingLogging) }

// LogsTo returns where a line about a request on the bucket goes; ok is false if there is to be none.
func (b *Bucket) LogsTo(ctx context.Context) (to accesslog.Destination, ok bool, err error) {
	var doc loggingDoc
	if err := b.getSetting(ctx, settingLogging, &doc); err != nil || doc.TargetBucket == "" {
		return to, false, err
	}
	return accesslog.Destination{Source: b.name, Owner: b.row.owner, Zone: b.row.zone, Target: doc.TargetBucket, Prefix: doc.TargetPrefix}, true, nil
}

const (
	// pieceName is the metadata of a log that says which piece it is.
	pieceName = "ois-log"
	// maxLogs is how many logs of an hour a bucket has at most.
	maxLogs = 100_000
)

// PutLog implements accesslog.Target: it makes a piece of a log an object of its target. A piece that is there already, since a crash
// came before it was removed, is not put again.
func (s *Store) PutLog(ctx context.Context, p *accesslog.Piece, body io.Reader) (key string, err error) {
	b, err := s.Bucket(ctx, p.Target)
	switch {
	case isGone(err):
		return "", fmt.Errorf("%w: bucket %q does not exist any more", accesslog.ErrNoTarget, p.Target)
	case err != nil:
		return "", err
	case b.row.owner != p.Owner || b.row.zone != p.Zone:
		return "", fmt.Errorf("%w: bucket %q has another owner, or is in another zone, than bucket %q had", accesslog.ErrNoTarget, p.Target, p.Source)
	}
	for order := 1; order <= maxLogs; order++ {
		key := fmt.Sprintf("%s%s-%s-%d.log", p.Prefix, p.Source, p.Hour.UTC().Format("2006-01-02-15"), order)
		there, err := b.Stat(ctx, key)
		if err == nil && there.Metadata[pieceName] == p.Name {
			return key, nil
		}
		if err == nil {
			continue
		}
		if fault.CodeOf(err) != fault.ObjectNotExists {
			return "", err
		}
		_, err = b.PutObject(ctx, &op.PutObjectInput{
			Key: key, Body: body, ContentLength: -1, ContentType: "text/plain", Metadata: map[string]string{pieceName: p.Name},
		})
		if isGone(err) {
			err = fmt.Errorf("%w: %w", accesslog.ErrNoTarget, err)
		}
		return key, err
	}
	return "", errors.New("there are too many logs of that hour")
}
