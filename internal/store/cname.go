package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// Types of domains.
const (
	domainNormal  = "normal"
	domainWebsite = "website"
)

var domainTypes = []string{domainNormal, domainWebsite}

// maxDomains is how many domains a bucket may have.
const maxDomains = 100

// A cnameDoc is the list of the domains of a bucket as it is stored, in the order in which they were bound. A row
// for each of them, a domainRow, follows from it.
type cnameDoc struct {
	CNAMERecords []op.CNAMERecord `json:"cname_records"`
}

// find returns the place of a domain in the list, -1 if it is not there.
func (d *cnameDoc) find(domain string) int {
	return slices.IndexFunc(d.CNAMERecords, func(r op.CNAMERecord) bool { return r.Domain == domain })
}

// A domainRow says which bucket a domain leads to. The domain is in the row's key, so that there is one bucket for each.
type domainRow struct {
	bucket  uint64
	name    string // of the bucket
	created time.Time
	website bool
}

func (d *domainRow) encode() []byte {
	b := appendUint([]byte{recordVersion}, 1, d.bucket)
	b = appendText(b, 2, d.name)
	b = appendUint(b, 4, uint64(d.created.UnixMilli()))
	return appendBool(b, 5, d.website)
}

func decodeDomain(b []byte) (d domainRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			d.bucket = s.num
		case 2:
			d.name = string(s.text)
		case 4:
			d.created = time.UnixMilli(int64(s.num))
		case 5:
			d.website = s.num == 1
		default:
			s.unknown()
		}
	}
	return d, s.done("domain row")
}

// domainOf returns the row that follows from an entry of a bucket's list.
func domainOf(r *op.CNAMERecord, bucket uint64, name string) domainRow {
	return domainRow{bucket: bucket, name: name, created: r.Created, website: r.Type == domainWebsite}
}

// record returns the entry from which the row follows.
func (d *domainRow) record(domain string) op.CNAMERecord {
	r := op.CNAMERecord{Domain: domain, Type: domainNormal, Created: d.created.UTC()}
	if d.website {
		r.Type = domainWebsite
	}
	return r
}

// A Binding says what a domain leads to.
type Binding struct {
	Bucket  string
	Website bool // the domain shows pages
}

// Binding returns what a domain, in lower case, is bound to; ok is false if it is not bound.
func (s *Store) Binding(ctx context.Context, domain string) (b Binding, ok bool, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		row, found, err := snap.Get(domainKey(domain))
		if !found || err != nil {
			return err
		}
		d, err := decodeDomain(row.Val)
		if err != nil {
			return fmt.Errorf("domain %q: %w", domain, err)
		}
		b = Binding{Bucket: d.name, Website: d.website}
		ok, err = d.stands(snap)
		return err
	})
	return b, ok, err
}

// stands reports whether the bucket of the row exists.
func (d *domainRow) stands(snap meta.Snapshot) (bool, error) {
	row, ok, err := snap.Get(bucketKey(d.name))
	if !ok || err != nil {
		return false, err
	}
	b, err := decodeBucket(row.Val)
	if err != nil {
		return false, fmt.Errorf("bucket %q: %w", d.name, err)
	}
	return b.id == d.bucket, nil
}

// PutBucketCNAME binds a domain to the bucket, beside those it has. One that it has gets the type that is asked for. That it is a
// domain, in lower case, has been checked before.
func (b *Bucket) PutBucketCNAME(ctx context.Context, in *op.PutBucketCNAMEInput) (*op.PutBucketCNAMEOutput, error) {
	kind, err := domainType(in.Type, fault.InvalidRequest)
	if err != nil {
		return nil, err
	}
	if err := b.store.admit(); err != nil {
		return nil, err
	}
	r := op.CNAMERecord{Domain: in.Domain, Type: kind, Created: b.store.now().UTC()}
	err = b.change(ctx, func(snap meta.Snapshot, row *bucketRow, c *change) error { return b.bind(snap, row, c, r) })
	if err != nil {
		return nil, err
	}
	return &op.PutBucketCNAMEOutput{}, nil
}

// domainType returns the type that is meant by one in a request; wrong is the code for one that is none.
func domainType(s string, wrong fault.Code) (string, error) {
	kind := cmp.Or(s, domainNormal)
	if !slices.Contains(domainTypes, kind) {
		return "", fault.Newf(wrong, "type %q is unknown; allowed: %s", s, strings.Join(domainTypes, ", "))
	}
	return kind, nil
}

func (b *Bucket) bind(snap meta.Snapshot, row *bucketRow, c *change, r op.CNAMERecord) error {
	held, ok, err := snap.Get(domainKey(r.Domain))
	if err != nil {
		return err
	}
	if ok {
		if err := b.checkFree(snap, r.Domain, held); err != nil {
			return err
		}
	}
	var doc cnameDoc
	if _, err := b.settingIn(snap, settingCNAME, &doc); err != nil {
		return err
	}
	switch i := doc.find(r.Domain); {
	case i >= 0:
		r.Created = doc.CNAMERecords[i].Created
		doc.CNAMERecords[i] = r
	case len(doc.CNAMERecords) >= maxDomains:
		return fault.Newf(fault.CNAMEError, "bucket %q has %d domains; allowed: %d", b.name, len(doc.CNAMERecords), maxDomains)
	default:
		doc.CNAMERecords = append(doc.CNAMERecords, r)
	}
	d := domainOf(&r, row.id, b.name)
	c.unchanged(domainKey(r.Domain), held, ok) // of two buckets that bind it at once, one comes too late
	c.set(domainKey(r.Domain), d.encode())
	return row.put(c, settingCNAME, doc)
}

// checkFree refuses a domain that another bucket holds.
func (b *Bucket) checkFree(snap meta.Snapshot, domain string, held meta.Row) error {
	d, err := decodeDomain(held.Val)
	if err != nil {
		return fmt.Errorf("domain %q: %w", domain, err)
	}
	if d.bucket == b.row.id {
		return nil
	}
	stands, err := d.stands(snap)
	if stands {
		return fault.Newf(fault.DomainOccupied, "the domain %s is bound to another bucket", domain)
	}
	return err
}

// GetBucketCNAME lists the domains of one type that are bound to the bucket.
func (b *Bucket) GetBucketCNAME(ctx context.Context, in *op.GetBucketCNAMEInput) (*op.GetBucketCNAMEOutput, error) {
	kind, err := domainType(in.Type, fault.InvalidArgument)
	if err != nil {
		return nil, err
	}
	var doc cnameDoc
	if err := b.getSetting(ctx, settingCNAME, &doc); err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(doc.CNAMERecords, func(r op.CNAMERecord) bool { return r.Type != kind })
	return &op.GetBucketCNAMEOutput{CNAMERecords: list, Count: int64(len(list))}, nil
}

// DeleteBucketCNAME unbinds a domain, if it is bound to the bucket.
func (b *Bucket) DeleteBucketCNAME(ctx context.Context, in *op.DeleteBucketCNAMEInput) (*op.DeleteBucketCNAMEOutput, error) {
	err := b.change(ctx, func(snap meta.Snapshot, row *bucketRow, c *change) error {
		var doc cnameDoc
		if _, err := b.settingIn(snap, settingCNAME, &doc); err != nil {
			return err
		}
		i := doc.find(in.Domain)
		if i < 0 {
			return nil
		}
		if err := b.unbind(snap, c, in.Domain); err != nil {
			return err
		}
		if doc.CNAMERecords = slices.Delete(doc.CNAMERecords, i, i+1); len(doc.CNAMERecords) == 0 {
			row.drop(c, settingCNAME)
			return nil
		}
		return row.put(c, settingCNAME, doc)
	})
	if err != nil {
		return nil, err
	}
	return &op.DeleteBucketCNAMEOutput{}, nil
}

// unbind drops the row of a domain, if it leads to the bucket.
func (b *Bucket) unbind(snap meta.Snapshot, c *change, domain string) error {
	row, ok, err := snap.Get(domainKey(domain))
	if !ok || err != nil {
		return err
	}
	d, err := decodeDomain(row.Val)
	if err != nil {
		return fmt.Errorf("domain %q: %w", domain, err)
	}
	if d.bucket == b.row.id {
		c.unchanged(domainKey(domain), row, true)
		c.drop(bytes.Clone(row.Key))
	}
	return nil
}

// unbindAll drops the rows of all domains of the bucket, which is being dropped itself. If their list is lost they stay behind: they
// lead nowhere then, and fsck drops them.
func (b *Bucket) unbindAll(snap meta.Snapshot, c *change) error {
	row, ok, err := snap.Get(settingKey(b.row.id, settingCNAME))
	if !ok || err != nil {
		return err
	}
	var doc cnameDoc
	if err := decodeSetting(b.name, settingCNAME, row.Val, &doc); err != nil {
		return err
	}
	for _, r := range doc.CNAMERecords {
		if err := b.unbind(snap, c, r.Domain); err != nil {
			return err
		}
	}
	return nil
}
