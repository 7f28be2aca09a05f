package conformance

import (
	"net/http"
	"testing"
)

type acl struct {
	Owner struct{ ID, Name string }
	ACL   []struct {
		Grantee    struct{ Type, ID, Name string }
		Permission string
	}
}

func (b *bucket) acl() acl {
	b.t.Helper()
	var l acl
	b.send("GET", "?acl", "").want(http.StatusOK).json(&l)
	return l
}

func TestGetBucketACLNamesTheOwner(t *testing.T) {
	s := start(t)
	l := s.newBucket().acl()
	if l.Owner.ID == "" || len(l.ACL) != 1 {
		t.Fatalf("the list of a fresh bucket is %+v; want its owner alone", l)
	}
	g := l.ACL[0]
	if g.Grantee.Type != "user" || g.Grantee.ID != l.Owner.ID || g.Permission != "FULL_CONTROL" {
		t.Errorf("the grant is %+v; want FULL_CONTROL for the user %s", g, l.Owner.ID)
	}
}

func TestGetBucketACLFillsInTheName(t *testing.T) {
	s := start(t)
	s.needOther()
	b := s.newBucket()
	id := s.otherID()
	b.grant(toUser(id, "WRITE"))
	l := b.acl()
	if len(l.ACL) != 2 {
		t.Fatalf("the list is %+v; want the owner and %s", l.ACL, id)
	}
	if g := l.ACL[1]; g.Grantee.ID != id || g.Grantee.Name == "" || g.Permission != "WRITE" {
		t.Errorf("the grant is %+v; want WRITE for %s with a name", g, id)
	}
}

// otherID returns the user id of the other account, which its own bucket tells.
func (s *session) otherID() string {
	s.t.Helper()
	b := &bucket{session: s, name: freshName(), by: s.other}
	b.send("PUT", "", "").want(http.StatusCreated)
	defer b.remove()
	return b.acl().Owner.ID
}

func TestGetBucketACLIsForTheOwner(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	b.as(nil).send("GET", "?acl", "").wantFault(http.StatusForbidden, "permission_denied")
	if s.other != nil {
		b.as(s.other).send("GET", "?acl", "").wantFault(http.StatusForbidden, "permission_denied")
	}
}
