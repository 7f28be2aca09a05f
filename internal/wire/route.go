package wire

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// subresources are the query names that select something other than the resource itself,
// on each level. If a query has several, the first of this list counts.
var subresources = [...][]string{
	op.LevelService: {"location"},
	op.LevelBucket: {
		"acl", "cors", "policy", "mirror", "logging", "cname", "lifecycle", "notification", "replication",
		"versioning", "versions", "uploads", "delete", "stats",
	},
	op.LevelObject: {"uploads", "upload_id", "append", "image"},
}

// credentials are the query names of a pre-signed request, which may stand in any.
var credentials = []string{"access_key_id", "expires", "signature"}

// A road is all of a request that selects an operation, but for variants.
type road struct {
	method string
	level  op.Level
	sub    string // the sub-resource, empty for the resource itself
}

// roads leads to the operation of each road. Variants stand in the list of what they vary, behind it.
var roads = mapRoads()

func mapRoads() map[road][]*op.Info {
	m := make(map[road][]*op.Info, op.Count)
	for i := 1; i <= int(op.Count); i++ {
		info := &op.Table[i]
		r := road{info.Method, info.Level, ""}
		if len(info.Query) > 0 {
			r.sub = info.Query[0]
		}
		if info.Selector == "" {
			m[r] = slices.Insert(m[r], 0, info)
		} else {
			m[r] = append(m[r], info)
		}
	}
	return m
}

// Route returns the operation that a request means, by its method, the level of its
// address, its query and its headers.
//
// A sub-resource that is not on this level, or does not take the method, is
// method_not_allowed. On PUT, POST and DELETE an unknown name without a value is an
// error, since ignoring it could overwrite an object or delete a bucket; other unknown
// names are ignored.
func Route(method string, level op.Level, q Query, h http.Header) (op.ID, error) {
	if method == http.MethodOptions {
		return preflight(level)
	}
	sub, err := subresource(level, q)
	if err != nil {
		return 0, err
	}
	infos := roads[road{method, level, sub}]
	if len(infos) == 0 {
		return 0, notAllowed(method, level, sub)
	}
	info, err := variant(infos, h)
	if err != nil {
		return 0, err
	}
	if method == http.MethodGet || method == http.MethodHead {
		return info.ID, nil
	}
	if info.ID == op.PostObject && !isForm(h) {
		return 0, fault.Newf(fault.MethodNotAllowed, "POST to a bucket needs ?delete, or a form of type multipart/form-data")
	}
	if err := checkNames(q, info); err != nil {
		return 0, err
	}
	return info.ID, nil
}

// preflight routes OPTIONS, which asks about a method of the resource whatever
// the query says.
func preflight(level op.Level) (op.ID, error) {
	if level == op.LevelService {
		return 0, notAllowed(http.MethodOptions, level, "")
	}
	return op.OptionsObject, nil
}

// subresource returns the sub-resource that q selects on a level, empty if none.
func subresource(level op.Level, q Query) (string, error) {
	if len(q) == 0 {
		return "", nil
	}
	for _, name := range subresources[level] {
		if q.Has(name) {
			return name, nil
		}
	}
	for other := range subresources {
		for _, name := range subresources[other] {
			if q.Has(name) {
				return "", fault.Newf(fault.MethodNotAllowed, "the sub-resource %s belongs to %s, and the path is that of %s",
					name, levelName(op.Level(other)), levelName(level))
			}
		}
	}
	return "", nil
}

// checkNames refuses the query names that would change the meaning of a write if
// they were ignored.
func checkNames(q Query, info *op.Info) error {
	for _, p := range q {
		if p.Value == "" && !knownName(p.Name, info) {
			return fault.Newf(fault.InvalidArgument, "%s does not know the query parameter %q, and ignores unknown ones only if they have a value", info.Name, p.Name)
		}
		if needs := goesWith(p.Name, info); needs != "" {
			return fault.Newf(fault.InvalidArgument, "the query parameter %s goes with %s, which is missing", p.Name, needs)
		}
	}
	return nil
}

func knownName(name string, info *op.Info) bool {
	return name == "" || slices.Contains(info.Query, name) || slices.Contains(info.Params, name) || slices.Contains(credentials, name)
}

// goesWith returns the sub-resource without which a parameter such as
// part_number means nothing, unless info is of that sub-resource.
func goesWith(name string, info *op.Info) string {
	if slices.Contains(info.Query, name) {
		return ""
	}
	for _, sub := range subresources[info.Level] {
		for _, other := range roads[road{info.Method, info.Level, sub}] {
			if slices.Contains(other.Query[1:], name) {
				return sub
			}
		}
	}
	return ""
}

// variant picks among an operation and its variants by the header that selects one.
func variant(infos []*op.Info, h http.Header) (*op.Info, error) {
	chosen, selector := infos[0], ""
	if len(infos) == 1 {
		return chosen, nil
	}
	for _, name := range sources {
		lines := h[http.CanonicalHeaderKey(name)]
		if len(lines) == 0 {
			continue
		}
		if len(lines) > 1 {
			return nil, fault.Newf(fault.InvalidArgument, "there are %d headers %s and should be one", len(lines), name)
		}
		if selector != "" {
			return nil, fault.Newf(fault.InvalidArgument, "there may be only one of %s and %s", selector, name)
		}
		selector = name
		i := slices.IndexFunc(infos, func(info *op.Info) bool { return strings.EqualFold(info.Selector, name) })
		if i < 0 {
			return nil, fault.Newf(fault.InvalidArgument, "%s does not take the header %s", chosen.Name, name)
		}
		chosen = infos[i]
	}
	return chosen, nil
}

// sources are the headers that turn an upload into a copy, a move or a fetch.
var sources = mapSources()

func mapSources() []string {
	var names []string
	for i := range op.Table {
		if name := op.Table[i].Selector; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func isForm(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data"
}

// notAllowed tells which methods there are for a resource.
func notAllowed(method string, level op.Level, sub string) error {
	var methods []string
	for r := range roads {
		if r.level == level && r.sub == sub {
			methods = append(methods, r.method)
		}
	}
	slices.Sort(methods)
	what := levelName(level)
	if sub != "" {
		what = "the sub-resource " + sub + " of " + what
	}
	if len(methods) == 0 {
		return fault.Newf(fault.MethodNotAllowed, "%s takes no %s", what, method)
	}
	return fault.Newf(fault.MethodNotAllowed, "%s takes no %s, only %s", what, method, strings.Join(methods, ", "))
}

func levelName(l op.Level) string {
	switch l {
	case op.LevelService:
		return "the service"
	case op.LevelBucket:
		return "a bucket"
	}
	return "an object"
}
