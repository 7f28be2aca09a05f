package server

import (
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/notify"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// Each change of an object is compared with all rules of its bucket, and queued for those it matches, so they are bounded.
const (
	maxNotifications   = 20       // rules
	maxNotificationID  = 255      // bytes
	maxObjectFilters   = 20       // of a rule
	maxObjectFilter    = 1024     // bytes
	maxFilterText      = 16 << 10 // bytes of the filters of all rules
	maxNotifyURL       = 2048     // bytes
	notificationNoPorn = "tupu-porn"
)

var notificationEvents = []string{store.EventCreate, store.EventDelete, store.EventAbort, store.EventComplete}

func (x *exchange) putBucketNotification(in *op.PutBucketNotificationInput) (*op.PutBucketNotificationOutput, error) {
	if len(in.Notifications) > maxNotifications {
		return nil, fault.Newf(fault.InvalidRequest, "notifications has %d rules; allowed: %d", len(in.Notifications), maxNotifications)
	}
	ids := make(map[string]bool)
	n := 0
	for i := range in.Notifications {
		r := &in.Notifications[i]
		if err := x.checkNotification(i, r); err != nil {
			return nil, err
		}
		if ids[r.ID] {
			return nil, fault.Newf(fault.InvalidRequest, "notifications[%d]: id %q stands there twice", i, r.ID)
		}
		ids[r.ID] = true
		for _, f := range r.ObjectFilters {
			n += len(f)
		}
	}
	if n > maxFilterText {
		return nil, fault.Newf(fault.InvalidRequest, "object_filters of all notifications have %d bytes; allowed: %d", n, maxFilterText)
	}
	return x.bucket.PutBucketNotification(x.context(), in)
}

func (x *exchange) checkNotification(i int, r *op.Notification) error {
	fail := func(format string, args ...any) error {
		return fault.Newf(fault.InvalidRequest, "notifications[%d]: "+format, append([]any{i}, args...)...)
	}
	switch {
	case r.ID == "" || len(r.ID) > maxNotificationID:
		return fail("id has %d bytes; allowed: 1 to %d", len(r.ID), maxNotificationID)
	case len(r.EventTypes) == 0:
		return fail("event_types is empty; allowed: %s", strings.Join(notificationEvents, ", "))
	case len(r.ObjectFilters) > maxObjectFilters:
		return fail("object_filters has %d entries; allowed: %d", len(r.ObjectFilters), maxObjectFilters)
	}
	for _, e := range r.EventTypes {
		if !slices.Contains(notificationEvents, e) {
			return fail("event_types has %q; allowed: %s", e, strings.Join(notificationEvents, ", "))
		}
	}
	for _, f := range r.ObjectFilters {
		if f == "" || len(f) > maxObjectFilter {
			return fail("object_filters has an entry of %d bytes; allowed: 1 to %d", len(f), maxObjectFilter)
		}
	}
	if err := x.checkCloudfunc(r); err != nil {
		return fail("%w", err)
	}
	return nil
}

// checkCloudfunc checks what a rule calls.
func (x *exchange) checkCloudfunc(r *op.Notification) error {
	if r.NotifyURL != "" {
		if len(r.NotifyURL) > maxNotifyURL {
			return fault.Newf(fault.InvalidRequest, "notify_url has %d bytes; allowed: %d", len(r.NotifyURL), maxNotifyURL)
		}
		if _, err := x.egress.Parse(r.NotifyURL); err != nil {
			return fault.Newf(fault.InvalidRequest, "notify_url: %w", err)
		}
	}
	switch r.Cloudfunc {
	case notify.FuncNotifier:
		if r.NotifyURL == "" {
			return fault.Newf(fault.InvalidRequest, "the function notifier needs notify_url")
		}
		return nil
	case notify.FuncImage:
		return x.checkImageFunc(r)
	case notificationNoPorn:
		return fault.Newf(fault.InvalidRequest, "cloudfunc %s needs a service that this server does not have; allowed: notifier, image", r.Cloudfunc)
	}
	return fault.Newf(fault.InvalidRequest, "cloudfunc %q is unknown; allowed: notifier, image", r.Cloudfunc)
}
