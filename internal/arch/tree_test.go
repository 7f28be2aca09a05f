package arch

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/oisproject/ois"

// root is the top of the repository, seen from this package.
const root = "../.."

// A goFile is what these tests want to know of one Go file.
type goFile struct {
	path    string // relative to the root, with slashes
	pkg     string // the name after "package"
	imports []string
	doc     string // the comment above "package"
}

func (f *goFile) dir() string  { return path.Dir(f.path) }
func (f *goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// files returns the files that git would commit, sorted, relative to the root.
var files = sync.OnceValues(func() ([]string, error) {
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = root
	var complaint strings.Builder
	git.Stderr = &complaint
	out, err := git.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w: %s", err, complaint.String())
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// A file deleted since the last commit is still in git's list.
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
})

// goFiles returns every Go file outside of testdata.
var goFiles = sync.OnceValues(func() ([]*goFile, error) {
	names, err := files()
	if err != nil {
		return nil, err
	}
	var list []*goFile
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") || inTestdata(name) {
			continue
		}
		f, err := parseFile(name)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
})

func parseFile(name string) (*goFile, error) {
	mode := parser.ImportsOnly | parser.ParseComments
	tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, mode)
	if err != nil {
		return nil, err
	}
	f := &goFile{path: name, pkg: tree.Name.Name, doc: docText(tree.Doc)}
	for _, spec := range tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, p)
	}
	return f, nil
}

func docText(doc *ast.CommentGroup) string {
	if doc == nil {
		return ""
	}
	return doc.Text()
}

// sources returns the Go files that are no tests.
func sources(t *testing.T) []*goFile {
	t.Helper()
	list, err := goFiles()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(list), (*goFile).isTest)
}

// packages returns the directories with Go files that are no tests, sorted.
func packages(t *testing.T) []string {
	t.Helper()
	dirs := make(map[string]bool)
	for _, f := range sources(t) {
		dirs[f.dir()] = true
	}
	return slices.Sorted(maps.Keys(dirs))
}

// texts calls visit for each file that holds text.
func texts(t *testing.T, visit func(name string, text []byte)) {
	t.Helper()
	names, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted by somebody else meanwhile
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.ContainsRune(data, 0) {
			visit(name, data)
		}
	}
}

func inTestdata(name string) bool {
	return slices.Contains(strings.Split(name, "/"), "testdata")
}

// ours cuts the module path off an import path and reports whether the
// package is one of this repository.
func ours(importPath string) (rel string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// isStd reports whether an import path is one of the standard library: all
// others start with a host.
func isStd(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// A pattern is a directory, or with a trailing /... a directory and all below.
type pattern string

func (p pattern) match(dir string) bool {
	top, tree := strings.CutSuffix(string(p), "/...")
	return dir == top || tree && strings.HasPrefix(dir, top+"/")
}

func matchAny(patterns []pattern, dir string) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return p.match(dir) })
}
