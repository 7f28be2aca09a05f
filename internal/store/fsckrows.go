package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/oisproject/ois/internal/lifecycle"
	"github.com/oisproject/ois/internal/meta"
)

// singles checks the rows that neither claim others nor are claimed.
func (c *checker) singles(ctx context.Context) error {
	c.buckets = make(map[uint64]string)
	c.list.list = slices.Grow(c.list.list, c.expected())
	for _, rows := range []struct {
		kind  byte
		check func(meta.Row) error
	}{
		{kindUser, c.user},
		{kindKey, c.key},
		{kindBucket, c.bucket},
		{kindLive, c.live},
		{kindEpoch, c.epoch},
		{kindScrub, c.scrub},
		{kindSetting, c.setting},
		{kindJob, c.job},
		{kindEvent, c.event},
		{kindReplica, c.replica},
		{kindDomain, c.domain},
		{kindSeal, c.seal},
	} {
		if err := c.walk(ctx, rows.kind, rows.check); err != nil {
			return err
		}
	}
	return c.strangers(ctx)
}

// expected guesses the number of claims from that of objects, so that the list need not grow.
func (c *checker) expected() int {
	sum := int64(0)
	_ = walk(c.snap, []byte{kindCounter}, func(r meta.Row) error { // it is a guess, and what is wrong here is found later
		n, err := meta.Counter(r)
		if r.Key[len(r.Key)-1] == countObjects {
			sum += max(n, 0)
		}
		return err
	})
	return int(min(sum+sum/8+1024, 2*maxClaims))
}

// kinds are all kinds of rows.
var kinds = []byte{
	kindBucket, kindLive, kindObject, kindVersion, kindUpload, kindData, kindPart, kindRef, kindGarbage, kindCounter, kindEpoch, kindUser,
	kindKey, kindScrub, kindSetting, kindJob, kindDomain, kindSeal, kindEvent, kindReplica,
}

// strangers finds rows of no kind.
func (c *checker) strangers(ctx context.Context) error {
	return walkOver(ctx, c.snap, []byte{1}, []byte{0xff}, func(r meta.Row) ([]byte, bool) {
		if bytes.IndexByte(kinds, r.Key[0]) >= 0 {
			return []byte{r.Key[0] + 1}, false
		}
		c.problem("row %q: rows of this kind are not known", r.Key)
		return nil, false
	}, func(gap) {}) // whoever walks over its kind meets it
}

func (c *checker) user(r meta.Row) error {
	_, err := decodeUser(r.Val)
	return err
}

func (c *checker) epoch(r meta.Row) error {
	if _, err := epochOf(r.Key); err != nil {
		return err
	}
	_, err := decodeEpoch(r.Val)
	return err
}

func (c *checker) scrub(r meta.Row) error {
	if len(r.Key) != 1 {
		return errors.New("key is too long")
	}
	_, err := decodeScrub(r.Val)
	return err
}

func (c *checker) job(r meta.Row) error {
	if _, err := decodeJob(r.Val); err != nil {
		c.repairable(dropped(r), fmt.Sprintf("dropped the last run of job %q, which begins again", r.Key[1:]))
		return err
	}
	return nil
}

// event checks what is to be told. Its bucket, and its rule, may be gone: then it is dropped when its turn comes.
func (c *checker) event(r meta.Row) error {
	if _, err := splitEventKey(r.Key); err != nil {
		return err
	}
	_, err := decodeEvent(r.Val)
	return err
}

// replica checks what is to be copied; its bucket may be gone, too.
func (c *checker) replica(r meta.Row) error {
	if _, err := bucketOf(r.Key); err != nil {
		return err
	}
	_, err := decodeReplica(r.Val)
	return err
}

func (c *checker) key(r meta.Row) error {
	k, err := decodeKey(r.Val)
	if err != nil {
		return err
	}
	_, ok, err := c.snap.Get(userKey(k.user))
	if ok && err == nil {
		return c.sealedSecret(string(r.Key[1:]), &k)
	}
	if err != nil {
		return err
	}
	fix := dropped(r)
	fix.guard(meta.Absent, userKey(k.user))
	c.repairable(fix, fmt.Sprintf("dropped the access key %s of user %q, who does not exist", r.Key[1:], k.user))
	return fmt.Errorf("belongs to user %q, who does not exist", k.user)
}

func (c *checker) bucket(r meta.Row) error {
	b, err := decodeBucket(r.Val)
	if err != nil {
		return err
	}
	name := string(r.Key[1:])
	if other, ok := c.buckets[b.id]; ok {
		return fmt.Errorf("has the number %d, as bucket %s has", b.id, other)
	}
	c.report.Buckets++
	c.buckets[b.id] = name
	live, ok, err := c.snap.Get(liveKey(b.id))
	if err != nil {
		return err
	}
	if ok == b.closing || ok && !bytes.Equal(live.Val, b.live(name)) {
		c.repairable(livened(r, &b), fmt.Sprintf("made the live row of bucket %s agree with its bucket row", name))
		return errors.New("bucket row and live row do not agree")
	}
	return c.settings(r, b)
}

// settings checks that a bucket has the settings it says it has.
func (c *checker) settings(r meta.Row, b bucketRow) error {
	var errs []error
	lost := b
	b.set.each(func(s setting) {
		_, ok, err := c.snap.Get(settingKey(b.id, s))
		if ok || err != nil {
			errs = append(errs, err)
			return
		}
		errs = append(errs, fmt.Errorf("the %s is missing", s))
		if s != settingCNAME || !c.lostDomains(r, &b) {
			lost.set = lost.set.without(s)
		}
	})
	if lost.set != b.set {
		var fix change
		fix.still(bytes.Clone(r.Key), r.Rev)
		fix.set(bytes.Clone(r.Key), lost.encode())
		if name := string(r.Key[1:]); !b.closing {
			fix.set(liveKey(b.id), lost.live(name))
		}
		c.repairable(fix, fmt.Sprintf("noted that settings of bucket %s are lost; set them again", r.Key[1:]))
	}
	return errors.Join(errs...)
}

// setting checks that the bucket of a setting knows of it.
func (c *checker) setting(r meta.Row) error {
	id, s, err := settingOf(r.Key)
	if err != nil {
		return err
	}
	if !c.owned(r.Key) {
		if c.deserted(id) {
			c.repairable(dropped(r), fmt.Sprintf("dropped a setting of bucket number %d, which does not exist", id))
		}
		return nil
	}
	row, ok, err := c.snap.Get(bucketKey(c.buckets[id]))
	if err != nil || !ok {
		return err
	}
	b, err := decodeBucket(row.Val)
	if err != nil {
		return err
	}
	if !b.set.has(s) {
		fix := dropped(r)
		fix.still(row.Key, row.Rev)
		c.repairable(fix, fmt.Sprintf("dropped the %s of bucket %s, which had none", s, c.buckets[id]))
		return fmt.Errorf("bucket %s has no %s", c.buckets[id], s)
	}
	if !json.Valid(r.Val) {
		return errors.New("is not JSON")
	}
	if s == settingCNAME {
		return c.domains(r, id)
	}
	return checkDocument(s, r.Val)
}

// checkDocument checks a setting that jobs act by.
func checkDocument(s setting, text []byte) error {
	switch s {
	case settingLifecycle:
		var doc lifecycleDoc
		if err := json.Unmarshal(text, &doc); err != nil {
			return err
		}
		_, err := lifecycle.Check(doc.Rule)
		return err
	case settingLogging:
		return json.Unmarshal(text, new(loggingDoc))
	}
	return nil
}

func (c *checker) live(r meta.Row) error {
	n, err := bucketOf(r.Key)
	if err != nil {
		return err
	}
	if c.owned(r.Key) || !c.deserted(n) {
		return nil
	}
	c.repairable(dropped(r), fmt.Sprintf("dropped the live row of bucket number %d, which does not exist", n))
	return nil
}

// bucketOf returns the bucket number in a row's key.
func bucketOf(k []byte) (uint64, error) {
	if len(k) < 9 {
		return 0, errors.New("key is too short")
	}
	return binary.BigEndian.Uint64(k[1:9]), nil
}

// owned reports whether the bucket in a row's key exists.
func (c *checker) owned(k []byte) bool {
	n, err := bucketOf(k)
	_, ok := c.buckets[n]
	if !ok && err == nil {
		c.problem("row %q: belongs to bucket number %d, which does not exist", k, n)
	}
	return ok
}

func (c *checker) garbageRow(r meta.Row) error {
	g, err := decodeGarbage(r.Val)
	if err != nil {
		return err
	}
	id, err := garbageOf(r.Key)
	if err != nil {
		return err
	}
	c.garbage[id] = g.parts
	h := g.holding(id)
	h.claims(c.list.add)
	return nil
}

func (c *checker) object(r meta.Row) error {
	o, err := decodeObject(r.Val)
	if err != nil {
		return err
	}
	h := o.holding()
	h.claims(c.list.add)
	if !c.first {
		return nil
	}
	bucket, err := bucketOf(r.Key)
	if err != nil {
		return err
	}
	if o.marker() {
		c.problem("row %q: is a delete marker in the place of an object", r.Key)
	}
	c.report.Objects++
	c.counts[string(counterKey(bucket, o.class, countObjects))]++
	c.counts[string(counterKey(bucket, o.class, countBytes))] += o.size
	c.owned(r.Key)
	c.alive(r, &h)
	return nil
}

func (c *checker) upload(r meta.Row) error {
	_, id, err := splitUploadKey(r.Key)
	if err != nil {
		return err
	}
	h := uploadHolding(id)
	h.claims(c.list.add)
	if !c.first {
		return nil
	}
	c.report.Uploads++
	c.owned(r.Key)
	c.alive(r, &h)
	_, err = decodeUpload(r.Val)
	return err
}

func (c *checker) part(r meta.Row) error {
	if _, err := partNumber(r.Key); err != nil {
		return err
	}
	p, err := decodePart(r.Val)
	if err != nil {
		return err
	}
	h := p.holding()
	h.dead = c.garbage[ref(r.Key[1:1+refLen])]
	h.claims(c.list.add)
	if c.first {
		c.report.Parts++
		c.alive(r, &h)
	}
	return nil
}

// alive checks what holds bytes that are not garbage.
func (c *checker) alive(r meta.Row, h *holding) {
	if h.dead {
		return
	}
	if f, wrong := h.misfit(); wrong {
		c.damage.addRow(h.self(), f)
	}
	if _, dead := c.garbage[h.ref]; !dead {
		return
	}
	c.problem("row %q: the garbage row of its ref gives back what is alive", r.Key)
	var fix change
	fix.still(bytes.Clone(r.Key), r.Rev)
	fix.drop(garbageKey(h.ref))
	c.repairable(fix, fmt.Sprintf("dropped the garbage row of ref %s, which is alive", h.ref))
}

// counters compares the counters with what the rows of objects say.
func (c *checker) counters(ctx context.Context) error {
	err := c.walk(ctx, kindCounter, func(r meta.Row) error {
		n, err := meta.Counter(r)
		if err != nil {
			return err
		}
		want := c.counts[string(r.Key)]
		delete(c.counts, string(r.Key))
		if n == want || c.blind {
			return nil
		}
		c.recount(r.Key, n, want)
		return fmt.Errorf("counter says %d, want %d", n, want)
	})
	for _, k := range slices.Sorted(maps.Keys(c.counts)) {
		if want := c.counts[k]; want != 0 && !c.blind {
			c.problem("counter %q is missing, want %d", k, want)
			c.recount([]byte(k), 0, want)
		}
	}
	return err
}
