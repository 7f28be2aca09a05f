package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

// maxProblems is how many problems a report spells out.
const maxProblems = 1000

// A Report is what Check found.
type Report struct {
	Buckets  int64    `json:"buckets"`
	Objects  int64    `json:"objects"`
	Uploads  int64    `json:"uploads"`
	Parts    int64    `json:"parts"` // of uploads and of objects that were uploaded in parts
	Blobs    int64    `json:"blobs"`
	Bytes    int64    `json:"bytes"`   // read and compared with their checksums
	Orphans  int64    `json:"orphans"` // blobs without a name: harmless, the next start removes them
	Problems []string `json:"problems"`
	Omitted  int64    `json:"omitted"` // problems beyond those spelled out
}

// Clean reports whether nothing is wrong.
func (r *Report) Clean() bool { return len(r.Problems) == 0 }

// Check looks at everything the store holds: that rows can be read and agree with
// each other, that every byte matches its checksum, and that nothing is missing. It changes
// nothing, and may run while the store serves. The error is about the check itself.
func (s *Store) Check(ctx context.Context) (*Report, error) {
	s.swept.Lock() // what the snapshot names stays until we are done
	defer s.swept.Unlock()
	snap, err := s.meta.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c := &checker{
		store: s, snap: snap, report: &Report{Problems: []string{}},
		buckets: make(map[uint64]string), counts: make(map[string]int64),
		held: make(map[string]bool), needs: make(map[blob.ID]int64), bad: make(map[blob.ID]error), owners: make(map[ref]partOwner),
		alive: make(map[ref]bool),
	}
	err = c.run(ctx)
	return c.report, errors.Join(err, snap.Close())
}

// A checker is one run of Check over one snapshot.
type checker struct {
	store  *Store
	snap   meta.Snapshot
	report *Report

	buckets map[uint64]string
	counts  map[string]int64  // what the counters should say
	held    map[string]bool   // keys of the reference rows there should be
	needs   map[blob.ID]int64 // the end of what is read of each blob
	bad     map[blob.ID]error // blobs that cannot be read as they should
	owners  map[ref]partOwner // whose part rows there may be
	alive   map[ref]bool      // refs met so far: true if something lives under them, false if they are garbage
}

func (c *checker) problem(format string, args ...any) {
	if len(c.report.Problems) == maxProblems {
		c.report.Omitted++
		return
	}
	c.report.Problems = append(c.report.Problems, fmt.Sprintf(format, args...))
}

func (c *checker) run(ctx context.Context) error {
	for _, rows := range []struct {
		kind  byte
		check func(meta.Row) error
	}{
		{kindUser, c.user},
		{kindKey, c.key},
		{kindBucket, c.bucket},
		{kindLive, c.live},
		{kindObject, c.object},
		{kindUpload, c.upload},
		{kindGarbage, c.garbage},
		{kindPart, c.part},
		{kindRef, c.reference},
		{kindCounter, c.counter},
		{kindEpoch, c.epoch},
	} {
		err := c.snap.Walk([]byte{rows.kind}, []byte{rows.kind + 1}, func(r meta.Row) ([]byte, bool) {
			if err := rows.check(r); err != nil {
				c.problem("row %q: %v", r.Key, err)
			}
			return nil, ctx.Err() != nil
		})
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
	c.leftovers()
	return c.blobs(ctx)
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

func (c *checker) key(r meta.Row) error {
	k, err := decodeKey(r.Val)
	if err != nil {
		return err
	}
	if _, ok, err := c.snap.Get(userKey(k.user)); !ok || err != nil {
		return errors.Join(fmt.Errorf("belongs to user %q, who does not exist", k.user), err)
	}
	return nil
}

func (c *checker) bucket(r meta.Row) error {
	b, err := decodeBucket(r.Val)
	if err != nil {
		return err
	}
	c.report.Buckets++
	c.buckets[b.id] = string(r.Key[1:])
	live, ok, err := c.snap.Get(liveKey(b.id))
	if err != nil {
		return err
	}
	if ok == b.closing || ok && string(live.Val) != string(r.Key[1:]) {
		return fmt.Errorf("bucket row and live row do not agree")
	}
	return nil
}

func (c *checker) live(r meta.Row) error {
	_, err := c.owner(r.Key)
	return err
}

// owner returns the bucket number in a row's key, which must be that of a bucket.
func (c *checker) owner(k []byte) (uint64, error) {
	if len(k) < 9 {
		return 0, errors.New("key is too short")
	}
	id := uint64(0)
	for _, b := range k[1:9] {
		id = id<<8 | uint64(b)
	}
	if _, ok := c.buckets[id]; !ok {
		return id, fmt.Errorf("belongs to bucket number %d, which does not exist", id)
	}
	return id, nil
}

func (c *checker) object(r meta.Row) error {
	o, err := decodeObject(r.Val)
	if err != nil {
		return err
	}
	bucket, err := c.owner(r.Key)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("object %s/%q", c.buckets[bucket], r.Key[9:])
	c.report.Objects++
	c.counts[string(counterKey(bucket, o.class, countObjects))]++
	c.counts[string(counterKey(bucket, o.class, countBytes))] += o.size
	all, err := o.allExtents(c.snap)
	if err != nil {
		return err
	}
	if n := total(all); n != o.size {
		c.problem("%s: has %d bytes in its extents, want %d", name, n, o.size)
	}
	if o.parts {
		c.owners[o.ref] = partOwner{name: name}
	}
	c.lives(o.ref)
	c.need(o.ref, o.extents)
	return nil
}

// A partOwner is what part rows belong to.
type partOwner struct {
	name string
	dead bool // it is garbage
}

// lives notes that something lives under a ref, which nothing else may have.
func (c *checker) lives(r ref) {
	if _, met := c.alive[r]; met {
		c.problem("ref %s stands in two rows that exclude each other", r)
	}
	c.alive[r] = true
}

// need notes that owner holds the blobs of extents.
func (c *checker) need(owner ref, extents []extent) {
	for _, id := range blobsOf(extents) {
		c.held[string(refKey(id, owner))] = true
	}
	for _, e := range extents {
		c.needs[e.blob] = max(c.needs[e.blob], e.off+e.n)
	}
}

func (c *checker) upload(r meta.Row) error {
	key, id, err := splitUploadKey(r.Key)
	if err != nil {
		return err
	}
	if _, err := c.owner(r.Key); err != nil {
		return err
	}
	c.report.Uploads++
	c.lives(id)
	c.owners[id] = partOwner{name: fmt.Sprintf("upload %s of %q", id, key)}
	_, err = decodeUpload(r.Val)
	return err
}

func (c *checker) garbage(r meta.Row) error {
	g, err := decodeGarbage(r.Val)
	if err != nil {
		return err
	}
	id, err := garbageOf(r.Key)
	if err != nil {
		return err
	}
	if c.alive[id] {
		return errors.New("gives back what is alive")
	}
	c.alive[id] = false
	if g.parts {
		c.owners[id] = partOwner{name: "garbage", dead: true}
	}
	// A crash of the sweeper may have deleted these blobs already.
	for _, b := range blobsOf(g.extents) {
		c.held[string(refKey(b, id))] = true
	}
	return nil
}

func (c *checker) part(r meta.Row) error {
	var id ref
	if _, err := partNumber(r.Key); err != nil {
		return err
	}
	copy(id[:], r.Key[1:])
	owner, ok := c.owners[id]
	if !ok {
		return errors.New("belongs to no upload and no object")
	}
	p, err := decodePart(r.Val)
	if err != nil {
		return err
	}
	c.report.Parts++
	if n := total(p.extents); n != p.size {
		c.problem("row %q: part has %d bytes in its extents, want %d", r.Key, n, p.size)
	}
	if owner.dead {
		for _, b := range blobsOf(p.extents) {
			c.held[string(refKey(b, p.ref))] = true
		}
		return nil
	}
	c.lives(p.ref)
	c.need(p.ref, p.extents)
	return nil
}

func (c *checker) reference(r meta.Row) error {
	if !c.held[string(r.Key)] {
		return errors.New("nothing needs this reference")
	}
	c.held[string(r.Key)] = false
	return nil
}

func (c *checker) counter(r meta.Row) error {
	n, err := meta.Counter(r)
	if err != nil {
		return err
	}
	if want := c.counts[string(r.Key)]; n != want {
		return fmt.Errorf("counter says %d, want %d", n, want)
	}
	delete(c.counts, string(r.Key))
	return nil
}

// leftovers reports what should have been met and was not.
func (c *checker) leftovers() {
	for k, missing := range c.held {
		if missing {
			c.problem("reference row %q is missing", k)
		}
	}
	for k, n := range c.counts {
		if n != 0 {
			c.problem("counter %q is missing, want %d", k, n)
		}
	}
}

// blobs reads every blob that something needs and counts those that nothing names.
func (c *checker) blobs(ctx context.Context) error {
	ids := make([]blob.ID, 0, len(c.needs))
	for id := range c.needs {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, blob.ID.Compare)
	for _, id := range ids {
		c.report.Blobs++
		if err := c.read(ctx, id); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.bad[id] = err
		}
	}
	return errors.Join(c.blame(), c.orphans(ctx))
}

// blame names the objects and parts that need a bad blob. It walks over all of them, which only
// damage makes necessary.
func (c *checker) blame() error {
	if len(c.bad) == 0 {
		return nil
	}
	blame := func(what string, extents []extent) {
		for _, id := range blobsOf(extents) {
			if err := c.bad[id]; err != nil {
				c.problem("%s: blob %s: %v", what, id, err)
			}
		}
	}
	return errors.Join(walk(c.snap, []byte{kindObject}, func(r meta.Row) error {
		o, err := decodeObject(r.Val)
		if bucket, known := c.owner(r.Key); err == nil && known == nil { // else it was reported before
			blame(fmt.Sprintf("object %s/%q", c.buckets[bucket], r.Key[9:]), o.extents)
		}
		return nil
	}), walk(c.snap, []byte{kindPart}, func(r meta.Row) error {
		p, err := decodePart(r.Val)
		n, known := partNumber(r.Key)
		if err == nil && known == nil { // as above
			blame(fmt.Sprintf("part %d of %s", n, c.owners[ref(r.Key[1:1+refLen])].name), p.extents)
		}
		return nil
	}))
}

// read checks the whole blob, and that it is as long as its extents say.
func (c *checker) read(ctx context.Context, id blob.ID) error {
	r, err := c.store.blobs.Open(ctx, id, 0, -1)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, r)
	c.report.Bytes += n
	if end := c.needs[id]; err == nil && end > n {
		err = fmt.Errorf("has %d bytes, an extent ends at %d", n, end)
	}
	return errors.Join(err, r.Close())
}

func (c *checker) orphans(ctx context.Context) error {
	epochs, err := c.store.blobs.Epochs(ctx)
	for _, e := range epochs {
		if e == c.store.epoch {
			continue // its uploads are going on
		}
		list, _, err := c.store.findOrphans(ctx, c.snap, e)
		if err != nil {
			return err
		}
		c.report.Orphans += int64(len(list))
	}
	return err
}

func total(list []extent) (n int64) {
	for _, e := range list {
		n += e.n
	}
	return n
}
