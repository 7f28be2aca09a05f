package access

import (
	"net/netip"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// A Bucket is what a decision needs to know of a bucket.
type Bucket struct {
	Owner  string // user id
	Grants []Grant
	Policy *Policy // nil if there is none
	Active bool
}

// A Grant is an entry of a bucket's access control list: it gives READ, WRITE or
// FULL_CONTROL to a user, or to everybody if User is empty.
type Grant struct {
	User       string
	Permission string
}

// An Attempt is what a caller wants to do.
type Attempt struct {
	Caller    Caller
	Operation op.ID
	Bucket    *Bucket // nil on service level, and for a bucket that is to be created
	Key       string  // of the object; of a listing its prefix

	// Overrides says that the request carries response-* parameters, which only
	// authenticated callers may use.
	Overrides bool

	// Closed says that the request is for the root of a domain of the owner's, which shows nothing to whoever has no name.
	Closed bool

	Referer string // the header
	Client  Client // nil if it has no address
}

// A Client tells its address, for which only policies ask. The zero address is in no network.
type Client interface{ IP() netip.Addr }

// Authorize returns nil if the attempt is allowed, else bucket_not_active or
// permission_denied. What a copy or move reads from is asked for by AuthorizeSource.
//
// What an operation needs stands in op.Table. The owner of a bucket may do everything with it; for
// others the first statement of its policy that matches decides, then its access control list, and what nothing
// grants is denied.
func Authorize(a *Attempt) error {
	info := &op.Table[a.Operation]
	switch {
	case info.Auth == op.AuthAnonymous:
		return nil
	case a.Overrides && a.Caller.Anonymous():
		return denied("an anonymous request may not override response headers")
	case a.Closed && a.Caller.Anonymous():
		return denied("the root of a domain is closed; a request for it needs a signature")
	case info.Auth == op.AuthUser && a.Caller.Anonymous():
		return denied("%s needs a signed request", info.Name)
	case info.Auth == op.AuthUser:
		return nil
	}
	return a.may(info, info.Auth, info.Action, info.DenyAnonymous)
}

// AuthorizeSource is Authorize for what a copy or move reads from: Bucket and Key are those of the source.
func AuthorizeSource(a *Attempt) error {
	info := &op.Table[a.Operation]
	for i, need := range info.SourceAuth {
		// To write to a source is to take the object away, which needs a name.
		if err := a.may(info, need, info.SourceActions[i], need == op.AuthWrite); err != nil {
			return err
		}
	}
	return nil
}

// may decides about one bucket; signed says that no grant can let an anonymous caller in.
func (a *Attempt) may(info *op.Info, need op.Auth, action string, signed bool) error {
	b := a.Bucket
	if b == nil || need == 0 {
		return denied("%s needs a bucket", info.Name)
	}
	if !b.Active {
		return fault.Newf(fault.BucketNotActive, "the bucket is suspended")
	}
	if !a.Caller.Anonymous() && a.Caller.UserID == b.Owner {
		return nil
	}
	if need == op.AuthOwner && a.Caller.Anonymous() {
		return denied("an anonymous request may not use %s", info.Name) // whatever a policy says to everybody
	}
	if action != "" {
		f := facts{user: a.Caller.UserID, action: action, key: a.Key, referer: a.Referer}
		if b.Policy != nil && a.Client != nil {
			f.ip = a.Client.IP()
		}
		switch b.Policy.judge(&f) {
		case allowed:
			return nil
		case forbidden:
			return denied("the policy of the bucket denies %s", action)
		case silent:
		}
	}
	if need == op.AuthOwner {
		return denied("only the owner of the bucket may use %s", info.Name)
	}
	if a.Caller.Anonymous() && signed {
		return denied("an anonymous request may not use %s", info.Name)
	}
	for _, g := range b.Grants {
		if g.covers(a.Caller) && g.permits(need) {
			return nil
		}
	}
	return denied("neither policy nor access control list of the bucket allows %s", info.Name)
}

// covers reports whether g speaks of the caller. Everybody includes anonymous
// callers, and users who are not named.
func (g Grant) covers(c Caller) bool { return g.User == "" || g.User == c.UserID }

// permits reports whether g includes what an operation needs. No grant gives the
// owner's rights.
func (g Grant) permits(need op.Auth) bool {
	switch need {
	case op.AuthRead:
		return g.Permission == "READ" || g.Permission == "FULL_CONTROL"
	case op.AuthWrite:
		return g.Permission == "WRITE" || g.Permission == "FULL_CONTROL"
	}
	return false
}

func denied(format string, args ...any) error {
	return fault.Newf(fault.PermissionDenied, format, args...)
}
