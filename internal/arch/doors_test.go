package arch

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
)

//go:embed doors.txt
var doorsText string

// A door is a set of imports that some packages may have and others may not.
type door struct {
	imports  []pattern
	packages []pattern
	only     bool // the packages are those that may; else those that may not
}

func (d door) String() string {
	if d.only {
		return fmt.Sprint("which is only for ", d.packages)
	}
	return fmt.Sprint("which is not for ", d.packages)
}

// refuses reports whether package dir may not import imp.
func (d door) refuses(dir, imp string) bool {
	return matchAny(d.imports, imp) && matchAny(d.packages, dir) != d.only
}

func parseDoors(text string) ([]door, error) {
	var doors []door
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		imports, packages, only := strings.Cut(line, "->")
		if !only {
			var ok bool
			if imports, packages, ok = strings.Cut(line, "!>"); !ok {
				return nil, fmt.Errorf("neither -> nor !> in %q", line)
			}
		}
		doors = append(doors, door{patterns(imports), patterns(packages), only})
	}
	return doors, nil
}

func patterns(s string) []pattern {
	var list []pattern
	for f := range strings.FieldsSeq(s) {
		list = append(list, pattern(f))
	}
	return list
}

func TestDoorsAreClosed(t *testing.T) {
	doors, err := parseDoors(doorsText)
	if err != nil {
		t.Fatalf("doors.txt: %v", err)
	}
	for _, f := range sources(t) {
		for _, imp := range f.imports {
			for _, d := range doors {
				if d.refuses(f.dir(), imp) {
					t.Errorf("%s imports %s, %v; doors.txt says why", f.path, imp, d)
				}
			}
		}
	}
}

// TestDoorsRefuse shows that the rules bite, on doors of its own.
func TestDoorsRefuse(t *testing.T) {
	doors, err := parseDoors("# why\nos x/...  ->  vfs/... cli\nhttp !> store/...\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir, imp string
		want     bool
	}{
		{"store", "os", true},
		{"store", "x/y", true},
		{"store", "os/exec", false}, // os is no tree
		{"vfs/mem", "os", false},
		{"cli", "x", false},
		{"cli/part", "x", true},
		{"store/list", "http", true},
		{"cli", "http", false},
	} {
		refused := func(d door) bool { return d.refuses(c.dir, c.imp) }
		if got := slices.ContainsFunc(doors, refused); got != c.want {
			t.Errorf("package %s, import %s: refused = %v; want %v", c.dir, c.imp, got, c.want)
		}
	}
	if _, err := parseDoors("os vfs\n"); err == nil {
		t.Error("parseDoors takes a line without an arrow")
	}
}

func TestSDKImportsOnlyStd(t *testing.T) {
	list, err := goFiles()
	if err != nil {
		t.Fatal(err)
	}
	sdk := pattern("sdk/go/...")
	for _, f := range list {
		if !sdk.match(f.dir()) {
			continue
		}
		for _, imp := range f.imports {
			if rel, ok := ours(imp); !isStd(imp) && (!ok || !sdk.match(rel)) {
				t.Errorf("%s imports %s; the SDK and its tests use the standard library only", f.path, imp)
			}
		}
	}
}

// TestSDKRequiresNothing keeps the users of the SDK free of our modules,
// versions and vulnerabilities: its module graph is itself.
func TestSDKRequiresNothing(t *testing.T) {
	m := readModule(t, "sdk/go/go.mod")
	if len(m.Require)+len(m.Replace)+len(m.Tool) > 0 {
		t.Errorf("sdk/go/go.mod has requirements, replacements or tools (%v, %v, %v); want none", m.Require, m.Replace, m.Tool)
	}
}

// TestLeavesUseWhatUsersUse keeps the leaf modules, which stand for other
// people's programs, on our public packages.
func TestLeavesUseWhatUsersUse(t *testing.T) {
	leaves := []pattern{"adapters/...", "interop/...", "bench/..."}
	public := append(slices.Clone(leaves), "sdk/go/...", "oistest", "conformance")
	list, err := goFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if !matchAny(leaves, f.dir()) {
			continue
		}
		for _, imp := range f.imports {
			if rel, ok := ours(imp); ok && !matchAny(public, rel) {
				t.Errorf("%s imports %s; a leaf module uses public packages only", f.path, imp)
			}
		}
	}
}
