package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// The current version of an object is its object row, whatever the state of versioning, so that reading and listing are what they are without
// it. Older versions are rows of a kind of their own, the newest of a key first. A delete marker that is current has the place
// before them, and then there is no object row. So who writes under a key guards two rows that have a fixed place, of which
// any other write under the key changes one.

// versioning is the state of versioning in a bucket.
type versioning byte

const (
	unversioned versioning = iota // it was never enabled
	enabled
	suspended
	versionings // their number
)

var versioningNames = [versionings]string{"DISABLED", "ENABLED", "SUSPENDED"}

func (v versioning) String() string { return versioningNames[v] }

func (s *scanner) versioning(v *versioning) {
	if s.num >= uint64(versionings) {
		s.fail(fmt.Errorf("state of versioning %d is unknown", s.num))
		return
	}
	*v = versioning(s.num)
}

// PutBucketVersioning enables or suspends versioning.
func (b *Bucket) PutBucketVersioning(ctx context.Context, in *op.PutBucketVersioningInput) (*op.PutBucketVersioningOutput, error) {
	state := enabled
	switch in.VersioningStatus {
	case enabled.String():
	case suspended.String():
		state = suspended
	default:
		return nil, fault.Newf(fault.InvalidRequest, "status is %.100q; allowed: %s, %s", in.VersioningStatus, enabled, suspended)
	}
	if err := b.store.admit(); err != nil {
		return nil, err
	}
	err := b.change(ctx, func(_ meta.Snapshot, row *bucketRow, _ *change) error {
		if row.set.has(settingReplication) {
			return fault.Newf(fault.InvalidRequest, "bucket %q has replication, which does not go together with versioning; delete the replication before", b.name)
		}
		row.versioning = state
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &op.PutBucketVersioningOutput{}, nil
}

// checkUnversioned refuses what does not go together with versioning.
func (r *bucketRow) checkUnversioned(what string) error {
	if r.versioning == unversioned {
		return nil
	}
	return fault.Newf(fault.InvalidRequest, "versioning of the bucket is %s; a bucket that ever had it cannot have %s", r.versioning, what)
}

// GetBucketVersioning returns the state of versioning.
func (b *Bucket) GetBucketVersioning(ctx context.Context, _ *op.GetBucketVersioningInput) (*op.GetBucketVersioningOutput, error) {
	return &op.GetBucketVersioningOutput{VersioningStatus: b.row.versioning.String()}, nil
}

// A liveRow is what every write has to know of its bucket. Its row changes with that.
type liveRow struct {
	rev        uint64
	versioning versioning
	tells      bool // others are to be told what happens to objects
}

// liveTells stands in the live row of a bucket with notifications or replication.
const liveTells = 1 << 4

// live returns the value of the live row: the name of the bucket and, unless they are zero, 00 and the state of versioning with liveTells.
func (r *bucketRow) live(name string) []byte {
	state := byte(r.versioning)
	if r.set.tells() {
		state |= liveTells
	}
	if state == 0 {
		return []byte(name)
	}
	return append([]byte(name), 0, state)
}

func decodeLive(row meta.Row) (liveRow, error) {
	l := liveRow{rev: row.Rev}
	_, state, ok := bytes.Cut(row.Val, []byte{0})
	if !ok {
		return l, nil
	}
	if len(state) != 1 || state[0]&^liveTells >= byte(versionings) {
		return l, fmt.Errorf("live row %q: state %q is unknown", row.Key, state)
	}
	l.versioning, l.tells = versioning(state[0]&^liveTells), state[0]&liveTells != 0
	return l, nil
}

// A view is what a write decides by: a snapshot, and the live row of the bucket that is written to.
type view struct {
	meta.Snapshot
	store *Store
	live  liveRow
}

// of returns what a write to another bucket decides by; v is that of own.
func (v *view) of(other, own *Bucket) (*view, error) {
	if other.row.id == own.row.id {
		return v, nil
	}
	live, err := other.live(v.Snapshot)
	return &view{Snapshot: v.Snapshot, store: v.store, live: live}, err
}

// versionFields are what an object row knows about the version that it is.
type versionFields struct {
	number uint64    // greater than that of every older version of the key; 0 if it was written before versioning was enabled
	flags  uint64    // flagNull, flagMarker
	since  time.Time // when it ceased to be current; zero if it is
}

const (
	flagNull   = 1 << iota // it is called null, also if it has a number
	flagMarker             // it is a delete marker
	flagsEnd
)

// Fields 11 to 13 of object rows.
func (v *versionFields) appendVersion(b []byte) []byte {
	b = appendUint(b, 11, v.number)
	b = appendUint(b, 12, v.flags)
	if v.since.IsZero() {
		return b
	}
	return appendUint(b, 13, uint64(v.since.UnixMilli()))
}

func (v *versionFields) scanVersion(s *scanner) {
	switch s.id {
	case 11:
		v.number = s.num
	case 12:
		if v.flags = s.num; v.flags >= flagsEnd {
			s.fail(fmt.Errorf("flags %#x of a version are not known", v.flags))
		}
	case 13:
		v.since = time.UnixMilli(int64(s.num))
	}
}

func (v *versionFields) null() bool { return v.number == 0 || v.flags&flagNull != 0 }

func (v *versionFields) marker() bool { return v.flags&flagMarker != 0 }

// noted reports whether, among older versions, a note says where it is.
func (v *versionFields) noted() bool { return v.number != 0 && v.null() }

// nullVersion is the id of the version that was written while versioning was not enabled.
const nullVersion = "null"

// id returns what clients call the version.
func (v *versionFields) id() string {
	if v.null() {
		return nullVersion
	}
	return versionMarker(v.number)
}

// told returns the id of a version just written, or nothing in a bucket that never had versioning enabled.
func (v *versionFields) told() string {
	if v.number == 0 {
		return ""
	}
	return v.id()
}

// versionMarker returns a text that stands for a number.
func versionMarker(number uint64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, number))
}

// parseVersionMarker reads what versionMarker returns.
func parseVersionMarker(s string) (number uint64, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0, false
	}
	number = binary.BigEndian.Uint64(b)
	return number, versionMarker(number) == s
}

// A versionName says which version of a key is meant: the one called null if number is 0.
type versionName struct{ number uint64 }

// parseVersion reads the id of a version. What is none cannot exist.
func parseVersion(id string) (versionName, bool) {
	if id == nullVersion {
		return versionName{}, true
	}
	number, ok := parseVersionMarker(id)
	return versionName{number}, ok && number != 0 && number != math.MaxUint64
}

func (n versionName) means(v *versionFields) bool {
	if n.number == 0 {
		return v.null()
	}
	return !v.null() && v.number == n.number
}

func noVersion(key, id string) error {
	return fault.Newf(fault.ObjectNotExists, "object %q has no version %.64q", key, id)
}

// A MarkerError is returned for a read that meets a delete marker. It wraps the error that a client gets.
type MarkerError struct {
	VersionID string // of the delete marker
	fault     *fault.Error
}

func (e *MarkerError) Error() string { return e.fault.Error() }

// Unwrap returns what a client gets to see.
func (e *MarkerError) Unwrap() error { return e.fault }

// marked returns the error of a read of a delete marker; named says that it was asked for by its id.
func marked(key string, v *versionFields, named bool) error {
	e := &MarkerError{VersionID: v.id()}
	if named {
		e.fault = fault.Newf(fault.MethodNotAllowed, "version %s of object %q is a delete marker; it can be deleted, and not read", v.id(), key)
	} else {
		e.fault = fault.Newf(fault.ObjectNotExists, "object %q does not exist: its current version is a delete marker", key)
	}
	return e
}

// versionPrefix is what the rows of all older versions of a key start with.
func versionPrefix(bucket uint64, key string) []byte {
	return append(appendEscaped(numberKey(kindVersion, bucket), key), 0, 0)
}

// versionKey returns the key of the row of an older version. That of 0 is for the version called null: it is it, or a
// note that says which number it has.
func versionKey(bucket uint64, key string, number uint64) []byte {
	return binary.BigEndian.AppendUint64(versionPrefix(bucket, key), math.MaxUint64-number)
}

// markerKey returns the key of the row of a delete marker that is current.
func markerKey(bucket uint64, key string) []byte { return versionKey(bucket, key, math.MaxUint64) }

// splitVersionKey takes the row key of a version apart. The number of a current delete marker is the greatest there is.
func splitVersionKey(k []byte) (key string, number uint64, err error) {
	if len(k) < 9+2+8 || k[0] != kindVersion {
		return "", 0, fmt.Errorf("version row key %q: too short", k)
	}
	esc, tail := k[9:len(k)-8], k[len(k)-8:]
	if !bytes.HasSuffix(esc, []byte{0, 0}) {
		return "", 0, fmt.Errorf("version row key %q: no end of the object key", k)
	}
	return strings.ReplaceAll(string(esc[:len(esc)-2]), "\x00\x01", "\x00"), math.MaxUint64 - binary.BigEndian.Uint64(tail), nil
}

// A noteRow stands in the place of the version null, and says which number it has.
type noteRow struct{ number uint64 }

func (n *noteRow) encode() []byte { return appendUint([]byte{recordVersion}, 11, n.number) }

// isNote reports whether the row at the place of a number is a note.
func isNote(at uint64, o *objectRow) bool { return at == 0 && o.number != 0 }

// A version is the row of a version, as a snapshot has it.
type version struct {
	at  []byte // key of the row; nil if there is no version
	rev uint64
	row objectRow
}

func readVersion(r meta.Row) (v version, err error) {
	v = version{at: r.Key, rev: r.Rev}
	v.row, err = decodeObject(r.Val)
	return v, err
}

// olderVersion finds a version of a key among those that are not current. Without one, at is nil.
func olderVersion(snap meta.Snapshot, bucket uint64, key string, name versionName) (v version, err error) {
	number := name.number
	for {
		r, ok, err := snap.Get(versionKey(bucket, key, number))
		if !ok || err != nil {
			return version{}, err
		}
		v, err := readVersion(r)
		switch {
		case err != nil:
			return version{}, err
		case isNote(number, &v.row):
			number = v.row.number
		case !name.means(&v.row.versionFields):
			return version{}, nil
		default:
			return v, nil
		}
	}
}

// currentMarker returns the delete marker that is current under a key. Without one, at is nil.
func currentMarker(snap meta.Snapshot, bucket uint64, key string) (version, error) {
	r, ok, err := snap.Get(markerKey(bucket, key))
	if !ok || err != nil {
		return version{}, err
	}
	return readVersion(r)
}

// errNoMarker is about a row in the place of a delete marker.
var errNoMarker = errors.New("is no delete marker, in the place of the current one")
