package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// A behaviour is something that clients in the field rely on. The tests named TestClientNN_…
// show it.
type behaviour struct {
	what  string
	later string // what has to be there before the rest of it can be shown; empty if all is shown
}

// behaviours are numbered from 1.
var behaviours = []behaviour{
	1:  {what: "path style and virtual hosts, any port, list of buckets without a zone"},
	2:  {what: "an unsigned HEAD finds the zone of a bucket"},
	3:  {what: "absolute targets; targets that end in ? or &; ?acl= for ?acl"},
	4:  {what: "the path is signed as it was sent"},
	5:  {what: "values of signed parameters are signed decoded or as sent"},
	6:  {what: "X-QS-Date takes the place of Date"},
	7:  {what: "signatures in the query, in any order and spelling, for PUT too"},
	8:  {what: "Content-Type is signed on every method, empty values are empty lines"},
	9:  {what: "signed headers are trimmed; wrong keys and secrets are refused"},
	10: {what: "JSON is exactly application/json"},
	11: {what: "every answer has a type; errors are JSON, but to HEAD"},
	12: {what: "the forms of times and numbers"},
	13: {what: "the statuses"},
	14: {what: "statistics say active and count, exact at once"},
	15: {what: "sources of copy and move, escaped or not"},
	16: {what: "a copy onto itself renews the object"},
	17: {what: "Content-MD5 in base64 or hexadecimal digits"},
	18: {what: "complete adopts any ETag, and its entries hold more or less"},
	19: {what: "part numbers from 0, gaps, any order, in parallel"},
	20: {what: "an ETag that the server makes up is no MD5"},
	21: {what: "chunked bodies without a length"},
	22: {what: "short bodies store nothing"},
	23: {what: "metadata and storage class come back everywhere"},
	24: {what: "encryption with keys of the customer on put, get, head and copy"},
	25: {what: "strange keys; response-content-type verbatim"},
	26: {what: "ranges, of reads and of copied parts"},
	27: {what: "listing: markers, pages, common prefixes, empty parameters"},
	28: {what: "listing uploads: exactly the live ones"},
	29: {what: "listing parts: limit 0, count is the total, markers exclude"},
	30: {what: "listing buckets by the Location header"},
}

var numbered = regexp.MustCompile(`^TestClient(\d\d)_[A-Z]`)

func TestEveryBehaviourHasATest(t *testing.T) {
	shown := make(map[int]int)
	for _, name := range testNames(t) {
		if m := numbered.FindStringSubmatch(name); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil || n == 0 || n >= len(behaviours) {
				t.Errorf("%s shows a behaviour that is not in the list", name)
			}
			shown[n]++
		}
	}
	for n, b := range behaviours {
		switch {
		case n == 0:
		case b.what == "":
			t.Errorf("behaviour %d is not described", n)
		case shown[n] == 0 && b.later == "":
			t.Errorf("behaviour %d (%s) has no test and no reason", n, b.what)
		}
		if b.later != "" {
			t.Logf("behaviour %d waits in part for: %s", n, b.later)
		}
	}
}

// testNames returns the names of this package's tests.
func testNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}
