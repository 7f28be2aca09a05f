package arch

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// foreign finds what has no meaning outside of the machine or the desk where
// a line was written. The expressions are spelled so as not to find themselves.
var foreign = []struct {
	what string
	re   *regexp.Regexp
}{
	{"a path of one machine", regexp.MustCompile("(?m)(?:^|[\\s\"'`(=:])/(?:work|root|tmp/plan)/")},
	{"a folder outside of the repository", regexp.MustCompile(`\.\./shared\b`)},
	{"the host of a package registry", regexp.MustCompile(
		`\b(?:proxy\.golang|sum\.golang|files\.pythonhosted|deb\.debian|registry\.npmjs)\.org\b|\bpypi\.org\b|\bgoproxy\.(?:cn|io)\b`)},
}

func TestTextsStandAlone(t *testing.T) {
	texts(t, func(name string, text []byte) {
		if name == "internal/arch/text_test.go" {
			return
		}
		for _, f := range foreign {
			if at := f.re.FindIndex(text); at != nil {
				line := 1 + strings.Count(string(text[:at[0]]), "\n")
				t.Errorf("%s:%d names %s: %q", name, line, f.what, text[at[0]:at[1]])
			}
		}
	})
}

func TestForeignTextIsFound(t *testing.T) {
	for text, want := range map[string]int{
		"see " + "/work" + "/main/x":       1,
		"read `../shared/api.md`":          1,
		"GOPROXY=https://proxy.golang.org": 1,
		"at work/life and src/work/x":      0,
		"ois://photos/root/a.txt":          0,
	} {
		got := 0
		for _, f := range foreign {
			got += len(f.re.FindAllString(text, -1))
		}
		if got != want {
			t.Errorf("%q has %d foreign words; want %d", text, got, want)
		}
	}
}

// TestEveryPackageIsExplained wants a paragraph above each package: what it
// is for, and what it does not do.
func TestEveryPackageIsExplained(t *testing.T) {
	docs := make(map[string]string)
	for _, f := range sources(t) {
		want := "Package " + f.pkg + " "
		if f.pkg == "main" {
			want = "Command " + path.Base(f.dir()) + " "
		}
		if f.doc != "" && !strings.HasPrefix(f.doc, want) {
			t.Errorf("%s: the package comment starts with %.30q; want %q", f.path, f.doc, want)
		}
		docs[f.dir()] += f.doc
	}
	for dir, doc := range docs {
		if doc == "" {
			t.Errorf("package %s has no comment", dir)
		}
	}
}
