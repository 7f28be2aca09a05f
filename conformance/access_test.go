package conformance

import (
	"net/http"
	"testing"
)

// right is what a request needs, and of whom.
type right struct {
	read, write, owner bool
	signed             bool // no grant lets an anonymous caller do it
}

// A deed is a request that needs a right. Each can be done again and again.
type deed struct {
	name   string
	needs  right
	do     func(b *bucket) *answer
	status int // when allowed
}

// deeds are the requests to a bucket, with the object "a.txt" and the upload u in it.
func deeds(u *upload) []deed {
	part := "/up.bin?upload_id=" + u.id
	send := func(method, suffix, body string, header ...string) func(*bucket) *answer {
		return func(b *bucket) *answer {
			b.t.Helper()
			return b.send(method, suffix, body, header...)
		}
	}
	read, write, owner := right{read: true}, right{write: true}, right{owner: true}
	return []deed{
		{"HeadBucket", read, send("HEAD", "", ""), 200},
		{"ListObjects", right{read: true, signed: true}, send("GET", "", ""), 200},
		{"GetObject", read, send("GET", "/a.txt", ""), 200},
		{"HeadObject", read, send("HEAD", "/a.txt", ""), 200},
		{"ListMultipart", read, send("GET", part, ""), 200},
		{"ListMultipartUploads", right{read: true, signed: true}, send("GET", "?uploads", ""), 200},
		{"PutObject", write, send("PUT", "/b.txt", "x"), 201},
		{"DeleteObject", right{write: true, signed: true}, send("DELETE", "/b.txt", ""), 204},
		{"DeleteMultipleObjects", right{write: true, signed: true}, func(b *bucket) *answer { return b.deleteMultiple(deletion("c.txt")) }, 200},
		{"UploadMultipart", write, send("PUT", part+"&part_number=1", "x"), 201},
		{"AbortMultipartUpload", write, send("DELETE", "/up.bin?upload_id=none", ""), 204},
		{"CompleteMultipartUpload", write, send("POST", "/up.bin?upload_id=none", `{"object_parts":[{"part_number":0}]}`), 404},
		{"CopyObject", right{read: true, write: true}, send("PUT", "/b.txt", "", "X-QS-Copy-Source: "+u.path("a.txt")), 201},
		{"CopyPart", right{read: true, write: true}, send("PUT", part+"&part_number=2", "", "X-QS-Copy-Source: "+u.path("a.txt")), 201},
		{"MoveObject", right{read: true, write: true, signed: true}, func(b *bucket) *answer {
			u.put("c.txt", "x").want(http.StatusCreated)
			return b.put("d.txt", "", "X-QS-Move-Source: "+u.path("c.txt"))
		}, 201},
		{"GetBucketStatistics", owner, send("GET", "?stats", ""), 200},
		{"GetBucketACL", owner, send("GET", "?acl", ""), 200},
		{"PutBucketACL", owner, send("PUT", "?acl", `{"acl":[{}]}`), 400},
		{"DeleteBucket", owner, send("DELETE", "", ""), 409},
	}
}

func TestACLDecidesWhoMayWhat(t *testing.T) {
	s := start(t)
	callers := map[string]*account{"anonymous": nil}
	id := ""
	if s.other != nil {
		callers["stranger"] = s.other
		id = s.otherID()
	}
	for _, c := range []struct {
		name        string
		grants      []string
		read, write bool
	}{
		{"nothing", nil, false, false},
		{"READ", []string{toAll("READ")}, true, false},
		{"WRITE", []string{toAll("WRITE")}, false, true},
		{"READ and WRITE", []string{toAll("READ"), toAll("WRITE")}, true, true},
		{"FULL_CONTROL", []string{toAll("FULL_CONTROL")}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t).newBucket()
			b.grant(c.grants...)
			for name, caller := range callers {
				b.wantRights(name, caller, c.read, c.write)
			}
		})
	}
	if id == "" {
		return
	}
	t.Run("READ for one", func(t *testing.T) {
		b := start(t).newBucket()
		b.grant(toUser(id, "READ"))
		b.wantRights("anonymous", nil, false, false)
		b.wantRights("the one", s.other, true, false)
	})
}

// wantRights lets caller do everything, and checks that exactly what is granted succeeds.
func (b *bucket) wantRights(name string, caller *account, read, write bool) {
	b.t.Helper()
	b.put("a.txt", "x").want(http.StatusCreated)
	u := b.initiate("up.bin")
	for _, d := range deeds(u) {
		allowed := !d.needs.owner && (read || !d.needs.read) && (write || !d.needs.write) && (caller != nil || !d.needs.signed)
		want := http.StatusForbidden
		if allowed {
			want = d.status
		}
		a := d.do(b.as(caller))
		if a.status != want {
			b.t.Errorf("%s, %s: %d %s; want %d", name, d.name, a.status, a.text, want)
		}
		if a := d.do(b); a.status != d.status {
			b.t.Errorf("owner, %s: %d %s; want %d", d.name, a.status, a.text, d.status)
		}
	}
	u.abort().want(http.StatusNoContent)
}

func TestSourceOfACopyMustBeReadable(t *testing.T) {
	s := start(t)
	private, open := s.newBucket(), s.newBucket()
	private.fill("secret.txt")
	open.grant(toAll("FULL_CONTROL"))
	for _, by := range []*account{nil, s.other} {
		thief := open.as(by)
		for _, header := range []string{"X-QS-Copy-Source: ", "X-QS-Move-Source: "} {
			thief.put("loot.txt", "", header+private.path("secret.txt")).wantFault(http.StatusForbidden, "permission_denied")
			// Whether there is a key in it is none of a stranger's business.
			thief.put("loot.txt", "", header+private.path("nothing.txt")).wantFault(http.StatusForbidden, "permission_denied")
		}
	}
	open.wantMissing("loot.txt")
	private.get("secret.txt").want(http.StatusOK)
}

func TestMoveNeedsWriteOnTheSource(t *testing.T) {
	s := start(t)
	s.needOther()
	readable, open := s.newBucket(), s.newBucket()
	readable.fill("a.txt")
	readable.grant(toAll("READ"))
	open.grant(toAll("FULL_CONTROL"))
	open.as(s.other).put("a.txt", "", "X-QS-Move-Source: "+readable.path("a.txt")).wantFault(http.StatusForbidden, "permission_denied")
	open.as(s.other).put("a.txt", "", "X-QS-Copy-Source: "+readable.path("a.txt")).want(http.StatusCreated)
	readable.get("a.txt").want(http.StatusOK)
}
