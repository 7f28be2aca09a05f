package notify

import (
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// A message is what a notify_url is told.
type message struct {
	Events []messageEvent `json:"events"`
}

type messageEvent struct {
	Source   string          `json:"event_source"`
	Version  string          `json:"event_version"`
	Type     string          `json:"event_type"`
	Time     string          `json:"event_time"`
	Zone     string          `json:"zone_id"`
	User     messageUser     `json:"user_identify"`
	Response messageResponse `json:"response_elements"`
	QingStor messageQingStor `json:"qingstor"`
}

type messageUser struct {
	ID string `json:"principal_id"`
}

type messageResponse struct {
	RequestID string `json:"request_id"`
}

type messageQingStor struct {
	Version      string        `json:"schema_version"`
	Notification string        `json:"notification_id"`
	Bucket       messageBucket `json:"bucket"`
	Object       messageObject `json:"object"`
}

type messageBucket struct {
	Name string `json:"name"`
}

type messageObject struct {
	Name string `json:"name"`
	ETag string `json:"etag"`
	Size int64  `json:"size"`
}

// toldAs are the names that events have in messages, where they differ from those in rules.
var toldAs = map[string]string{store.EventComplete: "complete_upload", store.EventAbort: "abort_upload"}

const dateFormat = "2006-01-02T15:04:05.000Z"

func newMessage(b store.BucketInfo, rule *op.Notification, e *store.Event) message {
	kind := e.Type
	if name, ok := toldAs[kind]; ok {
		kind = name
	}
	return message{Events: []messageEvent{{
		Source: "qingstor", Version: "1.0", Type: kind, Time: e.Time.In(time.UTC).Format(dateFormat), Zone: b.Zone,
		User: messageUser{e.User}, Response: messageResponse{e.Request},
		QingStor: messageQingStor{
			Version: "1.0", Notification: rule.ID, Bucket: messageBucket{b.Name}, Object: messageObject{e.Key, e.ETag, e.Size},
		},
	}}}
}
