package conformance

import (
	"net/http"
	"testing"
)

func TestPutBucketACLReplacesTheWholeList(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("READ"), toAll("WRITE"))
	if acl := b.acl(); len(acl.ACL) != 3 {
		t.Errorf("the list is %+v; want owner, READ and WRITE", acl.ACL)
	}
	b.grant(toAll("READ"))
	if acl := b.acl(); len(acl.ACL) != 2 || acl.ACL[1].Permission != "READ" {
		t.Errorf("the list is %+v; want owner and READ", acl.ACL)
	}
	for _, body := range []string{`{"acl":[]}`, `{"acl":null}`, `{}`} {
		b.grant(toAll("READ"))
		b.send("PUT", "?acl", body).want(http.StatusOK)
		if acl := b.acl(); len(acl.ACL) != 1 {
			t.Errorf("after %s the list is %+v; want the owner alone", body, acl.ACL)
		}
	}
}

func TestPutBucketACLRefusesWhatItCannotGrant(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("READ"))
	for name, body := range map[string]string{
		"permission":    `{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"ADMIN"}]}`,
		"no permission": `{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"}}]}`,
		"no grantee":    `{"acl":[{"permission":"READ"}]}`,
		"null grantee":  `{"acl":[{"grantee":null,"permission":"READ"}]}`,
		"type":          `{"acl":[{"grantee":{"type":"robot","name":"QS_ALL_USERS"},"permission":"READ"}]}`,
		"group":         `{"acl":[{"grantee":{"type":"group","name":"QS_SOME_USERS"},"permission":"READ"}]}`,
		"no id":         `{"acl":[{"grantee":{"type":"user"},"permission":"READ"}]}`,
		"second is bad": `{"acl":[` + toAll("WRITE") + `,` + toAll("ALL") + `]}`,
	} {
		if a := b.send("PUT", "?acl", body); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s; want 400", name, a.status, a.text)
		}
	}
	for name, body := range map[string]string{
		"empty": "", "broken": `{"acl":[`, "list": `[]`, "text": "READ", "shape": `{"acl":{"permission":"READ"}}`, "number": `{"acl":5}`,
	} {
		a := b.send("PUT", "?acl", body)
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s; want 400", name, a.status, a.text)
		}
	}
	if acl := b.acl(); len(acl.ACL) != 2 || acl.ACL[1].Permission != "READ" {
		t.Errorf("refused requests left %+v; want owner and READ", acl.ACL)
	}
}

func TestPutBucketACLIsForTheOwner(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	b.as(nil).send("PUT", "?acl", `{"acl":[]}`).wantFault(http.StatusForbidden, "permission_denied")
	if s.other != nil {
		b.as(s.other).send("PUT", "?acl", `{"acl":[]}`).wantFault(http.StatusForbidden, "permission_denied")
	}
	if acl := b.acl(); len(acl.ACL) != 2 {
		t.Errorf("the list is %+v; want it unchanged", acl.ACL)
	}
}

func TestACLTakesNoOtherMethod(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("READ"))
	b.send("DELETE", "?acl", "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	b.send("POST", "?acl", "{}").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	if acl := b.acl(); len(acl.ACL) != 2 {
		t.Errorf("the list is %+v; want it unchanged", acl.ACL)
	}
}
