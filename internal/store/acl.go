package store

import (
	"context"
	"slices"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// Permissions and grantees of an ACL.
const (
	permissionRead  = "READ"
	permissionWrite = "WRITE"
	permissionFull  = "FULL_CONTROL"
	granteeUser     = "user"
	granteeGroup    = "group"
	groupAll        = "QS_ALL_USERS"
	maxGrants       = 100
)

// PutBucketACL replaces the grants of the bucket.
func (b *Bucket) PutBucketACL(ctx context.Context, in *op.PutBucketACLInput) (*op.PutBucketACLOutput, error) {
	grants, err := parseGrants(in.ACL)
	if err != nil {
		return nil, err
	}
	err = b.change(ctx, func(snap meta.Snapshot, row *bucketRow, _ *change) error {
		for _, g := range grants {
			if row.grantsTo(g.user) {
				continue // what was read can be put back, also if the user is gone
			}
			if err := checkGrantee(snap, g.user); err != nil {
				return err
			}
		}
		row.grants = grants
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &op.PutBucketACLOutput{}, nil
}

// grantsTo reports whether the bucket has a grant for the user already, or is the user's own.
func (r *bucketRow) grantsTo(user string) bool {
	return user == r.owner || slices.ContainsFunc(r.grants, func(g grant) bool { return g.user == user })
}

func checkGrantee(snap meta.Snapshot, user string) error {
	if user == "" {
		return nil
	}
	_, ok, err := snap.Get(userKey(user))
	if err == nil && !ok {
		err = fault.Newf(fault.InvalidRequest, "grantee: user %q does not exist", user)
	}
	return err
}

func parseGrants(acl []op.Grant) ([]grant, error) {
	if len(acl) > maxGrants {
		return nil, fault.Newf(fault.InvalidRequest, "acl has %d grants; allowed: %d", len(acl), maxGrants)
	}
	var grants []grant
	for i, g := range acl {
		switch g.Permission {
		case permissionRead, permissionWrite, permissionFull:
		default:
			return nil, fault.Newf(fault.InvalidRequest, "acl[%d]: permission %q is unknown; allowed: %s, %s, %s", i, g.Permission, permissionRead, permissionWrite, permissionFull)
		}
		parsed := grant{permission: g.Permission}
		switch {
		case g.Grantee.Type == granteeUser && g.Grantee.ID != "":
			parsed.user = g.Grantee.ID
		case g.Grantee.Type == granteeGroup && g.Grantee.Name == groupAll:
		default:
			return nil, fault.Newf(fault.InvalidRequest, "acl[%d]: grantee of type %q, id %q, name %q is not allowed; allowed: type %s with an id, or type %s with name %s",
				i, g.Grantee.Type, g.Grantee.ID, g.Grantee.Name, granteeUser, granteeGroup, groupAll)
		}
		if !slices.Contains(grants, parsed) {
			grants = append(grants, parsed)
		}
	}
	return grants, nil
}

// GetBucketACL returns the grants of the bucket, the owner's first.
func (b *Bucket) GetBucketACL(ctx context.Context, _ *op.GetBucketACLInput) (*op.GetBucketACLOutput, error) {
	out := &op.GetBucketACLOutput{}
	err := b.store.view(ctx, func(snap meta.Snapshot) error {
		name, err := userName(snap, b.row.owner)
		if err != nil {
			return err
		}
		out.Owner = op.Owner{ID: b.row.owner, Name: name}
		out.ACL = []op.Grant{{Grantee: op.Grantee{Type: granteeUser, ID: b.row.owner, Name: name}, Permission: permissionFull}}
		for _, g := range b.row.grants {
			if g.user == b.row.owner {
				continue
			}
			grantee := op.Grantee{Type: granteeGroup, Name: groupAll}
			if g.user != "" {
				if name, err = userName(snap, g.user); err != nil {
					return err
				}
				grantee = op.Grantee{Type: granteeUser, ID: g.user, Name: name}
			}
			out.ACL = append(out.ACL, op.Grant{Grantee: grantee, Permission: g.permission})
		}
		return nil
	})
	return out, err
}
