package store

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/seal"
	"github.com/oisproject/ois/internal/sse"
)

var fullHeaders = headers{
	contentType: "text/plain", cacheControl: "no-store", contentDisposition: `attachment; filename="a"`,
	contentEncoding: "gzip", expires: "Tue, 05 Mar 2024 08:15:30 GMT",
	metadata: map[string]string{"author": "team a", "empty": ""},
}

var someExtents = []extent{
	{blob: blob.ID{Epoch: 1, Seq: 2}, n: 5 << 20},
	{blob: blob.ID{Epoch: 3, Seq: 1 << 40}, off: 1 << 33, n: 1},
}

// roundTrip checks that decode gives back what encode was given, that every prefix of
// the encoding is an error or another record, and that no cut makes decode panic.
func roundTrip[T any](t *testing.T, row T, encoded []byte, decode func([]byte) (T, error)) {
	t.Helper()
	got, err := decode(encoded)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if diff := cmp.Diff(row, got, cmp.AllowUnexported(headers{}, extent{}, objectRow{}, partRow{}, uploadRow{}, garbageRow{}, bucketRow{}, grant{}, userRow{}, keyRow{}, epochRow{}, sealRow{}, versionFields{}, encryption{})); diff != "" {
		t.Errorf("row changed on its way (-want +got):\n%s", diff)
	}
	for i := range encoded {
		_, _ = decode(encoded[:i])
	}
	if _, err := decode(append(bytes.Clone(encoded), 0xf8, 0x01, 0x01)); err == nil {
		t.Error("a field of a newer version was ignored; want an error")
	}
	if _, err := decode(nil); err == nil {
		t.Error("an empty row was accepted")
	}
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	at := time.UnixMilli(1709626530123)
	r := makeRef(at.UnixMilli(), 7, 9)
	o := objectRow{ref: r, size: 1 << 40, etag: "abc-2", modified: at, class: standardIA, extents: someExtents, headers: fullHeaders}
	roundTrip(t, o, o.encode(), decodeObject)
	adopted := objectRow{ref: r, size: 1, modified: at, parts: true}
	roundTrip(t, adopted, adopted.encode(), decodeObject)
	old := objectRow{ref: r, size: 1, modified: at, versionFields: versionFields{number: 1 << 60, flags: flagNull | flagMarker, since: at}, headers: fullHeaders}
	roundTrip(t, old, old.encode(), decodeObject)
	p := partRow{ref: r, size: 12, etag: "abc", created: at, extents: someExtents}
	roundTrip(t, p, p.encode(), decodePart)
	u := uploadRow{created: at, class: standardIA, headers: fullHeaders}
	roundTrip(t, u, u.encode(), decodeUpload)
	j := jobRow{job.Run{Begun: at.UTC(), Ended: at.UTC(), Error: "no room", Counts: []job.Count{{Name: "expired", N: 1 << 40}, {Name: "aborted"}}}}
	roundTrip(t, j, j.encode(), decodeJob)
	sealed := encryption{cipher: cipherAES256GCM, check: sse.Check{1, 31: 2}, salts: []sse.Salt{{1}, {2}}}
	o.seal = &sealed
	roundTrip(t, o, o.encode(), decodeObject)
	small := objectRow{ref: r, size: 1, modified: at, inline: true, seal: &encryption{cipher: cipherAES256GCM, check: sealed.check, salts: sealed.salts[:1]}}
	roundTrip(t, small, small.encode(), decodeObject)
	p.seal = &encryption{cipher: cipherAES256GCM, salts: sealed.salts}
	roundTrip(t, p, p.encode(), decodePart)
	u.seal = &encryption{cipher: cipherAES256GCM, check: sealed.check}
	roundTrip(t, u, u.encode(), decodeUpload)
	g := garbageRow{extents: someExtents, parts: true}
	roundTrip(t, g, g.encode(), decodeGarbage)
	b := bucketRow{id: 1<<32 | 5, owner: "usr-a", zone: "jn1a", created: at, closing: true, grants: []grant{{permission: "READ"}, {user: "usr-b", permission: "WRITE"}}}
	b.suspended = true
	roundTrip(t, b, b.encode(), decodeBucket)
	b.set, b.versioning = b.set.with(settingCORS), suspended
	roundTrip(t, b, b.encode(), decodeBucket)
	w := userRow{name: "爱丽丝", created: at}
	roundTrip(t, w, w.encode(), decodeUser)
	k := keyRow{secret: "s", user: "usr-a", created: at}
	roundTrip(t, k, k.encode(), decodeKey)
	sealedKey := keyRow{sealed: []byte{1, 0, 2}, user: "usr-a", created: at}
	roundTrip(t, sealedKey, sealedKey.encode(), decodeKey)
	y := sealRow{key: seal.ID{1, 2, 3}}
	roundTrip(t, y, y.encode(), decodeSeal)
	suspended := userRow{name: "a", created: at, standing: Arrears}
	roundTrip(t, suspended, suspended.encode(), decodeUser)
	e := epochRow{swept: true}
	roundTrip(t, e, e.encode(), decodeEpoch)
}

// TestSealsThatOpenNothingAreDamage: a row that lacks a salt is not taken for one of bytes that are not encrypted.
func TestSealsThatOpenNothingAreDamage(t *testing.T) {
	check, salt := sse.Check{1}, sse.Salt{2}
	for name, s := range map[string]encryption{
		"no cipher":      {check: check, salts: []sse.Salt{salt, salt}},
		"unknown cipher": {cipher: 2, check: check, salts: []sse.Salt{salt, salt}},
		"no check":       {cipher: 1, salts: []sse.Salt{salt, salt}},
		"a salt too few": {cipher: 1, check: check, salts: []sse.Salt{salt}},
		"three salts":    {cipher: 1, check: check, salts: []sse.Salt{salt, salt, salt}},
	} {
		o := objectRow{size: 5<<20 + 1, extents: someExtents, seal: &s}
		if _, err := decodeObject(o.encode()); err == nil {
			t.Errorf("object with %s was read", name)
		}
		p := partRow{size: 5<<20 + 1, extents: someExtents, seal: &s}
		if _, err := decodePart(p.encode()); err == nil && name != "no check" {
			t.Errorf("part with %s was read", name)
		}
		u := uploadRow{seal: &s}
		if _, err := decodeUpload(u.encode()); err == nil {
			t.Errorf("upload with %s was read", name)
		}
	}
	for _, field := range []int{15, 16} {
		o := objectRow{size: 5<<20 + 1, extents: someExtents}
		if _, err := decodeObject(appendText(o.encode(), field, "too short")); err == nil {
			t.Errorf("field %d of 9 bytes was read", field)
		}
	}
}

func TestUploadKeysSortByKeyThenAge(t *testing.T) {
	young, old := makeRef(2000, 1, 1), makeRef(1000, 9, 9)
	sorted := [][]byte{
		uploadKey(1, "a", old), uploadKey(1, "a", young),
		uploadKey(1, "a\x00", old), uploadKey(1, "a\x00\x00", old), uploadKey(1, "a\x00b", old), uploadKey(1, "a\x01", old), uploadKey(1, "ab", old),
	}
	for i := 1; i < len(sorted); i++ {
		if bytes.Compare(sorted[i-1], sorted[i]) >= 0 {
			t.Errorf("%q does not come before %q", sorted[i-1], sorted[i])
		}
	}
	for _, key := range []string{"", "a", "a\x00", "\x00\x00\x01", "中文\x00"} {
		got, id, err := splitUploadKey(uploadKey(1, key, old))
		if got != key || id != old || err != nil {
			t.Errorf("splitUploadKey = %q, %s, %v; want %q, %s", got, id, err, key, old)
		}
	}
}

func TestRefsSortByTheTimeOfTheirMaking(t *testing.T) {
	a, b, c := makeRef(1709626530123, 4000000000, 1<<48-1), makeRef(1709626530124, 1, 1), makeRef(1709626530124, 1, 2)
	if a.String() >= b.String() || b.String() >= c.String() {
		t.Errorf("order of %s, %s, %s", a, b, c)
	}
	if got, ok := parseRef(a.String()); !ok || got != a {
		t.Errorf("parseRef(%s) = %s, %t", a, got, ok)
	}
	for _, s := range []string{"", "x", strings.Repeat("g", 32), strings.ToUpper(a.String()) + "0", strings.Repeat("A", 32)} {
		if _, ok := parseRef(s); ok {
			t.Errorf("parseRef(%q) accepts it", s)
		}
	}
}

func TestSuccessorIsTheEndOfAPrefix(t *testing.T) {
	for prefix, want := range map[string]string{"a": "b", "a\xff": "b", "\x01\xff\xff": "\x02"} {
		if got := successor([]byte(prefix)); string(got) != want {
			t.Errorf("successor(%q) = %q; want %q", prefix, got, want)
		}
	}
	if got := successor([]byte("\xff\xff")); got != nil {
		t.Errorf("successor of the last prefix = %q; want nil", got)
	}
}

func FuzzRows(f *testing.F) {
	o := objectRow{size: 3, extents: someExtents, headers: fullHeaders}
	f.Add(o.encode())
	o.seal = &encryption{cipher: cipherAES256GCM, check: sse.Check{1}, salts: make([]sse.Salt, 2)}
	f.Add(o.encode())
	g := garbageRow{extents: someExtents, parts: true}
	f.Add(g.encode())
	b := bucketRow{id: 1, owner: "o", grants: []grant{{permission: "READ"}}}
	f.Add(b.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := decodeObject(data); err == nil {
			again, err := decodeObject(o.encode())
			if err != nil || again.size != o.size || again.etag != o.etag || len(again.extents) != len(o.extents) {
				t.Errorf("object row %+v became %+v, %v", o, again, err)
			}
		}
		_, _ = decodePart(data)
		_, _ = decodeUpload(data)
		_, _ = decodeGarbage(data)
		_, _ = decodeBucket(data)
		_, _ = decodeUser(data)
		_, _ = decodeKey(data)
		_, _ = decodeEpoch(data)
		_, _ = decodeSeal(data)
		_, _, _ = splitUploadKey(data)
		_, _, _ = splitVersionKey(data)
		_, _ = decodeLive(meta.Row{Val: data})
		_, _ = holderOf(data)
	})
}

func TestVersionKeysSortByKeyThenTheNewestFirst(t *testing.T) {
	sorted := [][]byte{
		markerKey(1, "a"), versionKey(1, "a", 1<<40|2), versionKey(1, "a", 1<<40|1), versionKey(1, "a", 1), versionKey(1, "a", 0),
		markerKey(1, "a\x00"), versionKey(1, "a\x00", 0), versionKey(1, "a\x00\x00", 7), versionKey(1, "a\x00b", 7), versionKey(1, "a\x01", 7),
		versionKey(1, "ab", 7), markerKey(2, "a"),
	}
	for i, k := range sorted {
		if i > 0 && bytes.Compare(sorted[i-1], k) >= 0 {
			t.Errorf("%q does not sort before %q", sorted[i-1], k)
		}
	}
	for _, key := range []string{"a", "a\x00", "\x00\x01", "a\x00\x00b"} {
		if got, n, err := splitVersionKey(versionKey(1, key, 42)); err != nil || got != key || n != 42 {
			t.Errorf("the key of version 42 of %q is that of version %d of %q, %v", key, n, got, err)
		}
	}
}

func TestLiveRowsThatAreNone(t *testing.T) {
	for _, val := range []string{"bucket\x00", "bucket\x00\x03", "bucket\x00\x01\x01"} {
		if l, err := decodeLive(meta.Row{Val: []byte(val)}); err == nil {
			t.Errorf("live row %q = %+v; want an error", val, l)
		}
	}
}

// FuzzVersionID reads ids as clients send them. One that names a version is the only one that does.
func FuzzVersionID(f *testing.F) {
	for _, id := range []string{"", "null", "AAAAAAAAAAA", "AAABAAAAAAU", "__________8", "AAABAAAAAAV", "AAABAAAAAAU="} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		name, ok := parseVersion(id)
		if !ok {
			return
		}
		v := versionFields{number: name.number}
		if v.id() != id || !name.means(&v) {
			t.Errorf("%q means %d, which is called %q", id, name.number, v.id())
		}
	})
}
