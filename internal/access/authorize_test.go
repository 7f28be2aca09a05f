package access

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	anonymous = Caller{}
	owner     = Caller{UserID: "usr-owner"}
	friend    = Caller{UserID: "usr-friend"}
)

// bucket returns a bucket of owner with grants such as "usr-friend READ"; "* READ" is for everybody.
func bucket(grants ...string) *Bucket {
	b := &Bucket{Owner: owner.UserID, Active: true}
	for _, g := range grants {
		who, permission, _ := strings.Cut(g, " ")
		b.Grants = append(b.Grants, Grant{User: strings.TrimPrefix(who, "*"), Permission: permission})
	}
	return b
}

// A situation is a column of the matrix.
type situation struct {
	name   string
	caller Caller
	bucket *Bucket
}

var situations = []situation{
	{"owner", owner, bucket()},
	{"friend, no grant", friend, bucket("usr-other FULL_CONTROL")},
	{"friend, READ", friend, bucket("usr-friend READ")},
	{"friend, WRITE", friend, bucket("usr-friend WRITE")},
	{"friend, READ and WRITE", friend, bucket("usr-friend READ", "usr-friend WRITE")},
	{"friend, FULL_CONTROL", friend, bucket("usr-friend FULL_CONTROL")},
	{"friend, READ to all", friend, bucket("* READ")},
	{"friend, WRITE to all", friend, bucket("* WRITE")},
	{"anonymous, no grant", anonymous, bucket("usr-friend FULL_CONTROL")},
	{"anonymous, READ to all", anonymous, bucket("* READ")},
	{"anonymous, WRITE to all", anonymous, bucket("* WRITE")},
	{"anonymous, FULL_CONTROL to all", anonymous, bucket("* FULL_CONTROL")},
	{"owner, policy denies all", owner, withPolicy(bucket(), "deny", everyone)},
	{"friend, policy allows the friend all", friend, withPolicy(bucket(), "allow", friend.UserID)},
	{"friend, policy allows another", friend, withPolicy(bucket(), "allow", "usr-other")},
	{"friend, READ, policy allows another", friend, withPolicy(bucket("usr-friend READ"), "allow", "usr-other")},
	{"friend, FULL_CONTROL, policy denies all", friend, withPolicy(bucket("usr-friend FULL_CONTROL"), "deny", everyone)},
	{"anonymous, policy allows all", anonymous, withPolicy(bucket(), "allow", everyone)},
	{"anonymous, policy allows the friend", anonymous, withPolicy(bucket(), "allow", friend.UserID)},
	{"anonymous, FULL_CONTROL, policy denies all", anonymous, withPolicy(bucket("* FULL_CONTROL"), "deny", everyone)},
}

// withPolicy gives a bucket a policy of one statement, about all actions on everything in it.
func withPolicy(b *Bucket, effect, user string) *Bucket {
	s := op.Statement{ID: "all", User: op.StringList{user}, Effect: effect, Resource: op.StringList{"bucket1/*"}}
	for _, a := range op.Actions {
		s.Action = append(s.Action, a.Name)
	}
	var err error
	if b.Policy, err = ParsePolicy("bucket1", []op.Statement{s}); err != nil {
		panic(err)
	}
	return b
}

// TestAuthorizeMatrix compares the decision on every operation in every
// situation with testdata/authorize.txt.
func TestAuthorizeMatrix(t *testing.T) {
	var b strings.Builder
	b.WriteString("Who may do what. The sources of copies and moves are open to everybody by their list.\n\n")
	for i, s := range situations {
		fmt.Fprintf(&b, "%c  %s\n", 'a'+i, s.name)
	}
	b.WriteString("\n")
	for _, info := range op.Table[1:] {
		fmt.Fprintf(&b, "%-27s", info.Name)
		for i, s := range situations {
			switch err := attempt(s.caller, info.ID, s.bucket, bucket("* FULL_CONTROL")); {
			case err == nil:
				fmt.Fprintf(&b, " %c", 'a'+i)
			case fault.CodeOf(err) == fault.PermissionDenied:
				b.WriteString(" .")
			default:
				t.Errorf("%s by %s: %v", info.Name, s.name, err)
			}
		}
		b.WriteString("\n")
	}
	golden(t, "authorize.txt", b.String())
}

// attempt asks for the target of an operation and for its source.
func attempt(c Caller, id op.ID, target, source *Bucket) error {
	if err := Authorize(&Attempt{Caller: c, Operation: id, Bucket: target, Key: "k"}); err != nil {
		return err
	}
	return AuthorizeSource(&Attempt{Caller: c, Operation: id, Bucket: source, Key: "k"})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed; run the test with -update and read the difference. got:\n%s", path, got)
	}
}

func TestAuthorizeSource(t *testing.T) {
	target := bucket("* WRITE")
	tests := []struct {
		id     op.ID
		caller Caller
		source *Bucket
		want   bool
	}{
		{op.CopyObject, friend, bucket("usr-friend READ"), true},
		{op.CopyObject, friend, bucket("usr-friend FULL_CONTROL"), true},
		{op.CopyObject, friend, bucket("* READ"), true},
		{op.CopyObject, friend, bucket("usr-friend WRITE"), false},
		{op.CopyObject, friend, bucket(), false},
		{op.CopyObject, owner, bucket(), true},
		{op.CopyObject, owner, &Bucket{Owner: "usr-other", Active: true}, false},
		{op.CopyObject, anonymous, bucket("* READ"), true},
		{op.CopyObject, anonymous, bucket("* WRITE"), false},
		{op.CopyPart, friend, bucket("usr-friend READ"), true},
		{op.CopyPart, friend, bucket("usr-friend WRITE"), false},
		{op.MoveObject, friend, bucket("usr-friend READ"), false},
		{op.MoveObject, friend, bucket("usr-friend WRITE"), false},
		{op.MoveObject, friend, bucket("usr-friend READ", "* WRITE"), true},
		{op.MoveObject, friend, bucket("usr-friend FULL_CONTROL"), true},
		{op.MoveObject, owner, bucket(), true},
		{op.MoveObject, anonymous, bucket("* FULL_CONTROL"), false},
	}
	for _, test := range tests {
		err := attempt(test.caller, test.id, target, test.source)
		if got := err == nil; got != test.want {
			t.Errorf("%v by %q from %+v: %v; want allowed %v", test.id, test.caller.UserID, test.source, err, test.want)
		}
	}
}

func TestAuthorizeOverrides(t *testing.T) {
	tests := []struct {
		id     op.ID
		caller Caller
		want   bool
	}{
		{op.GetObject, anonymous, false},
		{op.GetObject, friend, true},
		{op.GetObject, owner, true},
		{op.OptionsObject, anonymous, true},
	}
	for _, test := range tests {
		err := Authorize(&Attempt{Caller: test.caller, Operation: test.id, Bucket: bucket("* READ"), Overrides: true})
		if got := err == nil; got != test.want {
			t.Errorf("%v by %q with overrides: %v; want allowed %v", test.id, test.caller.UserID, err, test.want)
		}
	}
}

// TestClosedRootIsForWhoHasAName: at the root of a domain nothing is shown to strangers, whatever grants and policy say.
func TestClosedRootIsForWhoHasAName(t *testing.T) {
	open := bucket("* FULL_CONTROL")
	for _, test := range []struct {
		id     op.ID
		caller Caller
		want   bool
	}{
		{op.HeadBucket, anonymous, false},
		{op.ListObjects, anonymous, false},
		{op.HeadBucket, friend, true},
		{op.ListObjects, friend, true},
		{op.ListObjects, owner, true},
		{op.OptionsObject, anonymous, true},
	} {
		err := Authorize(&Attempt{Caller: test.caller, Operation: test.id, Bucket: open, Closed: true})
		if got := err == nil; got != test.want {
			t.Errorf("%v by %q at a closed root: %v; want allowed %v", test.id, test.caller.UserID, err, test.want)
		}
	}
	if err := Authorize(&Attempt{Caller: anonymous, Operation: op.HeadBucket, Bucket: open}); err != nil {
		t.Errorf("HeadBucket elsewhere: %v", err)
	}
}

func TestSuspendedBucketIsClosedToAll(t *testing.T) {
	suspended := bucket("* FULL_CONTROL")
	suspended.Active = false
	for _, caller := range []Caller{owner, friend, anonymous} {
		err := Authorize(&Attempt{Caller: caller, Operation: op.GetObject, Bucket: suspended})
		if fault.CodeOf(err) != fault.BucketNotActive {
			t.Errorf("GetObject by %q = %v; want %s", caller.UserID, err, fault.BucketNotActive)
		}
	}
	err := attempt(owner, op.CopyObject, bucket(), suspended)
	if fault.CodeOf(err) != fault.BucketNotActive {
		t.Errorf("CopyObject from a suspended bucket = %v; want %s", err, fault.BucketNotActive)
	}
}

// TestAuthorizeWithoutBucketDenies holds the door shut for a caller of Authorize that forgot
// the bucket.
func TestAuthorizeWithoutBucketDenies(t *testing.T) {
	for _, info := range op.Table[1:] {
		err := Authorize(&Attempt{Caller: owner, Operation: info.ID})
		free := info.Auth == op.AuthAnonymous || info.Auth == op.AuthUser
		if (err == nil) != free {
			t.Errorf("%s without a bucket = %v", info.Name, err)
		}
	}
	if err := Authorize(&Attempt{Caller: owner, Bucket: bucket()}); err == nil {
		t.Error("the owner may do what is no operation")
	}
}

// A counted client counts how often it is asked for its address.
type countedClient struct{ asked int }

func (c *countedClient) IP() netip.Addr {
	c.asked++
	return netip.MustParseAddr("192.0.2.1")
}

func TestAddressIsAskedForByPoliciesOnly(t *testing.T) {
	policy, err := ParsePolicy("bucket1", []op.Statement{})
	if err != nil {
		t.Fatal(err)
	}
	for want, b := range []*Bucket{{Owner: "usr-a", Active: true}, {Owner: "usr-a", Active: true, Policy: policy}} {
		c := new(countedClient)
		if err := Authorize(&Attempt{Operation: op.GetObject, Bucket: b, Client: c}); fault.CodeOf(err) != fault.PermissionDenied {
			t.Errorf("Authorize = %v; want %s", err, fault.PermissionDenied)
		}
		if c.asked != want {
			t.Errorf("the address was asked for %d times; want %d", c.asked, want)
		}
	}
}
