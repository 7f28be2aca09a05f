package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
)

// storageClass is the number a class has on the disk.
type storageClass byte

const (
	standard storageClass = iota
	standardIA
	classes // their number
)

var classNames = [classes]string{"STANDARD", "STANDARD_IA"}

func (c storageClass) String() string { return classNames[c] }

// parseClass reads a storage class of a request; absent is STANDARD.
func parseClass(s string) (storageClass, error) {
	if s == "" {
		return standard, nil
	}
	for c, name := range classNames {
		if strings.EqualFold(s, name) {
			return storageClass(c), nil
		}
	}
	return 0, fault.Newf(fault.InvalidRequest, "storage class %q is unknown; allowed: %s", s, strings.Join(classNames[:], ", "))
}

// StorageClass returns a storage class as answers spell it; absent is STANDARD.
func StorageClass(s string) (string, error) {
	c, err := parseClass(s)
	return c.String(), err
}

// An extent is a run of bytes of a blob.
type extent struct {
	blob   blob.ID
	off, n int64
}

func (e extent) append(b []byte) []byte {
	b = e.blob.Append(b)
	b = binary.AppendUvarint(b, uint64(e.off))
	return binary.AppendUvarint(b, uint64(e.n))
}

func parseExtent(b []byte) (e extent, err error) {
	if len(b) < blob.IDLen {
		return e, errShortRecord
	}
	if e.blob, err = blob.ParseID(b[:blob.IDLen]); err != nil {
		return e, err
	}
	b = b[blob.IDLen:]
	off, i := binary.Uvarint(b)
	if i <= 0 {
		return e, errShortRecord
	}
	n, j := binary.Uvarint(b[i:])
	if j <= 0 || i+j != len(b) {
		return e, errShortRecord
	}
	e.off, e.n = int64(off), int64(n)
	if e.off < 0 || e.n < 0 || e.off+e.n < 0 {
		return e, errors.New("extent out of range")
	}
	return e, nil
}

// headers are what a client stores with an object and gets back as response headers.
type headers struct {
	contentType        string
	cacheControl       string
	contentDisposition string
	contentEncoding    string
	expires            string
	metadata           map[string]string // names in lower case, without prefix
}

// Fields 20 to 25 of object and upload rows.
func (h *headers) append(b []byte) []byte {
	b = appendText(b, 20, h.contentType)
	b = appendText(b, 21, h.cacheControl)
	b = appendText(b, 22, h.contentDisposition)
	b = appendText(b, 23, h.contentEncoding)
	b = appendText(b, 24, h.expires)
	for _, name := range sortedNames(h.metadata) {
		b = appendItem(b, 25, name+"\x00"+h.metadata[name])
	}
	return b
}

func (h *headers) scan(s *scanner) {
	switch s.id {
	case 20:
		h.contentType = string(s.text)
	case 21:
		h.cacheControl = string(s.text)
	case 22:
		h.contentDisposition = string(s.text)
	case 23:
		h.contentEncoding = string(s.text)
	case 24:
		h.expires = string(s.text)
	case 25:
		name, value, ok := strings.Cut(string(s.text), "\x00")
		if !ok {
			s.fail(errors.New("metadata without a value"))
			return
		}
		if h.metadata == nil {
			h.metadata = make(map[string]string)
		}
		h.metadata[name] = value
	default:
		s.unknown()
	}
}

// An objectRow is an object that clients see.
type objectRow struct {
	ref      ref
	size     int64
	etag     string // without quotes
	modified time.Time
	class    storageClass
	extents  []extent // in order; empty if the object has part rows
	parts    bool     // the bytes are those of the part rows under ref
	inline   bool     // the bytes are those of the data row of ref

	appendable bool
	pieces     int // appends that brought bytes
	versionFields
	seal *encryption
	headers
}

func (o *objectRow) encode() []byte {
	b := make([]byte, 1, 128)
	b[0] = recordVersion
	b = appendText(b, 1, o.ref[:])
	b = appendUint(b, 2, uint64(o.size))
	b = appendText(b, 3, o.etag)
	b = appendUint(b, 4, uint64(o.modified.UnixMilli()))
	b = appendUint(b, 5, uint64(o.class))
	for _, e := range o.extents {
		b = appendItem(b, 6, e.append(nil))
	}
	b = appendBool(b, 7, o.parts)
	b = appendBool(b, 8, o.inline)
	b = appendBool(b, 9, o.appendable)
	b = appendUint(b, 10, uint64(o.pieces))
	b = o.seal.append(o.appendVersion(b), 14)
	return o.headers.append(b)
}

func decodeObject(b []byte) (o objectRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			s.ref(&o.ref)
		case 2:
			s.size(&o.size)
		case 3:
			o.etag = string(s.text)
		case 4:
			o.modified = time.UnixMilli(int64(s.num))
		case 5:
			s.class(&o.class)
		case 6:
			s.extent(&o.extents)
		case 7:
			o.parts = s.num == 1
		case 8:
			o.inline = s.num == 1
		case 9:
			o.appendable = s.num == 1
		case 10:
			o.pieces = int(min(s.num, math.MaxInt32))
		case 11, 12, 13:
			o.scanVersion(s)
		case 14, 15, 16:
			s.seal(&o.seal, 14)
		default:
			o.scan(s)
		}
	}
	s.sealed(o.seal, o.runs(), true)
	return o, s.done("object row")
}

// A partRow is a part of an upload, or of an object that took over its upload's parts.
type partRow struct {
	ref     ref
	size    int64
	etag    string // MD5 in hexadecimal digits
	created time.Time
	extents []extent
	seal    *encryption
}

func (p *partRow) encode() []byte {
	b := make([]byte, 1, 96)
	b[0] = recordVersion
	b = appendText(b, 1, p.ref[:])
	b = appendUint(b, 2, uint64(p.size))
	b = appendText(b, 3, p.etag)
	b = appendUint(b, 4, uint64(p.created.UnixMilli()))
	for _, e := range p.extents {
		b = appendItem(b, 6, e.append(nil))
	}
	return p.seal.append(b, 7)
}

func decodePart(b []byte) (p partRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			s.ref(&p.ref)
		case 2:
			s.size(&p.size)
		case 3:
			p.etag = string(s.text)
		case 4:
			p.created = time.UnixMilli(int64(s.num))
		case 6:
			s.extent(&p.extents)
		case 7, 8, 9:
			s.seal(&p.seal, 7)
		default:
			s.unknown()
		}
	}
	s.sealed(p.seal, len(p.extents), false)
	return p, s.done("part row")
}

// An uploadRow is an unfinished multipart upload. Its id and key are in the row's key.
type uploadRow struct {
	created time.Time
	class   storageClass
	seal    *encryption
	headers
}

func (u *uploadRow) encode() []byte {
	b := appendUint([]byte{recordVersion}, 4, uint64(u.created.UnixMilli()))
	b = appendUint(b, 5, uint64(u.class))
	b = u.seal.append(b, 6)
	return u.headers.append(b)
}

func decodeUpload(b []byte) (u uploadRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 4:
			u.created = time.UnixMilli(int64(s.num))
		case 5:
			s.class(&u.class)
		case 6, 7, 8:
			s.seal(&u.seal, 6)
		default:
			u.scan(s)
		}
	}
	s.sealed(u.seal, 0, true)
	return u, s.done("upload row")
}

// A garbageRow is what a ref held when nothing named it any more.
type garbageRow struct {
	extents []extent
	parts   bool // its part rows are to go too
}

func (g *garbageRow) encode() []byte {
	b := []byte{recordVersion}
	for _, e := range g.extents {
		b = appendItem(b, 6, e.append(nil))
	}
	return appendBool(b, 7, g.parts)
}

func decodeGarbage(b []byte) (g garbageRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 6:
			s.extent(&g.extents)
		case 7:
			g.parts = s.num == 1
		default:
			s.unknown()
		}
	}
	return g, s.done("garbage row")
}

// A grant gives a permission on a bucket to a user, or to everybody if user is empty.
type grant struct {
	user       string
	permission string
}

// A bucketRow is a bucket.
type bucketRow struct {
	id      uint64
	owner   string // user id
	zone    string
	created time.Time
	closing bool // being deleted: it takes no writes
	grants  []grant
	set     settings // which have a row

	suspended  bool // by the operator
	versioning versioning
}

func (r *bucketRow) encode() []byte {
	b := appendUint([]byte{recordVersion}, 1, r.id)
	b = appendText(b, 2, r.owner)
	b = appendText(b, 3, r.zone)
	b = appendUint(b, 4, uint64(r.created.UnixMilli()))
	b = appendBool(b, 5, r.closing)
	for _, g := range r.grants {
		b = appendItem(b, 6, g.permission+"\x00"+g.user)
	}
	b = appendUint(b, 7, uint64(r.set))
	b = appendUint(b, 8, uint64(r.versioning))
	return appendBool(b, 9, r.suspended)
}

func decodeBucket(b []byte) (r bucketRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			r.id = s.num
		case 2:
			r.owner = string(s.text)
		case 3:
			r.zone = string(s.text)
		case 4:
			r.created = time.UnixMilli(int64(s.num))
		case 5:
			r.closing = s.num == 1
		case 6:
			permission, user, ok := strings.Cut(string(s.text), "\x00")
			if !ok {
				s.fail(errors.New("grant without a grantee"))
			}
			r.grants = append(r.grants, grant{user: user, permission: permission})
		case 7:
			if r.set = settings(s.num); s.num >= 1<<settingEnd {
				s.fail(errors.New("settings that are not known"))
			}
		case 9:
			r.suspended = s.num == 1
		case 8:
			s.versioning(&r.versioning)
		default:
			s.unknown()
		}
	}
	return r, s.done("bucket row")
}

// A userRow is a user. Its id is in the row's key.
type userRow struct {
	name     string
	created  time.Time
	standing Standing
}

func (u *userRow) encode() []byte {
	b := appendText([]byte{recordVersion}, 1, u.name)
	b = appendUint(b, 4, uint64(u.created.UnixMilli()))
	return appendUint(b, 5, uint64(u.standing))
}

func decodeUser(b []byte) (u userRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			u.name = string(s.text)
		case 4:
			u.created = time.UnixMilli(int64(s.num))
		case 5:
			s.standing(&u.standing)
		default:
			s.unknown()
		}
	}
	return u, s.done("user row")
}

// A keyRow is an access key. Its id is in the row's key.
type keyRow struct {
	secret  string // empty if it is sealed
	sealed  []byte
	user    string
	created time.Time
}

func (k *keyRow) encode() []byte {
	b := appendText([]byte{recordVersion}, 1, k.secret)
	b = appendText(b, 2, k.user)
	b = appendUint(b, 4, uint64(k.created.UnixMilli()))
	return appendText(b, 6, k.sealed)
}

func decodeKey(b []byte) (k keyRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			k.secret = string(s.text)
		case 2:
			k.user = string(s.text)
		case 4:
			k.created = time.UnixMilli(int64(s.num))
		case 6:
			k.sealed = bytes.Clone(s.text)
		default:
			s.unknown()
		}
	}
	return k, s.done("access key row")
}

// An epochRow is one start of the store.
type epochRow struct {
	swept bool // its orphans were removed
}

func (e *epochRow) encode() []byte { return appendBool([]byte{recordVersion}, 1, e.swept) }

func decodeEpoch(b []byte) (e epochRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			e.swept = s.num == 1
		default:
			s.unknown()
		}
	}
	return e, s.done("epoch row")
}

func (s *scanner) ref(r *ref) {
	if copy(r[:], s.text) != refLen || len(s.text) != refLen {
		s.fail(fmt.Errorf("ref of %d bytes, want %d", len(s.text), refLen))
	}
}

func (s *scanner) size(n *int64) {
	if *n = int64(s.num); *n < 0 {
		s.fail(errors.New("size out of range"))
	}
}

func (s *scanner) class(c *storageClass) {
	if s.num >= uint64(classes) {
		s.fail(fmt.Errorf("storage class %d is unknown", s.num))
		return
	}
	*c = storageClass(s.num)
}

func (s *scanner) extent(list *[]extent) {
	e, err := parseExtent(s.text)
	s.fail(err)
	*list = append(*list, e)
}
