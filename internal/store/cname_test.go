package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

func bind(t *testing.T, b *store.Bucket, domain, kind string) error {
	t.Helper()
	_, err := b.PutBucketCNAME(t.Context(), &op.PutBucketCNAMEInput{Domain: domain, Type: kind})
	return err
}

func mustBind(t *testing.T, b *store.Bucket, domains ...string) {
	t.Helper()
	for _, d := range domains {
		if err := bind(t, b, d, ""); err != nil {
			t.Fatalf("bind %s: %v", d, err)
		}
	}
}

func unbind(t *testing.T, b *store.Bucket, domain string) {
	t.Helper()
	if _, err := b.DeleteBucketCNAME(t.Context(), &op.DeleteBucketCNAMEInput{Domain: domain}); err != nil {
		t.Fatalf("unbind %s: %v", domain, err)
	}
}

// domains returns the domains of a type, separated by spaces.
func domains(t *testing.T, b *store.Bucket, kind string) string {
	t.Helper()
	out, err := b.GetBucketCNAME(t.Context(), &op.GetBucketCNAMEInput{Type: kind})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range out.CNAMERecords {
		if r.Created.IsZero() || kind != "" && r.Type != kind {
			t.Errorf("%+v has no time, or is not of type %q", r, kind)
		}
		names = append(names, r.Domain)
	}
	if out.Count != int64(len(names)) {
		t.Errorf("count is %d for %v", out.Count, names)
	}
	return strings.Join(names, " ")
}

// leads checks what a domain is bound to; an empty bucket is none.
func leads(t *testing.T, s *store.Store, domain, bucket string, website bool) {
	t.Helper()
	got, ok, err := s.Binding(t.Context(), domain)
	if want := (store.Binding{Bucket: bucket, Website: website}); err != nil || ok != (bucket != "") || ok && got != want {
		t.Errorf("Binding(%s) = %+v, %v, %v; want %+v", domain, got, ok, err, want)
	}
}

func TestDomains(t *testing.T) {
	s, b := newBucket(t)
	other := makeBucket(t, s, "other-bucket")
	if got := domains(t, b, ""); got != "" {
		t.Errorf("a new bucket has the domains %q", got)
	}
	mustBind(t, b, "b.example", "a.example")
	if err := bind(t, b, "w.example", "website"); err != nil {
		t.Fatal(err)
	}
	leads(t, s, "a.example", "test-bucket", false)
	leads(t, s, "w.example", "test-bucket", true)
	leads(t, s, "c.example", "", false)
	if got := domains(t, b, "normal") + "," + domains(t, b, "website"); got != "b.example a.example,w.example" {
		t.Errorf("the domains are %q", got)
	}
	if err := bind(t, other, "a.example", ""); fault.CodeOf(err) != fault.DomainOccupied || strings.Contains(err.Error(), "test-bucket") {
		t.Errorf("bind what another holds = %v; want domain_occupied, and not whose it is", err)
	}
	if err := bind(t, b, "a.example", "mail"); fault.CodeOf(err) != fault.InvalidRequest {
		t.Errorf("type mail = %v; want invalid_request", err)
	}
	if _, err := b.GetBucketCNAME(t.Context(), &op.GetBucketCNAMEInput{Type: "mail"}); fault.CodeOf(err) != fault.InvalidArgument {
		t.Errorf("list of type mail = %v; want invalid_argument", err)
	}

	mustBind(t, b, "b.example") // again
	if err := bind(t, b, "b.example", "website"); err != nil {
		t.Fatal(err)
	}
	leads(t, s, "b.example", "test-bucket", true)
	if got := domains(t, b, "") + "," + domains(t, b, "website"); got != "a.example,b.example w.example" {
		t.Errorf("the domains are %q", got)
	}
	checkClean(t, s)

	unbind(t, other, "a.example")
	leads(t, s, "a.example", "test-bucket", false)
	unbind(t, b, "a.example")
	unbind(t, b, "a.example")
	leads(t, s, "a.example", "", false)
	mustBind(t, other, "a.example")
	leads(t, s, "a.example", "other-bucket", false)
	unbind(t, b, "b.example")
	unbind(t, b, "w.example")
	if got := domains(t, b, "website"); got != "" {
		t.Errorf("after all are unbound there are %q", got)
	}
}

// TestDomainKeepsItsTime: when a domain was bound does not change with its type.
func TestDomainKeepsItsTime(t *testing.T) {
	p := newPatient(t)
	now := time.Now()
	s := p.open(store.Options{Now: func() time.Time { now = now.Add(time.Minute); return now }})
	defer p.close(s)
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	var created []time.Time
	for _, kind := range []string{"normal", "website"} {
		if err := bind(t, b, "a.example", kind); err != nil {
			t.Fatal(err)
		}
		out, err := b.GetBucketCNAME(t.Context(), &op.GetBucketCNAMEInput{Type: kind})
		if err != nil || out.Count != 1 {
			t.Fatalf("GetBucketCNAME = %+v, %v; want one", out, err)
		}
		created = append(created, out.CNAMERecords[0].Created)
	}
	if !created[0].Equal(created[1]) {
		t.Errorf("it was bound at %v, and as a website at %v", created[0], created[1])
	}
}

func TestDomainsGoWithTheirBucket(t *testing.T) {
	s, b := newBucket(t)
	mustBind(t, b, "a.example", "b.example")
	if err := b.PutWebsite(t.Context(), store.Website{Index: "index.html"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteBucket(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	leads(t, s, "a.example", "", false)
	checkClean(t, s)
	again := makeBucket(t, s, "test-bucket")
	leads(t, s, "a.example", "", false)
	mustBind(t, again, "b.example")
	if _, ok, err := again.Website(t.Context()); ok || err != nil {
		t.Errorf("the new bucket has the old one's website: %v, %v", ok, err)
	}
	if err := bind(t, b, "a.example", ""); fault.CodeOf(err) != fault.BucketNotExists {
		t.Errorf("bind to a bucket that is gone = %v; want bucket_not_exists", err)
	}
}

func TestDomainsOfABucketAreBounded(t *testing.T) {
	_, b := newBucket(t)
	for i := range 100 {
		mustBind(t, b, fmt.Sprintf("d%d.example", i))
	}
	if err := bind(t, b, "one-more.example", ""); fault.CodeOf(err) != fault.CNAMEError {
		t.Errorf("one more = %v; want cname_error", err)
	}
	mustBind(t, b, "d99.example")
	unbind(t, b, "d0.example")
	mustBind(t, b, "one-more.example")
}

// TestOneBucketGetsTheDomain lets two buckets bind a domain at the same time, each at the worst moment of the other.
func TestOneBucketGetsTheDomain(t *testing.T) {
	s, i, _ := openInterrupted(t)
	one, two := makeBucket(t, s, "bucket-one"), makeBucket(t, s, "bucket-two")
	i.before(sets('n'), func() { mustBind(t, two, "a.example") })
	if err := bind(t, one, "a.example", ""); fault.CodeOf(err) != fault.DomainOccupied {
		t.Errorf("who comes too late gets %v; want domain_occupied", err)
	}
	leads(t, s, "a.example", "bucket-two", false)
	if got := domains(t, one, ""); got != "" {
		t.Errorf("its list has %q", got)
	}
	// The bucket goes while a domain is bound to it.
	i.before(sets('n'), func() {
		if _, err := one.DeleteBucket(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	if err := bind(t, one, "b.example", ""); fault.CodeOf(err) != fault.BucketNotExists {
		t.Errorf("bind to a bucket that goes = %v; want bucket_not_exists", err)
	}
	leads(t, s, "b.example", "", false)
	checkClean(t, s)

	var wg sync.WaitGroup
	three := makeBucket(t, s, "bucket-three")
	won := make(chan string, 2)
	for name, b := range map[string]*store.Bucket{"bucket-two": two, "bucket-three": three} {
		wg.Go(func() {
			switch err := bind(t, b, "c.example", ""); {
			case err == nil:
				won <- name
			case fault.CodeOf(err) != fault.DomainOccupied:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d buckets have got the domain; want 1", len(won))
	}
	leads(t, s, "c.example", <-won, false)
	checkClean(t, s)
}

var domainAilments = map[string]ailment{
	"row of a domain is gone": {
		harm:     func(p *patient) { p.drop([]byte("na.example")) },
		problem:  "the domain a.example does not lead to bucket test-bucket",
		repaired: []string{"bound the domain a.example to bucket test-bucket again"},
	},
	"row of a domain cannot be read": {
		harm:     func(p *patient) { p.set("na.example", "nonsense") },
		problem:  "domain row: record version 110, want 1",
		repaired: []string{"bound the domain a.example to bucket test-bucket again"},
	},
	"row of a domain is another's": {
		harm:     func(p *patient) { p.set("na.example", string(p.rows("nc.example")[0].Val)) },
		problem:  "bucket empty-bucket has no such domain",
		repaired: []string{"bound the domain a.example to bucket test-bucket again"},
	},
	"row of a domain has another type": {
		harm:     func(p *patient) { p.set("na.example", string(p.rows("na.example")[0].Val)+"\x0a\x01") },
		problem:  "the domain a.example does not lead to bucket test-bucket",
		repaired: []string{"bound the domain a.example to bucket test-bucket again"},
	},
	"domain of no bucket": {
		harm:     func(p *patient) { p.set("nx.example", "\x01\x02\x63\x05\x04gone") },
		problem:  "leads to bucket number 99, which does not exist",
		repaired: []string{"unbound the domain x.example from bucket number 99"},
	},
	"domain that is in no list": {
		harm:     func(p *patient) { p.set("nx.example", string(p.rows("na.example")[0].Val)) },
		problem:  "bucket test-bucket has no such domain",
		repaired: []string{"unbound the domain x.example from bucket test-bucket"},
	},
	"domain of a bucket without a list": {
		harm: func(p *patient) {
			list := p.list("empty-bucket")
			p.drop(list.Key)
			r := p.rows("bempty-bucket")[0]
			p.set(string(r.Key), strings.TrimSuffix(string(r.Val), "\x0e\x20"))
		},
		problem:  "bucket empty-bucket has no such domain",
		repaired: []string{"unbound the domain c.example from bucket empty-bucket"},
	},
	"list is lost": {
		harm:     func(p *patient) { p.drop(p.list("test-bucket").Key) },
		problem:  "the list of domains is missing",
		repaired: []string{"made the list of domains of bucket test-bucket again"},
	},
	"list and rows are lost": {
		harm:     func(p *patient) { p.drop(p.list("empty-bucket").Key, []byte("nc.example")) },
		problem:  "the list of domains is missing",
		repaired: []string{"noted that settings of bucket empty-bucket are lost"},
	},
	"domain in two lists": {
		harm: func(p *patient) {
			p.set(string(p.list("empty-bucket").Key), string(p.list("test-bucket").Val))
		},
		problem: "the domain a.example is that of bucket test-bucket",
		repaired: []string{
			"took the domain a.example off the list of bucket empty-bucket", "took the domain b.example off the list",
			"unbound the domain c.example from bucket empty-bucket",
		},
	},
	"list is nonsense": {
		harm:    func(p *patient) { p.set(string(p.list("empty-bucket").Key), `{"cname_records":7}`) },
		problem: "list of domains of bucket",
		left:    "list of domains of bucket",
	},
}

// TestDomainOfABucketThatIsGoneIsFree: what damage has left behind is in nobody's way.
func TestDomainOfABucketThatIsGoneIsFree(t *testing.T) {
	p := newPatient(t)
	p.engines()
	p.set("nx.example", "\x01\x02\x63\x05\x04gone")
	p.set("ny.example", "\x01\x02\x63\x05\x0btest-bucket")
	s := p.open(store.Options{})
	defer p.close(s)
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	leads(t, s, "x.example", "", false)
	leads(t, s, "y.example", "", false)
	mustBind(t, b, "x.example", "y.example")
	leads(t, s, "x.example", "test-bucket", false)
	checkClean(t, s)
}

// list returns the row of a bucket's list of domains.
func (p *patient) list(bucket string) meta.KV {
	p.t.Helper()
	for _, r := range p.rows("i") {
		if string(r.Val) == bucket {
			return p.rows("m" + string(r.Key[1:]) + "\x05")[0]
		}
	}
	p.t.Fatalf("there is no bucket %s", bucket)
	return meta.KV{}
}

// bindDomains binds domains to both buckets.
func (p *patient) bindDomains() {
	p.t.Helper()
	s := p.open(store.Options{})
	defer p.close(s)
	for bucket, names := range map[string][]string{"test-bucket": {"b.example", "a.example"}, "empty-bucket": {"c.example"}} {
		b, err := s.Bucket(p.t.Context(), bucket)
		if err != nil {
			p.t.Fatal(err)
		}
		mustBind(p.t, b, names...)
	}
}

// TestUnbindingLeavesWhatIsAnothers: a list that is wrong does not cost another bucket its domain.
func TestUnbindingLeavesWhatIsAnothers(t *testing.T) {
	p := newPatient(t)
	p.bindDomains()
	p.engines()
	p.set(string(p.list("empty-bucket").Key), string(p.list("test-bucket").Val))
	s := p.open(store.Options{})
	defer p.close(s)
	b, err := s.Bucket(t.Context(), "empty-bucket")
	if err != nil {
		t.Fatal(err)
	}
	unbind(t, b, "a.example")
	if _, err := b.DeleteBucket(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	leads(t, s, "a.example", "test-bucket", false)
	leads(t, s, "b.example", "test-bucket", false)
}

// TestRepairDomains checks that lists of domains and their rows are made to agree, whichever of them is harmed.
func TestRepairDomains(t *testing.T) {
	for name, a := range domainAilments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			p.bindDomains()
			a.test(p)
			if a.left != "" {
				return
			}
			s := p.open(store.Options{})
			defer p.close(s)
			leads(t, s, "a.example", "test-bucket", false)
			b, err := s.Bucket(t.Context(), "test-bucket")
			if err != nil {
				t.Fatal(err)
			}
			if got := domains(t, b, ""); got != "b.example a.example" && got != "a.example b.example" {
				t.Errorf("the domains are %q", got)
			}
		})
	}
}
