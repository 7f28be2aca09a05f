package ois

import (
	"context"

	"github.com/oisproject/ois/sdk/go/api"
)

// A Grant gives a permission to a user or to everybody.
type Grant = api.Grant

// Permissions that can be granted. Settings of the bucket stay with its owner.
const (
	Read        = "READ"         // list and read objects
	Write       = "WRITE"        // change objects
	FullControl = "FULL_CONTROL" // both
)

// GrantAll grants a permission to everybody, with and without a signature. Nobody
// can list or delete without one, whatever is granted.
func GrantAll(permission string) Grant {
	return Grant{Grantee: api.Grantee{Type: "group", Name: "QS_ALL_USERS"}, Permission: permission}
}

// GrantUser grants a permission to the user with that id.
func GrantUser(id, permission string) Grant {
	return Grant{Grantee: api.Grantee{Type: "user", ID: id}, Permission: permission}
}

// An ACL is who may do what with a bucket.
type ACL struct {
	Owner  string // user id
	Grants []Grant
}

// ACL returns the bucket's ACL.
func (b *Bucket) ACL(ctx context.Context) (*ACL, error) {
	out, err := b.api.GetBucketACL(ctx, &api.GetBucketACLInput{Zone: b.zone, Bucket: b.name})
	if err != nil {
		return nil, b.error(err, api.OpGetBucketACL, "")
	}
	return &ACL{Owner: out.Owner.ID, Grants: out.ACL}, nil
}

// SetACL replaces the bucket's ACL. Without grants, the bucket is its owner's alone.
func (b *Bucket) SetACL(ctx context.Context, grants ...Grant) error {
	_, err := b.api.PutBucketACL(ctx, &api.PutBucketACLInput{Zone: b.zone, Bucket: b.name, ACL: grants})
	return b.error(err, api.OpPutBucketACL, "")
}
