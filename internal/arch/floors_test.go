package arch

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

//go:embed floors.txt
var floorsText string

// A plan is what floors.txt says: the number of the floor of each pattern.
type plan map[pattern]int

func readPlan(t *testing.T) plan {
	t.Helper()
	p, err := parsePlan(floorsText)
	if err != nil {
		t.Fatalf("floors.txt: %v", err)
	}
	return p
}

func parsePlan(text string) (plan, error) {
	p := make(plan)
	n := 0
	for line := range strings.Lines(text) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		floor, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("line %d starts with %q; want the number of a floor", n, fields[0])
		}
		for _, f := range fields[1:] {
			if _, twice := p[pattern(f)]; twice {
				return nil, fmt.Errorf("line %d names %s again", n, f)
			}
			p[pattern(f)] = floor
		}
	}
	return p, nil
}

// floor returns the floor of a package: that of its own name, else that of
// the longest pattern.
func (p plan) floor(dir string) (n int, ok bool) {
	if n, ok = p[pattern(dir)]; ok {
		return n, true
	}
	var best pattern
	for pat, floor := range p {
		if pat.match(dir) && len(pat) > len(best) {
			best, n, ok = pat, floor, true
		}
	}
	return n, ok
}

// allows reports whether package from may import package to. Nobody imports
// a package without a floor.
func (p plan) allows(from, to string) bool {
	low, known := p.floor(to)
	high, _ := p.floor(from)
	return known && (low < high || low == high && strings.HasPrefix(from, to+"/"))
}

// name returns the floor of a package in words.
func (p plan) name(dir string) string {
	if n, ok := p.floor(dir); ok {
		return strconv.Itoa(n)
	}
	return "none"
}

// exempt are the packages that stand on no floor.
var exempt = []pattern{"internal/arch", "tools/..."}

func TestImportsGoDown(t *testing.T) {
	p := readPlan(t)
	for _, f := range sources(t) {
		if matchAny(exempt, f.dir()) {
			continue
		}
		for _, imp := range f.imports {
			to, ok := ours(imp)
			if !ok || p.allows(f.dir(), to) {
				continue
			}
			t.Errorf("%s may not import %s: floors %s and %s", f.path, to, p.name(f.dir()), p.name(to))
		}
	}
}

func TestEveryPackageIsOnAFloor(t *testing.T) {
	p := readPlan(t)
	for _, dir := range packages(t) {
		if _, ok := p.floor(dir); !ok && !matchAny(exempt, dir) {
			t.Errorf("package %s is on no floor; give it one in floors.txt", dir)
		}
	}
}

// planned are patterns that may have no package yet: folders of data that may
// get Go code, and leaf modules that later work brings.
var planned = []pattern{"templates/...", "adapters/...", "interop/...", "bench/..."}

func TestEveryFloorIsInhabited(t *testing.T) {
	dirs := packages(t)
	for pat, floor := range readPlan(t) {
		if !slices.ContainsFunc(dirs, pat.match) && !slices.Contains(planned, pat) {
			t.Errorf("floors.txt puts %s on floor %d, where no package is", pat, floor)
		}
	}
}

// TestPlanRefuses shows that the rules bite, on a plan of its own.
func TestPlanRefuses(t *testing.T) {
	p, err := parsePlan("0 low\n1 seam\n2 seam/...\n2 other/...\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"seam", "low", true},
		{"seam/engine", "seam", true},
		{"seam/engine/part", "seam/engine", true},
		{"low", "seam", false},
		{"seam", "seam/engine", false},
		{"seam/engine", "seam/engine/part", false},
		{"seam/engine", "seam/engine2", false},
		{"seam/engine2", "seam/engine", false},
		{"seam/engine", "other", false},
		{"seam/engine", "unplanned", false},
	} {
		if got := p.allows(c.from, c.to); got != c.want {
			t.Errorf("allows(%q, %q) = %v; want %v", c.from, c.to, got, c.want)
		}
	}
	if n, _ := p.floor("seam"); n != 1 {
		t.Errorf(`floor("seam") = %d; want 1, its own and not that of "seam/..."`, n)
	}
	if n, ok := p.floor("seams"); ok {
		t.Errorf(`floor("seams") = %d; want none: "seam/..." does not contain it`, n)
	}
	for _, text := range []string{"one low\n", "0 low\n1 low\n"} {
		if _, err := parsePlan(text); err == nil {
			t.Errorf("parsePlan(%q) = nil error; want one", text)
		}
	}
}
