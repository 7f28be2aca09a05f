package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/glob"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// Settings of CORS.
const (
	anything = "*"
	varyOn   = "enabled"
	varyOff  = "disabled"

	// Each preflight compares what it asks for with what is allowed, so both are bounded.
	maxCORS        = 100      // rules
	maxCORSText    = 16 << 10 // bytes of origins and headers of all rules
	maxCORSHeaders = 100      // that a preflight asks for
)

var corsMethods = []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodHead, anything}

func (x *exchange) putBucketCORS(in *op.PutBucketCORSInput) (*op.PutBucketCORSOutput, error) {
	if len(in.CORSRules) > maxCORS {
		return nil, fault.Newf(fault.InvalidRequest, "cors_rules has %d rules; allowed: %d", len(in.CORSRules), maxCORS)
	}
	n := 0
	for i := range in.CORSRules {
		r := &in.CORSRules[i]
		if err := checkCORSRule(i, r); err != nil {
			return nil, err
		}
		for _, s := range slices.Concat([]string{r.AllowedOrigin}, r.AllowedHeaders, r.ExposeHeaders) {
			n += len(s)
		}
	}
	if n > maxCORSText {
		return nil, fault.Newf(fault.InvalidRequest, "origins and headers of cors_rules have %d bytes; allowed: %d", n, maxCORSText)
	}
	switch strings.ToLower(in.RespVary) {
	case "", varyOff, "disable":
		in.RespVary = varyOff
	case varyOn, "enable":
		in.RespVary = varyOn
	default:
		return nil, fault.Newf(fault.InvalidRequest, "resp_vary %q is unknown; allowed: %s, %s", in.RespVary, varyOn, varyOff)
	}
	return x.bucket.PutBucketCORS(x.context(), in)
}

func checkCORSRule(i int, r *op.CORSRule) error {
	fail := func(format string, args ...any) error {
		return fault.Newf(fault.InvalidRequest, "cors_rules[%d]: "+format, append([]any{i}, args...)...)
	}
	for _, h := range slices.Concat(r.AllowedHeaders, r.ExposeHeaders) {
		if h == "" || strings.Contains(h, ",") || strings.ContainsFunc(h, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fail("header %q is not allowed; allowed: one name, in which * stands for any text", h)
		}
	}
	switch {
	case r.AllowedOrigin == "" || strings.ContainsAny(r.AllowedOrigin, "\r\n \t"):
		return fail("allowed_origin %q is not allowed; allowed: an origin such as https://app.example.com, in which * stands for any text", r.AllowedOrigin)
	case len(r.AllowedMethods) == 0:
		return fail("allowed_methods is empty; allowed: %s", strings.Join(corsMethods, ", "))
	case r.MaxAgeSeconds != nil && (*r.MaxAgeSeconds < 0 || *r.MaxAgeSeconds > op.LimitCORSMaxAgeSecondsMax):
		return fail("max_age_seconds is %d; allowed: 0 to %d", *r.MaxAgeSeconds, op.LimitCORSMaxAgeSecondsMax)
	}
	for _, m := range r.AllowedMethods {
		if !slices.Contains(corsMethods, m) {
			return fail("allowed_methods has %q; allowed: %s", m, strings.Join(corsMethods, ", "))
		}
	}
	return nil
}

// corsRule returns the first rule that lets pages of an origin use a method, and send headers; nil if there is none.
func corsRule(rules []op.CORSRule, origin, method string, headers []string) *op.CORSRule {
	for i := range rules {
		r := &rules[i]
		if !glob.Compile(r.AllowedOrigin).Match(origin) {
			continue
		}
		if !slices.Contains(r.AllowedMethods, anything) && !slices.Contains(r.AllowedMethods, method) {
			continue
		}
		allowed := make([]glob.Glob, len(r.AllowedHeaders))
		for i, h := range r.AllowedHeaders {
			allowed[i] = glob.Compile(strings.ToLower(h))
		}
		if !slices.ContainsFunc(headers, func(h string) bool { return !glob.MatchAny(allowed, strings.ToLower(h)) }) {
			return r
		}
	}
	return nil
}

// allowOrigin returns the origins that may see an answer: all of them only if the rule says just that.
func allowOrigin(r *op.CORSRule, origin string) string {
	if r.AllowedOrigin == anything {
		return anything
	}
	return origin
}

// preflight answers a browser that asks what a page may do. Where no rule lets it, the answer says nothing.
func (x *exchange) preflight(in *op.OptionsObjectInput) (*op.OptionsObjectOutput, error) {
	if in.Origin == "" || in.AccessControlRequestMethod == "" {
		return nil, fault.Newf(fault.InvalidArgument, "a preflight needs the headers Origin and Access-Control-Request-Method")
	}
	set, err := x.bucket.GetBucketCORS(x.context(), nil)
	if err != nil {
		return nil, err
	}
	out := &op.OptionsObjectOutput{}
	if set.RespVary == varyOn {
		out.Vary = "Origin"
	}
	var headers []string
	for h := range strings.SplitSeq(in.AccessControlRequestHeaders, ",") {
		if h = strings.TrimSpace(h); h != "" {
			headers = append(headers, h)
		}
	}
	if len(headers) > maxCORSHeaders {
		return out, nil // no page has as many
	}
	r := corsRule(set.CORSRules, in.Origin, in.AccessControlRequestMethod, headers)
	if r == nil {
		return out, nil
	}
	out.AccessControlAllowOrigin = allowOrigin(r, in.Origin)
	out.AccessControlAllowMethods = strings.Join(r.AllowedMethods, ", ")
	if slices.Contains(r.AllowedMethods, anything) {
		out.AccessControlAllowMethods = strings.Join(corsMethods[:len(corsMethods)-1], ", ")
	}
	out.AccessControlAllowHeaders = strings.Join(headers, ", ")
	out.AccessControlExposeHeaders = strings.Join(r.ExposeHeaders, ", ")
	out.AccessControlMaxAge = r.MaxAgeSeconds
	return out, nil
}

// shareAnswer lets a page of another origin see the answer, also an error, if a rule of the bucket says so.
func (x *exchange) shareAnswer(b *store.Bucket) error {
	x.shared = true
	origin := x.r.Header.Get("Origin")
	if origin == "" || x.r.Method == http.MethodOptions {
		return nil
	}
	set, err := b.GetBucketCORS(x.context(), nil)
	if err != nil {
		return err
	}
	h := x.w.Header()
	if set.RespVary == varyOn {
		h.Set("Vary", "Origin")
	}
	if r := corsRule(set.CORSRules, origin, x.r.Method, nil); r != nil {
		h.Set("Access-Control-Allow-Origin", allowOrigin(r, origin))
		if len(r.ExposeHeaders) > 0 {
			h.Set("Access-Control-Expose-Headers", strings.Join(r.ExposeHeaders, ", "))
		}
	}
	return nil
}

// shareRefusal is shareAnswer for errors that come before the bucket is looked up, such as a signature that does not match or has
// expired: the page could not tell them from a network that is down.
func (x *exchange) shareRefusal() {
	if x.shared || x.address.Bucket == "" || x.r.Header.Get("Origin") == "" {
		return
	}
	if b, err := x.store.Bucket(x.context(), x.address.Bucket); err == nil {
		_ = x.shareAnswer(b) // there is an error to tell already
	}
}
