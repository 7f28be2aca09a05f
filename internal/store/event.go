package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
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

// A Cause tells what a change comes from. The zero Cause is the store itself.
type Cause struct {
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

type causeKey struct{}

// WithCause returns a context for the changes that come from o.
func WithCause(ctx context.Context, o *Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, o)
}

var noCause Cause

func causeOf(ctx context.Context) *Cause {
	if o, ok := ctx.Value(causeKey{}).(*Cause); ok {
		return o
	}
	return &noCause
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
	r := causeOf(ctx).Replica
	if r == nil || r.ETag == "" || r.ETag == small.md5 || len(small.inline) == 0 || small.sealing != nil {
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
func (b *Bucket) Tells() bool { return b.row.set.tells() }

func (all settings) tells() bool { return all.has(settingNotification) || all.has(settingReplication) }

// tell adds to a change of objects what the buckets are to tell others: it is remembered exactly if the change happens. What happens to
// an object is read from the rows of the change, so that no operation has to say it:
//
//   - An object row that is set is a new object, unless it was an older version until now, or only gets another storage class.
//   - An object row that goes, or is such an older version, was deleted. So was what a new delete marker covers.
//   - An upload row that goes is the end of an upload: it has become an object if a row of one is set, and was aborted if not.
//
// Older versions come and go without a word, and so do delete markers that are erased: nothing is created or deleted by that.
func (b *Bucket) tell(ctx context.Context, v *view, c *meta.Change) (err error) {
	if v.live.tells || b.Tells() { // whom it tells may have been set since b was looked up
		if b, err = b.store.bucketIn(v, b.name); err != nil {
			return err
		}
	}
	t := teller{ctx: ctx, snap: v, own: b, c: c, sets: c.Sets, drops: c.Drops}
	for _, kv := range t.sets {
		switch kv.Key[0] {
		case kindObject:
			err = t.written(kv)
		case kindVersion:
			err = t.marked(kv)
		}
		if err != nil {
			return err
		}
	}
	for _, k := range t.drops {
		switch k[0] {
		case kindObject:
			err = t.dropped(k)
		case kindUpload:
			err = t.ended(k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A teller goes through a change.
type teller struct {
	ctx   context.Context
	snap  *view
	own   *Bucket // that is written to
	c     *meta.Change
	sets  []meta.KV // of the change, without what is added
	drops [][]byte
	rules []op.Notification // of the bucket they were read for
	of    *Bucket
}

// written tells of an object row that is set.
func (t *teller) written(kv meta.KV) error {
	b, err := t.listening(kv.Key)
	if b == nil || err != nil {
		return err
	}
	row, err := decodeObject(kv.Val)
	if err != nil {
		return err
	}
	if same, err := t.same(kv.Key, &row); same || err != nil {
		return err
	}
	key := string(kv.Key[9:])
	switch {
	case !t.wasOlder(b, key, &row):
		e := Event{Type: EventCreate, Key: key, ETag: row.etag, Size: row.size}
		if slices.ContainsFunc(t.drops, func(k []byte) bool { return k[0] == kindUpload }) {
			e.Type = EventComplete
		}
		return t.happened(b, e)
	case t.drop(markerKey(b.row.id, key)):
		return nil // it was deleted, and is here again
	}
	return t.happened(b, Event{Type: EventDelete, Key: key}) // the version that was above it
}

// same reports whether an object row that is set is the object that was there before, perhaps in another storage class: that is no event.
func (t *teller) same(key []byte, row *objectRow) (bool, error) {
	r, ok, err := t.snap.Get(key)
	if !ok || err != nil {
		return false, err
	}
	old, err := decodeObject(r.Val)
	return old.ref == row.ref && old.etag == row.etag && old.modified.Equal(row.modified), err
}

// marked tells of the row of a version that is set, if it is a new delete marker. Where it covers an object, the row of that goes and
// says it.
func (t *teller) marked(kv meta.KV) error {
	b, err := t.listening(kv.Key)
	if b == nil || err != nil {
		return err
	}
	key, number, err := splitVersionKey(kv.Key)
	if err != nil || number != math.MaxUint64 {
		return err
	}
	row, err := decodeObject(kv.Val)
	if err != nil || t.wasOlder(b, key, &row) || t.drop(objectKey(b.row.id, key)) {
		return err
	}
	return t.happened(b, Event{Type: EventDelete, Key: key})
}

// dropped tells of an object row that goes.
func (t *teller) dropped(k []byte) error {
	b, err := t.listening(k)
	if b == nil || err != nil {
		return err
	}
	return t.happened(b, Event{Type: EventDelete, Key: string(k[9:])})
}

// ended tells of an upload that ends without an object.
func (t *teller) ended(k []byte) error {
	b, err := t.listening(k)
	if b == nil || err != nil || slices.ContainsFunc(t.sets, func(kv meta.KV) bool { return kv.Key[0] == kindObject }) {
		return err
	}
	key, _, err := splitUploadKey(k)
	if err != nil {
		return err
	}
	return t.happened(b, Event{Type: EventAbort, Key: key})
}

// wasOlder reports whether what is current after the change was an older version before.
func (t *teller) wasOlder(b *Bucket, key string, row *objectRow) bool {
	return t.drop(versionKey(b.row.id, key, row.number))
}

// drop reports whether the change drops a row.
func (t *teller) drop(key []byte) bool {
	return slices.ContainsFunc(t.drops, func(k []byte) bool { return bytes.Equal(k, key) })
}

// listening returns whose row has that key, nil if nobody wants to know: the bucket that is written to, or the one that an object is
// moved out of.
func (t *teller) listening(key []byte) (*Bucket, error) {
	id, err := bucketOf(key)
	b := t.own
	if err == nil && id != b.row.id {
		b, err = b.store.bucketByID(t.snap, id)
	}
	if err != nil || b == nil || !b.Tells() {
		return nil, err
	}
	return b, nil
}

// bucketByID looks a living bucket up by its id; nil if there is none.
func (s *Store) bucketByID(snap meta.Snapshot, id uint64) (*Bucket, error) {
	live, ok, err := snap.Get(liveKey(id))
	if !ok || err != nil {
		return nil, err
	}
	name, _, _ := bytes.Cut(live.Val, []byte{0})
	return s.bucketIn(snap, string(name))
}

// happened notes an event for each rule that asks for it, and the key for replication.
func (t *teller) happened(b *Bucket, e Event) error {
	o := causeOf(t.ctx)
	if b.row.set.has(settingReplication) && o.Replica == nil && e.Type != EventAbort {
		t.c.Sets = append(t.c.Sets, meta.KV{Key: replicaKey(b.row.id, e.Key), Val: (&replicaRow{since: b.store.now()}).encode()})
	}
	if !b.row.set.has(settingNotification) || o.Quiet {
		return nil
	}
	if t.of == nil || t.of.row.id != b.row.id {
		doc, err := b.notifications(t.snap)
		if err != nil {
			return err
		}
		t.of, t.rules = b, doc.Notifications
	}
	e.User, e.Request, e.Time = o.User, o.Request, b.store.now()
	for i := range t.rules {
		if r := &t.rules[i]; slices.Contains(r.EventTypes, e.Type) && wants(r, e.Key) {
			t.c.Sets = append(t.c.Sets, meta.KV{Key: eventKey(b.row.id, r.ID, b.store.nextEvent()), Val: e.encode()})
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

// nextEvent returns a ref that is greater than those of all events before, also if the clock is set back.
func (s *Store) nextEvent() ref { return makeRef(0, s.epoch, s.seq.Add(1)) }

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
