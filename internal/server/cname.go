package server

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/wire"
)

// A Resolver asks the domain name system. net.Resolver is one.
type Resolver interface {
	// LookupCNAME returns the name at which the CNAME records of host end.
	LookupCNAME(ctx context.Context, host string) (string, error)
}

// lookupPatience is how long the answer of a Resolver may take.
const lookupPatience = 5 * time.Second

// resolve finds out what host and path select. Only a host that is no name of ours can be a domain that somebody has bound to a
// bucket, so only that is looked up.
func (x *exchange) resolve() (wire.Address, error) {
	name, ok := x.hosts.Foreign(x.r.Host)
	if !ok {
		return x.hosts.Resolve(x.r.Host, x.path)
	}
	b, ok, err := x.store.Binding(x.context(), name)
	if err != nil {
		return wire.Address{}, err
	}
	if !ok {
		return x.hosts.Resolve(x.r.Host, x.path)
	}
	x.domain, x.site = true, b.Website
	return wire.ResolveDomain(b.Bucket, x.path)
}

// putBucketCNAME binds a domain, once it is one that can lead to the bucket.
func (x *exchange) putBucketCNAME(in *op.PutBucketCNAMEInput) (*op.PutBucketCNAMEOutput, error) {
	var err error
	if in.Domain, err = domainName(in.Domain); err != nil {
		return nil, err
	}
	switch {
	case x.hosts.Owns(in.Domain):
		return nil, fault.Newf(fault.CNAMEError, "the domain %s is the service's own", in.Domain)
	case !x.domain && in.Domain == wire.Hostname(x.r.Host):
		return nil, fault.Newf(fault.CNAMEError, "the domain %s is a name of the service: this request has come by it", in.Domain)
	}
	if err := x.verifyDomain(in.Domain); err != nil {
		return nil, err
	}
	return x.bucket.PutBucketCNAME(x.context(), in)
}

func (x *exchange) deleteBucketCNAME(in *op.DeleteBucketCNAMEInput) (*op.DeleteBucketCNAMEOutput, error) {
	var err error
	if in.Domain, err = domainName(in.Domain); err != nil {
		return nil, err
	}
	return x.bucket.DeleteBucketCNAME(x.context(), in)
}

// domainName returns a domain in the form in which hosts are looked up.
func domainName(s string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if !wire.IsDomain(name) {
		return "", fault.Newf(fault.CNAMEError, "the domain %q is not allowed; allowed: %s", s, wire.DomainRule)
	}
	return name, nil
}

// verifyDomain checks that the CNAME record of a domain leads to the bucket, through whatever zone. So nobody binds a domain that is
// not in their hands.
func (x *exchange) verifyDomain(domain string) error {
	if x.resolver == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(x.context(), lookupPatience)
	defer cancel()
	bucket := x.bucket.Info()
	want := bucket.Name + "." + bucket.Zone + "." + x.hosts.Domain
	target, err := x.resolver.LookupCNAME(ctx, domain+".") // with the dot no search list is tried
	if dns, ok := errors.AsType[*net.DNSError](err); err != nil && (!ok || !dns.IsNotFound) {
		return unsaid(fault.Newf(fault.ServiceUnavailable, "the CNAME record of %s could not be looked up; try again", domain), err)
	}
	if err != nil {
		return unsaid(fault.Newf(fault.CNAMERecordNotAdded, "the domain %s does not lead anywhere; want a CNAME record that leads to %s", domain, want), err)
	}
	a, err := x.hosts.Resolve(target, "/")
	if err != nil || !a.Virtual || a.Bucket != bucket.Name {
		return fault.Newf(fault.CNAMERecordNotAdded, "the domain %s leads to %s; want a CNAME record that leads to %s", domain, wire.Hostname(target), want)
	}
	return nil
}
