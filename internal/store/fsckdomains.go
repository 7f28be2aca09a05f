package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// What the lists of buckets say about domains is what counts, and the rows of domains are made to agree. Only where a list is lost it
// is made again of them; and where two lists have a domain, its row says whose it is.

// domain checks that the bucket of a domain knows of it.
func (c *checker) domain(r meta.Row) error {
	d, err := decodeDomain(r.Val)
	if err != nil {
		return err
	}
	domain := string(r.Key[1:])
	name, ok := c.buckets[d.bucket]
	if !ok {
		if c.deserted(d.bucket) {
			c.repairable(dropped(r), fmt.Sprintf("unbound the domain %s from bucket number %d, which does not exist", domain, d.bucket))
		}
		return fmt.Errorf("leads to bucket number %d, which does not exist", d.bucket)
	}
	list, ok, err := c.snap.Get(settingKey(d.bucket, settingCNAME))
	if err != nil {
		return err
	}
	var doc cnameDoc
	unreadable := ok && json.Unmarshal(list.Val, &doc) != nil || !ok && c.expects(name, settingCNAME)
	if unreadable || doc.find(domain) >= 0 {
		return nil // the one is told, and in the other what the row says compared, where lists are checked
	}
	fix := dropped(r)
	fix.unchanged(settingKey(d.bucket, settingCNAME), list, ok)
	c.repairable(fix, fmt.Sprintf("unbound the domain %s from bucket %s, whose list does not have it", domain, name))
	return fmt.Errorf("bucket %s has no such domain", name)
}

// expects reports whether a bucket says that it has a setting.
func (c *checker) expects(bucket string, s setting) bool {
	row, ok, err := c.snap.Get(bucketKey(bucket))
	if !ok || err != nil {
		return false
	}
	b, err := decodeBucket(row.Val)
	return err == nil && b.set.has(s)
}

// lostDomains repairs that the list of a bucket's domains is lost, and reports whether there were any to make it of.
func (c *checker) lostDomains(r meta.Row, b *bucketRow) bool {
	var doc cnameDoc
	err := walk(c.snap, []byte{kindDomain}, func(row meta.Row) error {
		if d, err := decodeDomain(row.Val); err == nil && d.bucket == b.id {
			doc.CNAMERecords = append(doc.CNAMERecords, d.record(string(row.Key[1:])))
		}
		return nil
	})
	if err != nil || len(doc.CNAMERecords) == 0 {
		return false
	}
	slices.SortStableFunc(doc.CNAMERecords, func(a, b op.CNAMERecord) int { return a.Created.Compare(b.Created) })
	text, err := json.Marshal(doc)
	if err != nil {
		return false
	}
	var fix change
	fix.still(bytes.Clone(r.Key), r.Rev)
	fix.guard(meta.Absent, settingKey(b.id, settingCNAME))
	fix.set(settingKey(b.id, settingCNAME), text)
	c.repairable(fix, fmt.Sprintf("made the list of domains of bucket %s again", r.Key[1:]))
	return true
}

// domains checks that each domain in the list of a bucket leads to it.
func (c *checker) domains(r meta.Row, bucket uint64) error {
	name := c.buckets[bucket]
	var doc cnameDoc
	if err := decodeSetting(name, settingCNAME, r.Val, &doc); err != nil {
		return err
	}
	var errs []error
	for i := range doc.CNAMERecords {
		errs = append(errs, c.listed(r, &doc, i, bucket))
	}
	return errors.Join(errs...)
}

// listed checks one entry of a list.
func (c *checker) listed(r meta.Row, doc *cnameDoc, i int, bucket uint64) error {
	record, name := &doc.CNAMERecords[i], c.buckets[bucket]
	want := domainOf(record, bucket, name)
	row, ok, err := c.snap.Get(domainKey(record.Domain))
	if err != nil || ok && bytes.Equal(row.Val, want.encode()) {
		return err
	}
	if other, bad := decodeDomain(row.Val); ok && bad == nil && other.bucket != bucket && c.lists(other.bucket, record.Domain) {
		var fix change
		fix.still(bytes.Clone(r.Key), r.Rev)
		without := cnameDoc{CNAMERecords: slices.Delete(slices.Clone(doc.CNAMERecords), i, i+1)}
		text, err := json.Marshal(without)
		fix.set(bytes.Clone(r.Key), text)
		c.repairable(fix, fmt.Sprintf("took the domain %s off the list of bucket %s: it is that of bucket %s", record.Domain, name, c.buckets[other.bucket]))
		return errors.Join(fmt.Errorf("the domain %s is that of bucket %s", record.Domain, c.buckets[other.bucket]), err)
	}
	var fix change
	fix.still(bytes.Clone(r.Key), r.Rev)
	fix.unchanged(domainKey(record.Domain), row, ok)
	fix.set(domainKey(record.Domain), want.encode())
	c.repairable(fix, fmt.Sprintf("bound the domain %s to bucket %s again", record.Domain, name))
	return fmt.Errorf("the domain %s does not lead to bucket %s", record.Domain, name)
}

// lists reports whether a bucket that exists has a domain in its list.
func (c *checker) lists(bucket uint64, domain string) bool {
	if _, ok := c.buckets[bucket]; !ok {
		return false
	}
	row, ok, err := c.snap.Get(settingKey(bucket, settingCNAME))
	if !ok || err != nil {
		return false
	}
	var doc cnameDoc
	return json.Unmarshal(row.Val, &doc) == nil && doc.find(domain) >= 0
}
