package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/oisproject/ois/internal/client/message"
)

// TestEachMessageIsInBothLanguages looks at the short help of all commands, at the flags of those that speak to a service, and at
// every text in the sources of this package that is said in the person's language.
func TestEachMessageIsInBothLanguages(t *testing.T) {
	a, _, _ := newApp()
	used := map[string]bool{message.Overview: true}
	var visit func(cmd *cobra.Command, flags bool)
	visit = func(cmd *cobra.Command, flags bool) {
		used[cmd.Short] = true
		if flags {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { used[f.Usage] = true })
		}
		for _, c := range cmd.Commands() {
			visit(c, flags)
		}
	}
	root := a.rootCommand()
	visit(root, false)
	visit(helpCommand(root), false)
	for _, c := range append(a.clientCommands(), a.bucketGetCommand()) {
		visit(c, true)
	}
	for _, h := range headings {
		used[h] = true
	}
	for _, text := range said(t) {
		used[text] = true
	}
	for text := range used {
		if !message.Has(text) {
			t.Errorf("the catalogue has no Chinese for %q", text)
		}
	}
	for _, text := range message.All() {
		if !used[text] {
			t.Errorf("nobody says %q any more", text)
		}
	}
}

// said returns the texts that are given to text and sayf in this package.
func said(t *testing.T) (list []string) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"text", "sayf"}, f.Sel.Name) {
				return true
			}
			if lit, ok := call.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, text)
			}
			return true
		})
	}
	if len(list) < 5 {
		t.Fatalf("only %d texts were found", len(list))
	}
	return list
}

func TestHelpInChinese(t *testing.T) {
	a, stdout, _ := newApp("sync", "--help")
	a.Getenv = func(name string) string { return map[string]string{"LANG": "zh_CN.UTF-8"}[name] }
	if status := a.run(t.Context()); status != exitOK {
		t.Fatalf("status %d", status)
	}
	for _, want := range []string{"用法：\n  ois sync SOURCE TARGET", "示例：", "选项：", "删除源没有的内容"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the help has no %q:\n%s", want, stdout)
		}
	}
	for _, heading := range []string{"Usage:", "Flags:", "Examples:"} {
		if strings.Contains(stdout.String(), heading) {
			t.Errorf("the help has an English %q", heading)
		}
	}
}

func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	a, _, stderr := newApp("man", dir)
	if status := a.run(t.Context()); status != exitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ois.1", "ois-cp.1", "ois-uploads-resume.1", "ois-bucket-get.1"} {
		if !slices.Contains(pages, filepath.Join(dir, want)) {
			t.Errorf("there is no %s in %q", want, pages)
		}
	}
	var b strings.Builder
	writePage(&b, a.syncCommand())
	for _, want := range []string{".TH SYNC 1", ".SH NAME\nsync \\- Make one", "\n.B \\-\\-delete\ndelete what", "\n.B \\-n, \\-\\-dry\\-run\n", ".SH EXAMPLES\n.nf\n  ois sync"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page has no %q:\n%s", want, b.String())
		}
	}
	if got := roff(".x\n'y\n\\-"); got != "\\&.x\n\\&'y\n\\e\\-" {
		t.Errorf("got %q", got)
	}
}
