// Package lifecycle is what the lifecycle rules of a bucket mean: which rules may be set, when they take effect,
// and what they demand of something of a given age. It knows no store: who walks over what there is asks it.
package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// Values of rules, as they are kept and shown.
const (
	Enabled   = "enabled"
	Disabled  = "disabled"
	Unchecked = "unchecked" // the rule has not been applied yet to what was there before it
	Ready     = "ready"

	// class is the only class that anything is moved to: it would have to be there already to be moved back.
	class = "STANDARD_IA"
)

// Delay is how long it takes until a new or changed rule has effect, so that a mistake can be mended: at least a day, and a second
// more, since the time of the change is kept without its fraction.
const Delay = (op.LimitLifecycleDelay + 1) * time.Second

const day = 24 * time.Hour

// maxPrefix is the most bytes of a prefix: no key is longer.
const maxPrefix = 1023

// An Action is what a rule does.
type Action uint8

// The actions. Each rule has one, or none.
const (
	Expire               Action = iota + 1 // delete an object, days after it was modified
	Transition                             // change its storage class
	Abort                                  // abort an upload, days after it was initiated
	ExpireNoncurrent                       // erase a version, days after it ceased to be current
	TransitionNoncurrent                   // change its storage class
	actionEnd
)

var actionNames = [actionEnd]string{
	"", "expiration", "transition", "abort_incomplete_multipart_upload", "noncurrent_version_expiration", "noncurrent_version_transition",
}

// String returns the name of the action's field.
func (a Action) String() string { return actionNames[a] }

// fewest is how many days an action must wait at least.
func (a Action) fewest() int64 {
	switch a {
	case Transition, TransitionNoncurrent:
		return op.LimitLifecycleTransitionMinDays
	case Abort:
		return op.LimitLifecycleAbortMinDays
	}
	return op.LimitLifecycleExpirationMinDays
}

// daysField is the name of the field that has them.
func (a Action) daysField() string {
	if a == Abort {
		return "days_after_initiation"
	}
	return "days"
}

// An effect is what a rule does, and when.
type effect struct {
	action Action
	days   int64
	class  string // of a transition
}

// effects returns what a rule does, which should be one thing at most.
func effects(r *op.LifecycleRule) (list []effect) {
	if e := r.Expiration; e != nil {
		list = append(list, effect{Expire, e.Days, ""})
	}
	if t := r.Transition; t != nil {
		list = append(list, effect{Transition, t.Days, t.StorageClass})
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		list = append(list, effect{Abort, a.DaysAfterInitiation, ""})
	}
	if e := r.NoncurrentVersionExpiration; e != nil {
		list = append(list, effect{ExpireNoncurrent, e.Days, ""})
	}
	if t := r.NoncurrentVersionTransition; t != nil {
		list = append(list, effect{TransitionNoncurrent, t.Days, t.StorageClass})
	}
	return list
}

// Check refuses rules that may not be set. It returns them in the form in which they are kept: without what only the server
// sets, and with status and storage class in the letter case of the API.
func Check(rules []op.LifecycleRule) ([]op.LifecycleRule, error) {
	if len(rules) > op.LimitLifecycleRulesMax {
		return nil, fault.Newf(fault.InvalidRequest, "rule has %d rules; allowed: %d", len(rules), op.LimitLifecycleRulesMax)
	}
	list := make([]op.LifecycleRule, 0, len(rules))
	found := make([]effect, 0, len(rules))
	for i := range rules {
		r, e, err := checkRule(i, rules[i])
		if err != nil {
			return nil, err
		}
		for j := range list {
			if err := checkPair(j, &list[j], found[j], i, &r, e); err != nil {
				return nil, err
			}
		}
		list, found = append(list, r), append(found, e)
	}
	return list, nil
}

// checkRule checks a rule by itself and returns it as it is kept, and what it does.
func checkRule(i int, r op.LifecycleRule) (op.LifecycleRule, effect, error) {
	fail := func(format string, args ...any) (op.LifecycleRule, effect, error) {
		return r, effect{}, fault.Newf(fault.InvalidRequest, "rule[%d]: "+format, append([]any{i}, args...)...)
	}
	list := effects(&r)
	r.Status = strings.ToLower(r.Status)
	switch {
	case r.ID == "" || len(r.ID) > op.LimitLifecycleIDMaxBytes:
		return fail("id has %d bytes; allowed: 1 to %d", len(r.ID), op.LimitLifecycleIDMaxBytes)
	case r.Status != Enabled && r.Status != Disabled:
		return fail("status %.40q is unknown; allowed: %s, %s", r.Status, Enabled, Disabled)
	case len(r.Filter.Prefix) > maxPrefix:
		return fail("prefix has %d bytes; allowed: %d", len(r.Filter.Prefix), maxPrefix)
	case len(list) > 1:
		return fail("it has %d actions; allowed: one of %s", len(list), strings.Join(actionNames[1:], ", "))
	}
	keep := op.LifecycleRule{ID: r.ID, Status: r.Status, Filter: r.Filter}
	if len(list) == 0 {
		return keep, effect{}, nil // the scenarios of the official SDKs set such a rule; it does nothing
	}
	e := list[0]
	if e.days < e.action.fewest() {
		return fail("%s.%s is %d; allowed: %d and more", e.action, e.action.daysField(), e.days, e.action.fewest())
	}
	if (e.action == Transition || e.action == TransitionNoncurrent) && !strings.EqualFold(e.class, class) {
		return fail("%s.storage_class %.40q is not allowed; allowed: %s", e.action, e.class, class)
	}
	switch e.action {
	case Expire:
		keep.Expiration = &op.LifecycleExpiration{Days: e.days}
	case Transition:
		keep.Transition = &op.LifecycleTransition{Days: e.days, StorageClass: class}
	case Abort:
		keep.AbortIncompleteMultipartUpload = &op.LifecycleAbort{DaysAfterInitiation: e.days}
	case ExpireNoncurrent:
		keep.NoncurrentVersionExpiration = &op.LifecycleExpiration{Days: e.days}
	case TransitionNoncurrent:
		keep.NoncurrentVersionTransition = &op.LifecycleTransition{Days: e.days, StorageClass: class}
	}
	return keep, e, nil
}

// checkPair checks a rule against an earlier one.
func checkPair(i int, a *op.LifecycleRule, doesA effect, j int, b *op.LifecycleRule, doesB effect) error {
	if a.ID == b.ID {
		return fault.Newf(fault.InvalidRequest, "rule[%d] and rule[%d] have the same id %.300q; ids must be unique", i, j, a.ID)
	}
	if a.Filter.Prefix == b.Filter.Prefix && doesA.action == doesB.action && doesA.action != 0 {
		return fault.Newf(fault.InvalidRequest, "rules %.300q and %.300q both have %s for the prefix %q; allowed: one rule for an action and a prefix",
			a.ID, b.ID, doesA.action, a.Filter.Prefix)
	}
	if err := checkOrder(a, doesA, b, doesB); err != nil {
		return err
	}
	return checkOrder(b, doesB, a, doesA)
}

// checkOrder refuses a rule that deletes what another one would move on the same day or later.
func checkOrder(del *op.LifecycleRule, expires effect, mov *op.LifecycleRule, moves effect) error {
	match := expires.action == Expire && moves.action == Transition ||
		expires.action == ExpireNoncurrent && moves.action == TransitionNoncurrent
	if !match || !strings.HasPrefix(mov.Filter.Prefix, del.Filter.Prefix) || expires.days > moves.days {
		return nil
	}
	return fault.Newf(fault.InvalidRequest, "rule %.300q deletes after %d days what rule %.300q moves after %d; allowed: to delete later than to move",
		del.ID, expires.days, mov.ID, moves.days)
}

// Renew returns rules that take the place of old ones. A rule that stays what it was, by id and content, stays as it is: only one
// that is new or changed begins to wait for its effect.
func Renew(old, rules []op.LifecycleRule, now time.Time) []op.LifecycleRule {
	list := slices.Clone(rules)
	for i := range list {
		list[i].State, list[i].Created = Unchecked, now.Unix()
		for j := range old {
			if same(&old[j], &list[i]) {
				list[i].State, list[i].Created = old[j].State, old[j].Created
			}
		}
	}
	return list
}

// same reports whether two checked rules have the same id and content.
func same(a, b *op.LifecycleRule) bool {
	return a.ID == b.ID && a.Status == b.Status && a.Filter == b.Filter && slices.Equal(effects(a), effects(b))
}

// A Plan is the rules that have effect at some time.
type Plan struct {
	now   time.Time
	rules []planned
}

type planned struct {
	effect
	id, prefix string
}

// At returns the rules that have effect at a time: they are enabled, and were set at least Delay before.
func At(rules []op.LifecycleRule, now time.Time) *Plan {
	p := &Plan{now: now}
	for i := range rules {
		r := &rules[i]
		if r.Status != Enabled || now.Before(time.Unix(r.Created, 0).Add(Delay)) {
			continue
		}
		for _, e := range effects(r) {
			p.rules = append(p.rules, planned{e, r.ID, r.Filter.Prefix})
		}
	}
	return p
}

// Empty reports whether no rule has effect.
func (p *Plan) Empty() bool { return len(p.rules) == 0 }

// Due reports whether a rule demands the action for what has that key and that age: it was modified, initiated or
// replaced at since. Of several rules the first that is due is enough.
func (p *Plan) Due(a Action, key string, since time.Time) bool {
	days := int64(p.now.Sub(since) / day)
	return slices.ContainsFunc(p.rules, func(r planned) bool {
		return r.action == a && days >= r.days && strings.HasPrefix(key, r.prefix)
	})
}

// Prefixes returns the prefixes of the keys that rules with one of the actions are about, in order, none of which is a prefix of another.
func (p *Plan) Prefixes(actions ...Action) []string {
	var list []string
	for _, r := range p.rules {
		if slices.Contains(actions, r.action) {
			list = append(list, r.prefix)
		}
	}
	slices.SortFunc(list, cmp.Compare)
	kept := list[:0]
	for _, prefix := range list {
		if len(kept) == 0 || !strings.HasPrefix(prefix, kept[len(kept)-1]) {
			kept = append(kept, prefix)
		}
	}
	return kept
}

// MarkReady makes those of the rules ready that the plan has, and reports whether that changes any.
func (p *Plan) MarkReady(rules []op.LifecycleRule) (changed bool) {
	for i := range rules {
		has := slices.ContainsFunc(p.rules, func(r planned) bool { return r.id == rules[i].ID })
		if has && rules[i].State != Ready {
			rules[i].State, changed = Ready, true
		}
	}
	return changed
}
