package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/oisproject/ois/internal/access"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// authorize looks the buckets of the request up and asks whether the caller may
// use them so. What a copy reads from is asked for once it is known which object that is, see mayRead. There is no other
// place that decides about permissions.
func (x *exchange) authorize() (err error) {
	info := &op.Table[x.operation]
	if !x.caller.Anonymous() {
		if err := x.store.CheckStanding(x.caller.UserID); err != nil {
			return err
		}
	}
	a := x.attempt()
	if info.Level != op.LevelService && info.Auth != op.AuthUser {
		if x.bucket, err = x.store.Bucket(x.context(), x.address.Bucket); err != nil {
			return err
		}
		if err := x.shareAnswer(x.bucket); err != nil {
			return err
		}
		if a.Bucket, err = x.facts(x.bucket); err != nil {
			return err
		}
	}
	if err := x.ownsReplica(); err != nil {
		return err
	}
	if len(info.SourceAuth) > 0 {
		if x.source, err = x.findSource(info.Selector); err != nil {
			return err
		}
	}
	if x.operation == op.PostObject {
		if err := x.readForm(a); err != nil {
			return err
		}
	}
	if x.operation == op.DeleteMultipleObjects && a.Bucket.Policy != nil && a.Bucket.Active {
		return nil // asked for each key
	}
	return access.Authorize(a)
}

// attempt returns what the caller wants to do, but for the bucket.
func (x *exchange) attempt() *access.Attempt {
	a := &access.Attempt{
		Caller: x.caller, Operation: x.operation, Overrides: x.query.Overrides(),
		Key: x.address.Key, Referer: x.r.Header.Get("Referer"), Client: x,
	}
	if x.address.Level() == op.LevelBucket {
		a.Key = x.query.Get("prefix")
		a.Closed = x.domain && !x.site && (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead)
	}
	return a
}

// facts returns what the decision on a request needs to know of a bucket.
func (s *Server) facts(b *store.Bucket) (*access.Bucket, error) {
	info := b.Info()
	f := &access.Bucket{Owner: info.Owner, Active: !info.Suspended}
	for _, g := range info.Grants {
		f.Grants = append(f.Grants, access.Grant(g))
	}
	var err error
	f.Policy, err = s.policies.of(info.Name, b.Policy())
	return f, err
}

// mayRead asks whether the caller may use an object as the source of a copy or move.
func (x *exchange) mayRead(key string) error {
	a := x.attempt()
	a.Key = key
	var err error
	if a.Bucket, err = x.facts(x.source.bucket); err != nil {
		return err
	}
	return access.AuthorizeSource(a)
}

// mayWrite asks whether the caller, beside what the request does, may also put an object of that key into b.
func (x *exchange) mayWrite(b *store.Bucket, key string) error {
	a := x.attempt()
	a.Operation, a.Key = op.PutObject, key
	a.Overrides = false // they are for the answer
	var err error
	if a.Bucket, err = x.facts(b); err != nil {
		return err
	}
	return access.Authorize(a)
}

// policies keeps the policies of buckets ready to decide.
type policies struct {
	mu    sync.Mutex
	ready map[uint64]*access.Policy // by revision, which no two have in common; guarded by mu
}

// maxPolicies bounds what is kept ready.
const maxPolicies = 1000

// of returns the policy that a document holds, nil if it is empty.
func (p *policies) of(bucket string, d store.Document) (*access.Policy, error) {
	if d.Rev == 0 {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ready := p.ready[d.Rev]; ready != nil {
		return ready, nil
	}
	var doc struct {
		Statement []op.Statement `json:"statement"`
	}
	if err := json.Unmarshal(d.Text, &doc); err != nil {
		return nil, fmt.Errorf("policy of bucket %q: %w", bucket, err)
	}
	ready, err := access.ParsePolicy(bucket, doc.Statement)
	if err != nil {
		return nil, fmt.Errorf("policy of bucket %q was stored and is not one: %w", bucket, err)
	}
	if len(p.ready) >= maxPolicies || p.ready == nil {
		p.ready = make(map[uint64]*access.Policy)
	}
	p.ready[d.Rev] = ready
	return ready, nil
}

func (x *exchange) putBucketPolicy(in *op.PutBucketPolicyInput) (*op.PutBucketPolicyOutput, error) {
	if _, err := access.ParsePolicy(in.Bucket, in.Statement); err != nil {
		return nil, err
	}
	return x.bucket.PutBucketPolicy(x.context(), in)
}

// deleteMultipleObjects deletes objects. Where the bucket has a policy, that decides for each of them.
func (x *exchange) deleteMultipleObjects(in *op.DeleteMultipleObjectsInput) (*op.DeleteMultipleObjectsOutput, error) {
	a := x.attempt()
	var err error
	if a.Bucket, err = x.facts(x.bucket); err != nil {
		return nil, err
	}
	if a.Bucket.Policy == nil || len(in.Objects) > store.MaxDeletes {
		return x.bucket.DeleteMultipleObjects(x.context(), in)
	}
	may := *in
	may.Objects = nil
	var refused []op.DeleteError
	for _, o := range in.Objects {
		a.Key = o.Key
		if err := access.Authorize(a); err != nil {
			code, message := wire.Explain(err)
			refused = append(refused, op.DeleteError{Key: o.Key, VersionID: o.VersionID, Code: string(code), Message: message})
			continue
		}
		may.Objects = append(may.Objects, o)
	}
	if len(refused) == 0 {
		return x.bucket.DeleteMultipleObjects(x.context(), in)
	}
	out := &op.DeleteMultipleObjectsOutput{}
	if len(may.Objects) > 0 {
		if out, err = x.bucket.DeleteMultipleObjects(x.context(), &may); err != nil {
			return nil, err
		}
	}
	out.Errors = append(out.Errors, refused...)
	return out, nil
}
