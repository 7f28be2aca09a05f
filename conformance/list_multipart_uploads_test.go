package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

type listedUpload struct {
	Key      string
	UploadID string `json:"upload_id"`
	Created  string
}

type uploadList struct {
	Name               string
	HasMore            bool   `json:"has_more"`
	NextKeyMarker      string `json:"next_key_marker"`
	NextUploadIDMarker string `json:"next_upload_id_marker"`
	Uploads            []listedUpload
	CommonPrefixes     []string `json:"common_prefixes"`
}

// uploads returns one page of unfinished uploads; suffix is the whole query, or empty for the default.
func (b *bucket) uploads(suffix string) uploadList {
	b.t.Helper()
	if suffix == "" {
		suffix = "?uploads"
	}
	var l uploadList
	b.send("GET", suffix, "").want(http.StatusOK).json(&l)
	return l
}

func (l uploadList) ids() []string {
	var ids []string
	for _, u := range l.Uploads {
		ids = append(ids, u.UploadID)
	}
	return ids
}

func TestClient28_ListedAreExactlyTheLiveUploads(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	if l := b.uploads(""); len(l.Uploads) != 0 || l.HasMore {
		t.Errorf("a fresh bucket lists %+v; want nothing", l)
	}
	live, done, gone := b.initiate("live"), b.initiate("done"), b.initiate("gone")
	done.part(0, "x").want(http.StatusCreated)
	done.complete("", 0).want(http.StatusCreated)
	gone.part(0, "x").want(http.StatusCreated)
	gone.abort().want(http.StatusNoContent)
	l := b.uploads("")
	if len(l.Uploads) != 1 || l.Uploads[0].Key != "live" || l.Uploads[0].UploadID != live.id || l.Name != b.name {
		t.Fatalf("listed are %+v; want the one of live", l)
	}
	wantRecent(t, "created", l.Uploads[0].Created)
}

func TestClient28_ListsAreNeverNull(t *testing.T) {
	s := start(t)
	f := s.newBucket().send("GET", "?uploads", "").want(http.StatusOK).fields()
	for name, want := range map[string]string{
		"uploads": "[]", "common_prefixes": "[]", "has_more": "false", "next_key_marker": `""`, "next_upload_id_marker": `""`,
		"prefix": `""`, "delimiter": `""`, "key_marker": `""`, "upload_id_marker": `""`, "limit": "200",
	} {
		if f[name] != want {
			t.Errorf("%s of an empty bucket is %q; want %s", name, f[name], want)
		}
	}
}

// manyUploads starts uploads, several of one key, and returns their ids in the order of a listing.
func (b *bucket) manyUploads() []string {
	b.t.Helper()
	var ids []string
	for _, key := range []string{"a", "a", "a", "a/1", "b/1", "b/2", "b/2", "c"} {
		ids = append(ids, b.initiate(key).id)
	}
	return ids
}

func TestClient28_PagesJoinToTheWhole(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	ids := b.manyUploads()
	for limit := 1; limit <= len(ids)+1; limit++ {
		var got []string
		key, id := "", ""
		for range 20 {
			l := b.uploads(fmt.Sprintf("?uploads&limit=%d&key_marker=%s&upload_id_marker=%s", limit, escape(key), escape(id)))
			got = append(got, l.ids()...)
			key, id = l.NextKeyMarker, l.NextUploadIDMarker
			if l.HasMore != (key != "") || l.HasMore && len(l.Uploads) != limit {
				t.Fatalf("limit %d: page of %d with next %q, %q, has_more %v", limit, len(l.Uploads), key, id, l.HasMore)
			}
			if !l.HasMore {
				break
			}
		}
		if !slices.Equal(got, ids) {
			t.Errorf("limit %d lists %q; want %q, by key and then by time", limit, got, ids)
		}
	}
}

func TestClient28_MarkersAndPrefixSelect(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	ids := b.manyUploads()
	for _, c := range []struct {
		query    string
		want     []string
		prefixes []string
	}{
		{"&prefix=b/", ids[4:7], nil},
		{"&prefix=nothing", nil, nil},
		{"&key_marker=a", ids[3:], nil},
		{"&key_marker=a&upload_id_marker=" + ids[0], ids[1:], nil},
		{"&key_marker=a&upload_id_marker=" + ids[2], ids[3:], nil},
		{"&upload_id_marker=" + ids[2], ids, nil},
		{"&delimiter=/", append(slices.Clone(ids[:3]), ids[7]), []string{"a/", "b/"}},
		{"&delimiter=/&key_marker=a/", ids[7:], []string{"b/"}},
		{"&prefix=b/&delimiter=/", ids[4:7], nil},
		{"&prefix=&delimiter=&key_marker=&upload_id_marker=&limit=0", ids, nil},
		{"&limit=5000", ids, nil},
	} {
		if l := b.uploads("?uploads" + c.query); !slices.Equal(l.ids(), c.want) || !slices.Equal(l.CommonPrefixes, c.prefixes) {
			t.Errorf("%s lists %q and %q; want %q and %q", c.query, l.ids(), l.CommonPrefixes, c.want, c.prefixes)
		}
	}
}

func TestListMultipartUploadsRefusesWhatItCannotRead(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, query := range []string{"limit=-1", "limit=many"} {
		b.send("GET", "?uploads&"+query, "").wantFault(http.StatusBadRequest, "invalid_argument")
	}
}
