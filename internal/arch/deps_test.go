package arch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A moduleFile is a go.mod as `go mod edit -json` prints it.
type moduleFile struct {
	Require []requirement
	Replace []replacement
	Tool    []tool
}

type requirement struct {
	Path     string
	Indirect bool
}

type replacement struct {
	Old, New requirement
}

type tool struct {
	Path string
}

func readModule(t *testing.T, name string) moduleFile {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", filepath.Join(root, name)).Output()
	if err != nil {
		t.Fatalf("go mod edit -json %s: %v", name, err)
	}
	var m moduleFile
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatalf("go mod edit -json %s: %v", name, err)
	}
	return m
}

// direct returns what a module asks for by name: its direct requirements that
// are not ours; for a module of tools, the tools.
func (m moduleFile) direct() []string {
	var list []string
	for _, tool := range m.Tool {
		list = append(list, tool.Path)
	}
	for _, r := range m.Require {
		if _, own := ours(r.Path); !own && !r.Indirect {
			list = append(list, r.Path)
		}
	}
	return list
}

const depsFile = "docs/dependencies.md"

var (
	depsHeading = regexp.MustCompile("(?m)^## `(.*(?:go\\.mod|pyproject\\.toml))`.*\n")
	depsLine    = regexp.MustCompile("(?m)^- `([^`]+)`(.*(?:\n  .*)*)")
)

// documentedDeps returns the dependencies of each section of docs/dependencies.md,
// with the reason given for each.
func documentedDeps(text string) map[string]map[string]string {
	sections := make(map[string]map[string]string)
	heads := depsHeading.FindAllStringSubmatchIndex(text, -1)
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		reasons := make(map[string]string)
		for _, m := range depsLine.FindAllStringSubmatch(text[h[1]:end], -1) {
			reasons[m[1]] = strings.TrimLeft(m[2], ": ")
		}
		sections[text[h[2]:h[3]]] = reasons
	}
	return sections
}

// TestDependenciesAreExplained holds docs/dependencies.md to every go.mod.
func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, depsFile))
	if err != nil {
		t.Fatal(err)
	}
	sections := documentedDeps(string(text))
	names, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		var required []string
		switch base := path.Base(name); {
		case inTestdata(name):
			continue
		case base == "go.mod":
			required = readModule(t, name).direct()
		case base == "pyproject.toml":
			required = pythonDeps(t, name)
		default:
			continue
		}
		documented, ok := sections[name]
		delete(sections, name)
		if !ok && len(required) > 0 {
			t.Errorf("%s has no section for `%s`", depsFile, name)
			continue
		}
		compareDeps(t, name, required, documented)
	}
	for name := range sections {
		t.Errorf("%s has a section for `%s`, which does not exist", depsFile, name)
	}
}

// pythonDeps returns the distributions that a Python project requires, without their versions.
func pythonDeps(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^dependencies = \[(.*)\]$`).FindSubmatch(text)
	if line == nil {
		t.Fatalf("%s has no line dependencies = [...]", name)
	}
	var deps []string
	for _, m := range regexp.MustCompile(`"([A-Za-z0-9_.-]+)`).FindAllSubmatch(line[1], -1) {
		deps = append(deps, string(m[1]))
	}
	return deps
}

func compareDeps(t *testing.T, name string, required []string, documented map[string]string) {
	t.Helper()
	for _, dep := range required {
		if why, ok := documented[dep]; !ok || len(why) < len("why it is here") {
			t.Errorf("%s requires %s; say why in %s, or remove it", name, dep, depsFile)
		}
	}
	for dep := range documented {
		if !slices.Contains(required, dep) {
			t.Errorf("%s explains %s, which %s does not require directly", depsFile, dep, name)
		}
	}
}

func TestDependenciesAreFoundInText(t *testing.T) {
	got := documentedDeps("# Title\n\n## `a/go.mod`, a leaf\n\nTalk about `x`.\n\n" +
		"- `host/one`: because it\n  is needed.\n- `host/two`: too.\n\n## `b/go.mod`\n")
	if len(got) != 2 || len(got["a/go.mod"]) != 2 || got["a/go.mod"]["host/one"] != "because it\n  is needed." {
		t.Errorf("documentedDeps = %q; want two sections, the first with host/one and host/two", got)
	}
}
