package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/glob"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// What can happen to an object, in the words of a notification rule.
const (
	EventCreate   = "create_object"
	EventDelete   = "delete_object"
	EventComplete = "complete_multipart"
	EventAbort    = "abort_multipart"
)

// An Origin tells what a change comes from. The zero Origin is the store itself.
type Origin struct {
	Event   string // what the request does, where that is more than can be seen from the change
	User    string // id of who asked
	Request string // id of the request

	// Quiet says that no rule of notification is told, since the change is the work of one.
	Quiet bool

	// Replica is what an object that comes from another zone keeps from there; nil for any other change.
	Replica *Replica
}

// A Replica is what a copy in another zone has in common with its source beside bytes and headers.
type Replica struct {
	ETag     string // without quotes
	Modified time.Time
}

type originKey struct{}

// WithOrigin returns a context for the changes that come from o.
func WithOrigin(ctx context.Context, o *Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func originOf(ctx context.Context) *Origin {
	if o, ok := ctx.Value(originKey{}).(*Origin); ok {
		return o
	}
	return &Origin{}
}

// keep gives a row what a replica has from its source.
func (r *Replica) keep(row *objectRow) {
	if r == nil {
		return
	}
	if r.ETag != "" {
		row.etag = r.ETag
	}
	if !r.Modified.IsZero() {
		row.modified = r.Modified
	}
}

// apart puts the bytes of a small replica whose ETag is not their MD5 where other objects with such an ETag have theirs: beside a row,
// the ETag is what they are checked against.
func (s *Store) apart(ctx context.Context, small *body) (*body, error) {
	r := originOf(ctx).Replica
	if r == nil || r.ETag == "" || r.ETag == small.md5 || len(small.inline) == 0 {
		return small, nil
	}
	large, err := s.receive(ctx, bytes.NewReader(small.inline), small.size, "", 0)
	if err != nil {
		return small, err
	}
	small.release()
	return large, nil
}

// Tells reports whether the bucket tells others what happens to its objects.
func (b *Bucket) Tells() bool {
	return b.row.set.has(settingNotification) || b.row.set.has(settingReplication)
}

// tell adds to a change of objects what the buckets are to tell others: it is remembered exactly if the change happens.
func (b *Bucket) tell(ctx context.Context, snap meta.Snapshot, c *meta.Change) error {
	t := teller{ctx: ctx, snap: snap, b: b, c: c}
	sets, drops := c.Sets, c.Drops // without what is added
	for _, kv := range sets {
		if kv.Key[0] == kindObject {
			if err := t.written(kv); err != nil {
				return err
			}
		}
	}
	for _, k := range drops {
		if k[0] == kindObject || k[0] == kindUpload {
			if err := t.dropped(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// A teller goes through a change.
type teller struct {
	ctx   context.Context
	snap  meta.Snapshot
	b     *Bucket
	c     *meta.Change
	rules []op.Notification // of the bucket they were read for
	of    *Bucket
}

func (t *teller) written(kv meta.KV) error {
	b, err := t.bucket(kv.Key)
	if b == nil || err != nil || !b.Tells() {
		return err
	}
	row, err := decodeObject(kv.Val)
	if err != nil {
		return err
	}
	e := Event{Type: EventCreate, Key: string(kv.Key[9:]), ETag: row.etag, Size: row.size}
	if from := originOf(t.ctx).Event; from == EventComplete || from == EventDelete { // who deletes a version may bring back another
		e.Type = from
	}
	return t.happened(b, e)
}

func (t *teller) dropped(key []byte) error {
	b, err := t.bucket(key)
	if b == nil || err != nil || !b.Tells() {
		return err
	}
	if key[0] == kindObject {
		return t.happened(b, Event{Type: EventDelete, Key: string(key[9:])})
	}
	if originOf(t.ctx).Event == EventComplete {
		return nil // the upload has become an object
	}
	name, _, err := splitUploadKey(key)
	if err != nil {
		return err
	}
	return t.happened(b, Event{Type: EventAbort, Key: name})
}

// bucket returns whose row has that key: that of the change, or the one that an object is moved out of; nil if there is none.
func (t *teller) bucket(key []byte) (*Bucket, error) {
	id, err := bucketOf(key)
	if err != nil || id == t.b.row.id {
		return t.b, err
	}
	return t.b.store.bucketByID(t.snap, id)
}

// bucketByID looks a living bucket up by its id; nil if there is none.
func (s *Store) bucketByID(snap meta.Snapshot, id uint64) (*Bucket, error) {
	live, ok, err := snap.Get(liveKey(id))
	if !ok || err != nil {
		return nil, err
	}
	return s.bucketIn(snap, string(live.Val))
}

// happened notes an event for each rule that asks for it, and the key for replication.
func (t *teller) happened(b *Bucket, e Event) error {
	o := originOf(t.ctx)
	if b.row.set.has(settingReplication) && o.Replica == nil && e.Type != EventAbort {
		t.c.Sets = append(t.c.Sets, meta.KV{Key: replicaKey(b.row.id, e.Key), Val: (&replicaRow{since: b.store.now()}).encode()})
	}
	if !b.row.set.has(settingNotification) || o.Quiet {
		return nil
	}
	if t.of != b {
		doc, err := b.notifications(t.snap)
		if err != nil {
			return err
		}
		t.of, t.rules = b, doc.Notifications
	}
	e.User, e.Request, e.Time = o.User, o.Request, b.store.now()
	for i := range t.rules {
		if r := &t.rules[i]; slices.Contains(r.EventTypes, e.Type) && wants(r, e.Key) {
			t.c.Sets = append(t.c.Sets, meta.KV{Key: eventKey(b.row.id, r.ID, b.store.newRef()), Val: e.encode()})
		}
	}
	return nil
}

// wants reports whether a rule is about the object of that key.
func wants(r *op.Notification, key string) bool {
	return len(r.ObjectFilters) == 0 || slices.ContainsFunc(r.ObjectFilters, func(f string) bool { return glob.Like(f, key) })
}

// An Event is what a rule of notification is to be told.
type Event struct {
	Type    string
	Key     string // of the object
	ETag    string // without quotes
	Size    int64
	Time    time.Time
	User    string // id of who did it, empty for the store itself and for anonymous callers
	Request string // id of the request

	row []byte // key of its row
}

func (e *Event) encode() []byte {
	b := appendText([]byte{recordVersion}, 1, e.Type)
	b = appendText(b, 2, e.Key)
	b = appendText(b, 3, e.ETag)
	b = appendUint(b, 4, uint64(e.Size))
	b = appendUint(b, 5, uint64(e.Time.UnixMilli()))
	b = appendText(b, 6, e.User)
	return appendText(b, 7, e.Request)
}

func decodeEvent(b []byte) (e Event, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			e.Type = string(s.text)
		case 2:
			e.Key = string(s.text)
		case 3:
			e.ETag = string(s.text)
		case 4:
			s.size(&e.Size)
		case 5:
			e.Time = time.UnixMilli(int64(s.num))
		case 6:
			e.User = string(s.text)
		case 7:
			e.Request = string(s.text)
		default:
			s.unknown()
		}
	}
	return e, s.done("event row")
}

// eventPrefix is what the rows of one rule's events start with.
func eventPrefix(bucket uint64, rule string) []byte {
	return append(appendEscaped(numberKey(kindEvent, bucket), rule), 0, 0)
}

func eventKey(bucket uint64, rule string, id ref) []byte {
	return append(eventPrefix(bucket, rule), id[:]...)
}

// splitEventKey takes the key of an event's row apart.
func splitEventKey(k []byte) (q Queue, err error) {
	if len(k) < 9+2+refLen || !bytes.HasSuffix(k[:len(k)-refLen], []byte{0, 0}) {
		return q, fmt.Errorf("event row key %q: too short, or without the end of the rule's id", k)
	}
	q.bucket = binary.BigEndian.Uint64(k[1:9])
	q.Rule = strings.ReplaceAll(string(k[9:len(k)-refLen-2]), "\x00\x01", "\x00")
	return q, nil
}

// A Queue is what waits to be told to one rule of a bucket.
type Queue struct {
	bucket uint64
	Rule   string // its id
}

// Queues returns the queues that have anything in them.
func (s *Store) Queues(ctx context.Context) (list []Queue, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		var failed error
		err := snap.Walk([]byte{kindEvent}, []byte{kindEvent + 1}, func(r meta.Row) ([]byte, bool) {
			var q Queue
			if q, failed = splitEventKey(r.Key); failed != nil {
				return nil, true
			}
			list = append(list, q)
			return successor(eventPrefix(q.bucket, q.Rule)), false
		})
		if failed != nil {
			return failed
		}
		return err
	})
	return list, err
}

// Queued returns the oldest events of a queue, up to n, with the bucket and the rule that they are for. The rule is nil if it, or the
// bucket, is gone: nobody wants to know any more.
func (s *Store) Queued(ctx context.Context, q Queue, n int) (b *Bucket, rule *op.Notification, list []Event, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		if b, err = s.bucketByID(snap, q.bucket); err != nil {
			return err
		}
		if b != nil {
			doc, err := b.notifications(snap)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(doc.Notifications, func(r op.Notification) bool { return r.ID == q.Rule }); i >= 0 {
				rule = &doc.Notifications[i]
			}
		}
		var failed error
		prefix := eventPrefix(q.bucket, q.Rule)
		err := snap.Walk(prefix, successor(prefix), func(r meta.Row) ([]byte, bool) {
			if len(list) == n {
				return nil, true
			}
			var e Event
			if e, failed = decodeEvent(r.Val); failed != nil {
				return nil, true
			}
			e.row = bytes.Clone(r.Key)
			list = append(list, e)
			return nil, false
		})
		if failed != nil {
			return failed
		}
		return err
	})
	return b, rule, list, err
}

// Told drops events: they were told, or nobody wants to know.
func (s *Store) Told(ctx context.Context, list []Event) error {
	if len(list) == 0 {
		return nil
	}
	var c change
	for _, e := range list {
		c.drop(e.row)
	}
	return s.meta.Apply(ctx, c.done())
}

// Events returns a channel that has something in it after events were queued. One receiver may use it.
func (s *Store) Events() <-chan struct{} { return s.told }

// Replicas is like Events for keys that are to be replicated.
func (s *Store) Replicas() <-chan struct{} { return s.copied }

// noticeEvents wakes those who wait for what a change has put in a queue.
func (s *Store) noticeEvents(c *meta.Change) {
	for _, kv := range c.Sets {
		switch kv.Key[0] {
		case kindEvent:
			signal(s.told)
		case kindReplica:
			signal(s.copied)
		}
	}
}

// signal puts something in a channel with room for one, if there is nothing in it.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
