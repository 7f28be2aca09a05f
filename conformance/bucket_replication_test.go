package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const unsetReplication = `{"rules":[]}`

// replicated is a rule of a bucket whose objects go to another; more are fields of it.
func replicated(id, prefix, target, more string) string {
	return fmt.Sprintf(`{"id":%q,"filters":{"prefix":%q},"destination":{"bucket":%q}%s}`, id, prefix, target, more)
}

func TestReplicationThatIsNotSet(t *testing.T) {
	b := start(t).newBucket()
	b.send("GET", "?replication", "").want(http.StatusOK).wantBody(unsetReplication)
	for range 2 {
		b.send("DELETE", "?replication", "").want(http.StatusNoContent)
	}
}

func TestReplicationThatIsNoneIsRefused(t *testing.T) {
	b := start(t).newBucket()
	target := freshName()
	long := strings.Repeat("x", 1025)
	for name, rules := range map[string]string{
		"no rule":             ``,
		"no id":               replicated("", "", target, ""),
		"a long id":           replicated(long[:256], "", target, ""),
		"an id twice":         replicated("r", "a/", target, "") + "," + replicated("r", "b/", target, ""),
		"a long prefix":       replicated("r", long, target, ""),
		"prefix of a prefix":  replicated("r1", "a", target, "") + "," + replicated("r2", "a/", target, ""),
		"all and a prefix":    replicated("r1", "", target, "") + "," + replicated("r2", "a/", target, ""),
		"no filters":          `{"id":"r","destination":{"bucket":"` + target + `"}}`,
		"no destination":      `{"id":"r","filters":{"prefix":""}}`,
		"no bucket":           replicated("r", "", "", ""),
		"the bucket itself":   replicated("r", "", b.name, ""),
		"a bucket of nobody":  replicated("r", "", target, ""),
		"two destinations":    replicated("r1", "a/", target, "") + "," + replicated("r2", "b/", freshName(), ""),
		"unknown status":      replicated("r", "", target, `,"status":"on"`),
		"unknown for deletes": replicated("r", "", target, `,"delete_marker":"yes"`),
		"unknown for older":   replicated("r", "", target, `,"sync_marker":"yes"`),
		"unknown class":       `{"id":"r","filters":{"prefix":""},"destination":{"bucket":"` + target + `","storage_class":"GLACIER"}}`,
		"too many rules":      strings.TrimSuffix(strings.Repeat(replicated("r", "", target, "")+",", 1001), ","),
	} {
		if a := b.send("PUT", "?replication", `{"rules":[`+rules+`]}`); a.status != http.StatusBadRequest || a.failure().Code != "invalid_request" {
			t.Errorf("%s: %d %s; want 400 invalid_request", name, a.status, a.text)
		}
	}
	b.send("GET", "?replication", "").want(http.StatusOK).wantBody(unsetReplication)
}

func TestReplicationIsReadBackAndRemoved(t *testing.T) {
	s := start(t)
	s.needReplica()
	b := s.newBucket()
	b.send("PUT", "?replication", `{"rules":[`+replicated("r1", "a/", s.replica, `,"status":"Disabled"`)+`]}`).want(http.StatusOK)
	var got struct {
		Rules []struct {
			ID, Status  string
			Destination struct{ Bucket, Zone string }
		}
	}
	b.send("GET", "?replication", "").want(http.StatusOK).json(&got)
	if len(got.Rules) != 1 || got.Rules[0].ID != "r1" || !strings.EqualFold(got.Rules[0].Status, "disabled") || got.Rules[0].Destination.Bucket != s.replica ||
		got.Rules[0].Destination.Zone == "" {
		t.Errorf("the rules are %+v; want r1, disabled, to %s in a zone", got.Rules, s.replica)
	}
	b.send("PUT", "?versioning", `{"status":"ENABLED"}`).wantFault(http.StatusBadRequest, "invalid_request")
	b.send("DELETE", "?replication", "").want(http.StatusNoContent)
	b.send("GET", "?replication", "").want(http.StatusOK).wantBody(unsetReplication)
}

func TestReplicationIsTheOwnersBusiness(t *testing.T) {
	s := start(t)
	s.needOther()
	b := s.newBucket()
	b.grant(toUser(s.otherID(), "FULL_CONTROL"))
	for _, method := range []string{"GET", "DELETE"} {
		for _, by := range []*account{nil, s.other} {
			b.as(by).send(method, "?replication", "").wantFault(http.StatusForbidden, "permission_denied")
		}
	}
	b.as(s.other).send("PUT", "?replication", `{"rules":[`+replicated("r", "", freshName(), "")+`]}`).wantFault(http.StatusForbidden, "permission_denied")
}
