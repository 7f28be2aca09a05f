package access

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/glob"
	"github.com/oisproject/ois/internal/op"
)

// A Policy is a bucket policy that is ready to decide. It is safe for concurrent use.
type Policy struct{ statements []statement }

// A statement of a policy. It decides if user, action, resource and condition all match.
type statement struct {
	users   []string // everybody if it has everyone
	actions []string // by the first of their spellings
	allow   bool
	objects []glob.Glob // patterns of keys; nil means all of the bucket
	conditions
}

const everyone = "*"

// conditions must all hold.
type conditions struct {
	like, notLike []glob.Glob // of the Referer; nil demands nothing
	in, notIn     []netip.Prefix
	null          *bool
}

// facts are what statements look at.
type facts struct {
	user    string // empty for an anonymous caller
	action  string
	key     string // of the object, or the prefix of a listing
	referer string
	ip      netip.Addr
}

// A verdict is what a policy says of a request.
type verdict byte

const (
	silent verdict = iota // no statement matches
	allowed
	forbidden
)

// judge lets the first statement that matches decide. A nil policy is silent.
func (p *Policy) judge(f *facts) verdict {
	if p == nil {
		return silent
	}
	for i := range p.statements {
		switch s := &p.statements[i]; {
		case !s.matches(f):
		case s.allow:
			return allowed
		default:
			return forbidden
		}
	}
	return silent
}

func (s *statement) matches(f *facts) bool {
	return slices.Contains(s.actions, f.action) && s.covers(f.user) && s.about(f) && s.hold(f)
}

func (s *statement) covers(user string) bool {
	return slices.Contains(s.users, everyone) || user != "" && slices.Contains(s.users, user)
}

// about reports whether the statement speaks of the object. What is done to the bucket has none.
func (s *statement) about(f *facts) bool {
	return s.objects == nil || !actionOf(f.action).OnObject || glob.MatchAny(s.objects, f.key)
}

func (c *conditions) hold(f *facts) bool {
	switch {
	case c.like != nil && !likeReferer(c.like, f.referer):
	case c.notLike != nil && likeReferer(c.notLike, f.referer):
	case c.in != nil && !contains(c.in, f.ip):
	case c.notIn != nil && contains(c.notIn, f.ip):
	case c.null != nil && *c.null != (f.referer == ""):
	default:
		return true
	}
	return false
}

// likeReferer reports whether a pattern matches the header as it is, or the host of its URL. A header that is missing is like nothing.
func likeReferer(patterns []glob.Glob, referer string) bool {
	if referer == "" {
		return false
	}
	if glob.MatchAny(patterns, referer) {
		return true
	}
	u, err := url.Parse(referer)
	return err == nil && u.Host != "" && (glob.MatchAny(patterns, u.Hostname()) || glob.MatchAny(patterns, u.Host))
}

func contains(list []netip.Prefix, ip netip.Addr) bool {
	ip = ip.Unmap()
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// actionOf returns the action of a name in whatever spelling, an empty one if there is none.
func actionOf(name string) op.Action {
	for _, a := range op.Actions {
		if a.Name == name || slices.Contains(a.Aliases, name) {
			return a
		}
	}
	return op.Action{}
}

// ParsePolicy checks the policy of a bucket, and makes it ready to decide. Its errors are invalid_request, and name the statement.
func ParsePolicy(bucket string, list []op.Statement) (*Policy, error) {
	if text, err := json.Marshal(list); err != nil || utf8.RuneCount(text) > op.LimitPolicyMaxLength {
		return nil, fault.Newf(fault.InvalidRequest, "the statements have %d characters as JSON; allowed: %d", utf8.RuneCount(text), op.LimitPolicyMaxLength)
	}
	p := &Policy{statements: make([]statement, len(list))}
	ids := make(map[string]bool)
	for i := range list {
		in := &list[i]
		r := reader{i: i}
		switch {
		case in.ID == "" || utf8.RuneCountInString(in.ID) > op.LimitPolicyIDMaxLength:
			r.fail("id %q is not allowed; allowed: 1 to %d characters", in.ID, op.LimitPolicyIDMaxLength)
		case ids[in.ID]:
			r.fail("id %q is that of another statement", in.ID)
		}
		ids[in.ID] = true
		p.statements[i] = r.statement(bucket, in)
		if r.err != nil {
			return nil, r.err
		}
	}
	return p, nil
}

// A reader reads a statement, up to its first error.
type reader struct {
	i   int // of the statement
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fault.Newf(fault.InvalidRequest, "statement[%d]: "+format, append([]any{r.i}, args...)...)
	}
}

// list checks a list that must not be empty, nor hold anything empty.
func (r *reader) list(name string, list []string, most int) {
	n := 0
	for _, s := range list {
		n += utf8.RuneCountInString(s)
	}
	switch {
	case len(list) == 0 || slices.Contains(list, ""):
		r.fail("%s is empty or has an empty entry", name)
	case n > most:
		r.fail("%s has %d characters; allowed: %d", name, n, most)
	}
}

func (r *reader) statement(bucket string, in *op.Statement) (s statement) {
	r.list("user", in.User, op.LimitPolicyUserMaxLength)
	r.list("action", in.Action, op.LimitPolicyActionMaxLength)
	s.users = in.User
	switch in.Effect {
	case "allow", "deny":
		s.allow = in.Effect == "allow"
	default:
		r.fail("effect %q is unknown; allowed: allow, deny", in.Effect)
	}
	onObject := false // there is an action that needs an object
	onBucket := false // there is an action that has none
	for _, name := range in.Action {
		a := actionOf(name)
		if a.Name == "" {
			r.fail("action %q is unknown; allowed: %s", name, actionNames())
		}
		s.actions = append(s.actions, a.Name)
		onObject = onObject || !a.OnBucket
		onBucket = onBucket || !a.OnObject
	}
	s.objects = r.resource(bucket, in.Resource, onObject, onBucket)
	if in.Condition != nil {
		s.conditions = r.conditions(in.Condition)
	}
	return s
}

func actionNames() string {
	names := make([]string, len(op.Actions))
	for i, a := range op.Actions {
		names[i] = a.Name
	}
	return strings.Join(names, ", ")
}

// resource returns the patterns of keys, nil for the whole bucket.
func (r *reader) resource(bucket string, list []string, onObject, onBucket bool) (objects []glob.Glob) {
	if len(list) == 0 {
		if onObject {
			r.fail("resource is missing; actions on objects need %s/PATTERN, such as %s/*", bucket, bucket)
		}
		return nil
	}
	r.list("resource", list, op.LimitPolicyResourceMaxLength)
	whole := false
	for _, resource := range list {
		name, pattern, ok := strings.Cut(resource, "/")
		switch {
		case name != bucket:
			r.fail("resource %q is not of this bucket; allowed: %s, and %s/PATTERN for actions on objects", resource, bucket, bucket)
		case !ok && onObject:
			r.fail("resource %q names no objects; actions on objects need %s/PATTERN, such as %s/*", resource, bucket, bucket)
		case !ok:
			whole = true
		case pattern == "":
			r.fail("resource %q has no pattern behind the slash; allowed: %s/PATTERN, such as %s/*", resource, bucket, bucket)
		case onBucket && !onObject:
			r.fail("resource %q names objects, and no action is on objects; allowed: %s", resource, bucket)
		default:
			objects = append(objects, glob.Compile(pattern))
		}
	}
	if whole {
		return nil
	}
	return objects
}

func (r *reader) conditions(in *op.Condition) (c conditions) {
	if text, err := json.Marshal(in); err != nil || utf8.RuneCount(text) > op.LimitPolicyConditionMaxLength {
		r.fail("condition has %d characters as JSON; allowed: %d", utf8.RuneCount(text), op.LimitPolicyConditionMaxLength)
		return c
	}
	if in.StringLike != nil {
		c.like = r.referers("string_like", in.StringLike.Referer)
	}
	if in.StringNotLike != nil {
		c.notLike = r.referers("string_not_like", in.StringNotLike.Referer)
	}
	if in.IPAddress != nil {
		c.in = r.networks("ip_address", in.IPAddress.SourceIP)
	}
	if in.NotIPAddress != nil {
		c.notIn = r.networks("not_ip_address", in.NotIPAddress.SourceIP)
	}
	if in.IsNull != nil {
		c.null = &in.IsNull.Referer
	}
	if c.like == nil && c.notLike == nil && c.in == nil && c.notIn == nil && c.null == nil {
		r.fail("condition is empty; allowed: string_like, string_not_like, is_null with Referer, ip_address, not_ip_address with source_ip")
	}
	return c
}

func (r *reader) referers(operator string, list []string) []glob.Glob {
	r.list("condition."+operator+".Referer", list, op.LimitPolicyConditionMaxLength)
	return glob.CompileAll(list)
}

func (r *reader) networks(operator string, list []string) []netip.Prefix {
	r.list("condition."+operator+".source_ip", list, op.LimitPolicyConditionMaxLength)
	networks := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if ip, alone := netip.ParseAddr(s); alone == nil {
			ip = ip.Unmap()
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			r.fail("condition.%s.source_ip %q is not a network; allowed: an address such as 192.0.2.1, or a network such as 192.0.2.0/24", operator, s)
		}
		networks = append(networks, p.Masked())
	}
	return networks
}
