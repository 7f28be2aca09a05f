package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/lifecycle"
	"github.com/oisproject/ois/internal/meta"
)

// A pass of the lifecycle looks at each bucket that has rules, and does what they demand.
//
//	for each bucket with rules that have effect
//		for each walker, for each prefix that its rules are about
//			in a snapshot, look at a page of rows: which are due?
//			for each few of them: read again, judge again, and do it in one change
//		mark the rules ready
//
// What was due when the page was read may have been written anew since. So every change is made of rows that were judged again, and
// is guarded by them, and by the rules: what an owner has overwritten stays, and rules that were removed do nothing.
//
// A pass keeps nothing: each is one walk over everything, and one that was broken off by a crash is begun anew by the next, which
// finds less to do. No snapshot lives longer than a page.

const (
	lifecyclePage  = 1000   // rows of one look
	lifecycleBatch = 100    // rows of one change
	lifecycleTries = 3      // of a bucket whose rules are changed meanwhile
	lifecycleRate  = 50_000 // rows that are looked at in a second; the rest of the time is for users
	lifecycleCost  = 50     // rows that could be looked at instead of one that is changed
)

// A deed is what a pass does to something.
type deed string

// The deeds, by the names under which they are counted.
const (
	expired      deed = "expired"      // objects
	transitioned deed = "transitioned" // objects, and versions that are not current
	aborted      deed = "aborted"      // uploads
	erased       deed = "erased"       // versions that are not current, for good
)

// A walker looks at the rows of one kind.
type walker struct {
	// actions are those of rules that are about these rows.
	actions []lifecycle.Action
	// span returns where the rows of a bucket with keys under a prefix are.
	span func(bucket uint64, prefix string) (lo, hi []byte)
	// due returns what rules demand for a row, and how a report calls what it is; an empty deed is nothing.
	due func(p *lifecycle.Plan, snap meta.Snapshot, r meta.Row) (d deed, what string, err error)
	// do adds that to a change. The row is that of the snapshot.
	do func(c *change, snap *view, bucket uint64, r meta.Row, d deed) error
}

// walkers are all that a pass walks over. Versions come before objects, so that no pass erases what it has itself made an older version.
var walkers = []walker{
	{[]lifecycle.Action{lifecycle.ExpireNoncurrent, lifecycle.TransitionNoncurrent, lifecycle.Expire}, versionSpan, dueVersion, doVersion},
	{[]lifecycle.Action{lifecycle.Expire, lifecycle.Transition}, objectSpan, dueObject, doObject},
	{[]lifecycle.Action{lifecycle.Abort}, uploadSpan, dueUpload, doUpload},
}

func objectSpan(bucket uint64, prefix string) (lo, hi []byte) {
	lo = objectKey(bucket, prefix)
	return lo, successor(lo)
}

func dueObject(p *lifecycle.Plan, _ meta.Snapshot, r meta.Row) (deed, string, error) {
	o, err := decodeObject(r.Val)
	if err != nil {
		return "", "", err
	}
	if o.marker() {
		return "", "", errors.New("is a delete marker in the place of an object")
	}
	key := string(r.Key[9:])
	what := fmt.Sprintf("%q, modified %s", key, o.modified.UTC().Format(time.RFC3339))
	switch {
	case p.Due(lifecycle.Expire, key, o.modified):
		return expired, what, nil
	case o.class != standardIA && p.Due(lifecycle.Transition, key, o.modified):
		return transitioned, what, nil
	}
	return "", "", nil
}

// doObject deletes as anybody does who names no version: with versioning, what was current becomes an older version.
func doObject(c *change, snap *view, bucket uint64, r meta.Row, d deed) error {
	if d == expired {
		return c.remove(snap, bucket, string(r.Key[9:]))
	}
	v, err := readVersion(r)
	if err != nil {
		return err
	}
	c.reclass(bucket, &v)
	return nil
}

func uploadSpan(bucket uint64, prefix string) (lo, hi []byte) {
	lo = appendEscaped(numberKey(kindUpload, bucket), prefix)
	return lo, successor(lo)
}

func dueUpload(p *lifecycle.Plan, _ meta.Snapshot, r meta.Row) (deed, string, error) {
	key, id, err := splitUploadKey(r.Key)
	if err != nil {
		return "", "", err
	}
	u, err := decodeUpload(r.Val)
	if err != nil || !p.Due(lifecycle.Abort, key, u.created) {
		return "", "", err
	}
	return aborted, fmt.Sprintf("%q, upload %s, initiated %s", key, id, u.created.UTC().Format(time.RFC3339)), nil
}

func doUpload(c *change, _ *view, _ uint64, r meta.Row, _ deed) error {
	_, id, err := splitUploadKey(r.Key)
	c.abort(r, id)
	return err
}

// errRulesChanged ends a walk whose rules hold no more, or not now.
var errRulesChanged = errors.New("the rules were changed")

// RunLifecycle makes one pass over all buckets, as of the time of the task. What goes wrong with one bucket keeps no other
// from its turn.
func (s *Store) RunLifecycle(ctx context.Context, t job.Task, r *job.Result) error {
	for _, name := range []string{"buckets", string(expired), string(transitioned), string(erased), string(aborted)} {
		r.Add(name, 0)
	}
	p := &pass{store: s, task: t, result: r, pace: pacer{rate: lifecycleRate}}
	var failed []error
	for from := []byte{kindBucket}; from != nil; {
		var names []string
		var err error
		if names, from, err = s.bucketsWith(ctx, settingLifecycle, from); err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, name := range names {
			if err := p.bucket(ctx, name); err != nil {
				failed = append(failed, fmt.Errorf("lifecycle of bucket %s: %w", name, err))
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return errors.Join(failed...)
}

// bucketsWith returns some buckets that have a setting, from a row on, and the row to go on from, nil at the end.
func (s *Store) bucketsWith(ctx context.Context, set setting, from []byte) (names []string, next []byte, err error) {
	n := 0
	err = s.view(ctx, func(snap meta.Snapshot) error {
		var bad error
		err := snap.Walk(from, []byte{kindBucket + 1}, func(r meta.Row) ([]byte, bool) {
			if n++; n > lifecyclePage {
				next = bytes.Clone(r.Key)
				return nil, true
			}
			row, err := decodeBucket(r.Val)
			if err != nil { // which fsck reports
				bad = errors.Join(bad, fmt.Errorf("row %q: %w", r.Key, err))
			}
			if err == nil && row.set.has(set) && !row.closing {
				names = append(names, string(r.Key[1:]))
			}
			return nil, false
		})
		if bad != nil {
			s.log.ErrorContext(ctx, "buckets are left out: "+bad.Error())
		}
		return err
	})
	return names, next, err
}

// A pass is one run of the lifecycle.
type pass struct {
	store  *Store
	task   job.Task
	result *job.Result
	pace   pacer
}

// bucket does what the rules of a bucket demand.
func (p *pass) bucket(ctx context.Context, name string) error {
	for try := 1; ; try++ {
		v, err := p.visit(ctx, name)
		if v == nil || err != nil {
			return err
		}
		err = v.walk(ctx)
		if !errors.Is(err, errRulesChanged) {
			return err
		}
		if try == lifecycleTries {
			return nil // the next pass has its rules
		}
	}
}

// A visit is a pass in a bucket with rules that have effect.
type visit struct {
	*pass
	bucket *Bucket
	rev    uint64 // of the rules
	doc    lifecycleDoc
	plan   *lifecycle.Plan
	failed []error // about what stays as it is
	full   error   // why something was not moved
}

// maxErrors is how many of those a visit spells out.
const maxErrors = 10

// visit begins a visit, unless there is nothing to do in the bucket.
func (p *pass) visit(ctx context.Context, name string) (*visit, error) {
	v := &visit{pass: p}
	err := p.store.view(ctx, func(snap meta.Snapshot) (err error) {
		if v.bucket, err = p.store.bucketIn(snap, name); err != nil {
			return err
		}
		v.rev, err = v.bucket.settingIn(snap, settingLifecycle, &v.doc)
		return err
	})
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v.plan = lifecycle.At(v.doc.Rule, p.task.AsOf)
	if v.plan.Empty() || v.bucket.row.suspended { // its owner can neither change the rules nor save anything
		return nil, nil
	}
	return v, nil
}

// walk walks over everything that the rules are about.
func (v *visit) walk(ctx context.Context) error {
	for i := range walkers {
		w := &walkers[i]
		for _, prefix := range v.plan.Prefixes(w.actions...) {
			from, end := w.span(v.bucket.row.id, prefix)
			for from != nil {
				next, err := v.page(ctx, w, from, end)
				if err != nil {
					return err
				}
				from = next
			}
		}
	}
	v.result.Add("buckets", 1)
	if failed := errors.Join(append(v.failed, v.full)...); failed != nil || v.task.DryRun {
		return failed
	}
	return v.markReady(ctx)
}

// page looks at some rows and does what is due. It returns where to go on, nil at the end.
func (v *visit) page(ctx context.Context, w *walker, from, end []byte) (next []byte, err error) {
	var due [][]byte
	rows := 0
	err = v.store.view(ctx, func(snap meta.Snapshot) error {
		return walkOver(ctx, snap, from, end, func(r meta.Row) ([]byte, bool) {
			if rows++; rows > lifecyclePage {
				next = bytes.Clone(r.Key)
				return nil, true
			}
			d, what, err := w.due(v.plan, snap, r)
			switch {
			case err != nil:
				v.bad(fmt.Errorf("row %q: %w", r.Key, err))
			case d != "" && v.task.DryRun:
				v.did(d, what)
			case d != "":
				due = append(due, bytes.Clone(r.Key))
			}
			return nil, false
		}, func(g gap) { v.bad(errors.New(g.String())) })
	})
	if err == nil {
		err = v.pace.spend(ctx, int64(rows))
	}
	for batch := range slices.Chunk(due, lifecycleBatch) {
		if err == nil {
			err = v.change(ctx, w, batch)
		}
	}
	return next, err
}

// bad notes why something stays as it is.
func (v *visit) bad(err error) {
	if len(v.failed) < maxErrors {
		v.failed = append(v.failed, err)
	}
}

// did notes what was done.
func (v *visit) did(d deed, what string) {
	v.result.Add(string(d), 1)
	v.result.Note("%s %s/%s", d, v.bucket.name, what)
}

// change does what is due with some rows, in one change: those that are due still.
func (v *visit) change(ctx context.Context, w *walker, keys [][]byte) error {
	type done struct {
		deed
		what string
	}
	var list []done
	var failed []error
	err := v.bucket.write(ctx, func(snap *view) (*meta.Change, error) {
		list, failed = list[:0], failed[:0]
		var c change
		if err := v.check(snap, &c); err != nil {
			return nil, err
		}
		for _, k := range keys {
			r, ok, err := snap.Get(k)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			r.Key = k
			d, what, err := w.due(v.plan, snap, r)
			if err != nil || d == "" {
				continue
			}
			if full := v.store.admit(); full != nil && d == transitioned { // to delete needs no room
				v.full = full
				continue
			}
			var one change
			if err := w.do(&one, snap, v.bucket.row.id, r, d); err != nil {
				failed = append(failed, fmt.Errorf("row %q: %w", k, err))
				continue
			}
			c.join(&one)
			list = append(list, done{d, what})
		}
		if len(list) == 0 {
			return nil, nil
		}
		return c.unlessEmpty(snap, v.bucket.row.id), nil
	})
	if isGone(err) {
		return errRulesChanged
	}
	if err != nil {
		return err
	}
	for _, err := range failed {
		v.bad(err)
	}
	for _, d := range list {
		v.did(d.deed, d.what)
	}
	return v.pace.spend(ctx, int64(len(list))*lifecycleCost)
}

// check sees to it that a change finds the rules as they were, and the bucket not suspended.
func (v *visit) check(snap meta.Snapshot, c *change) error {
	now, err := v.store.bucketIn(snap, v.bucket.name)
	if err != nil {
		return err
	}
	at := settingKey(v.bucket.row.id, settingLifecycle)
	r, ok, err := snap.Get(at)
	if err == nil && (!ok || r.Rev != v.rev || now.row.suspended) {
		err = errRulesChanged
	}
	c.still(at, v.rev)
	c.still(bucketKey(v.bucket.name), now.rev)
	return err
}

// markReady notes that the rules were applied to everything there was.
func (v *visit) markReady(ctx context.Context) error {
	if !v.plan.MarkReady(v.doc.Rule) {
		return nil
	}
	err := v.bucket.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		if err := v.check(snap, &c); err != nil {
			return nil, err
		}
		row := v.bucket.row
		if err := row.put(&c, settingLifecycle, v.doc); err != nil {
			return nil, err
		}
		c.guard(meta.Live, liveKey(row.id))
		return c.done(), nil
	})
	if isGone(err) {
		return errRulesChanged
	}
	return err
}
