package server

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/imaging"
	"github.com/oisproject/ois/internal/notify"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// What the key of a result is made of where a rule does not say it.
const (
	defaultGenPrefix    = "gen"
	defaultGenSeparator = "_"
)

// imageEvents are the events after which there is an image.
var imageEvents = []string{store.EventCreate, store.EventComplete}

// checkImageFunc checks what a rule wants to be made of images, and fills in what it leaves out.
func (x *exchange) checkImageFunc(r *op.Notification) error {
	a := r.CloudfuncArgs
	if a == nil || a.Action == "" {
		return fault.Newf(fault.InvalidRequest, "the function image needs cloudfunc_args.action")
	}
	for _, e := range r.EventTypes {
		if !slices.Contains(imageEvents, e) {
			return fault.Newf(fault.InvalidRequest, "event_types has %q, after which there is no image; allowed for the function image: %s", e, strings.Join(imageEvents, ", "))
		}
	}
	a.KeyPrefix, a.KeySeparator = cmp.Or(a.KeyPrefix, defaultGenPrefix), cmp.Or(a.KeySeparator, defaultGenSeparator)
	if _, err := parseImageFunc(a.Action); err != nil {
		return err
	}
	if err := store.CheckKey(imageResultKey(a, "k")); err != nil {
		return fault.Newf(fault.InvalidRequest, "cloudfunc_args: %w", err)
	}
	_, err := x.saveBucket(x.context(), x.bucket, a)
	return err
}

// parseImageFunc reads the action of a rule. What it makes has one place, so it saves nothing elsewhere: nobody is there whose right
// to do that could be asked for.
func parseImageFunc(action string) (*imaging.Pipeline, error) {
	pipeline, err := imaging.Parse(action)
	if err != nil {
		return nil, fault.Newf(fault.InvalidRequest, "cloudfunc_args.action: %w", err)
	}
	if len(pipeline.Targets()) > 0 {
		return nil, fault.Newf(fault.InvalidRequest, "cloudfunc_args.action: save is not allowed in a notification; the result goes to save_bucket")
	}
	return pipeline, nil
}

func imageResultKey(a *op.CloudfuncArgs, key string) string {
	return a.KeyPrefix + a.KeySeparator + key
}

// saveBucket returns the bucket that results of images of from go to.
func (s *Server) saveBucket(ctx context.Context, from *store.Bucket, a *op.CloudfuncArgs) (*store.Bucket, error) {
	info := from.Info()
	if a.SaveBucket == "" || a.SaveBucket == info.Name {
		return from, nil
	}
	to, err := s.store.Bucket(ctx, a.SaveBucket)
	if err != nil && fault.CodeOf(err) != fault.BucketNotExists {
		return nil, err
	}
	if err != nil || to.Info().Owner != info.Owner || to.Info().Zone != info.Zone {
		return nil, fault.Newf(fault.InvalidRequest, "save_bucket %.64q is not allowed; allowed: a bucket of the same owner in zone %s", a.SaveBucket, info.Zone)
	}
	return to, nil
}

// An imageReport is what the notify_url of a rule with the function image is told.
type imageReport struct {
	Bucket string      `json:"bucket"`
	Object string      `json:"object"`
	Result imageResult `json:"result"`
}

// An imageResult says where the result is, and what.
type imageResult struct {
	Bucket      string `json:"bucket"`
	Object      string `json:"object"`
	ETag        string `json:"etag"` // without quotes, as in all messages
	Size        int64  `json:"size"`
	ContentType string `json:"content_type"`
	Width       int    `json:"width,omitempty"`
	Height      int    `json:"height,omitempty"`
}

// NotifiedImage is the function image of a notify.Config: it makes of the object that an event is about what the rule asks for.
func (s *Server) NotifiedImage(ctx context.Context, b *store.Bucket, e *store.Event, rule *op.Notification) (any, error) {
	if rule.CloudfuncArgs == nil {
		return nil, &notify.Unfit{Err: fault.Newf(fault.InvalidRequest, "the rule has no cloudfunc_args")}
	}
	report, err := s.notifiedImage(ctx, b, e, rule.CloudfuncArgs)
	if err == nil {
		return report, nil
	}
	if status := fault.CodeOf(err).Status(); status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return nil, &notify.Unfit{Err: err}
	}
	return nil, err
}

func (s *Server) notifiedImage(ctx context.Context, b *store.Bucket, e *store.Event, a *op.CloudfuncArgs) (*imageReport, error) {
	pipeline, err := parseImageFunc(a.Action)
	if err != nil {
		return nil, err
	}
	to, err := s.saveBucket(ctx, b, a)
	if err != nil {
		return nil, err
	}
	for _, b := range []*store.Bucket{b, to} {
		if info := b.Info(); info.Suspended {
			return nil, fault.Newf(fault.PermissionDenied, "bucket %q is suspended", info.Name)
		}
	}
	o, err := b.Object(ctx, e.Key)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	info := o.Info()
	if info.Encryption != "" {
		return nil, fault.Newf(fault.InvalidRequest, "object %q is encrypted with a key of the customer", e.Key)
	}
	result, err := s.images.Process(ctx, imageSource(o), pipeline)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	key := imageResultKey(a, e.Key)
	// No rule is told of it: it would be made of itself, over and over.
	ctx = store.WithCause(ctx, &store.Cause{User: e.User, Request: e.Request, Quiet: true})
	out, err := to.PutObject(ctx, &op.PutObjectInput{
		Bucket: to.Info().Name, Key: key, ContentType: result.Type, StorageClass: info.StorageClass,
		ContentLength: int64(len(result.Data)), Body: bytes.NewReader(result.Data),
	})
	if err != nil {
		return nil, fmt.Errorf("save %s/%q: %w", to.Info().Name, key, err)
	}
	report := &imageReport{Bucket: b.Info().Name, Object: e.Key, Result: imageResult{
		Bucket: to.Info().Name, Object: key, ETag: strings.Trim(out.ETag, `"`), Size: int64(len(result.Data)), ContentType: result.Type,
	}}
	report.Result.Width, report.Result.Height = result.Size()
	return report, nil
}
