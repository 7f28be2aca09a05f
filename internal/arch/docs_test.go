package arch

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	heading = regexp.MustCompile(`(?m)^#+ `)
	link    = regexp.MustCompile(`\]\(([^)\s#]+)[^)]*\)`)
)

// TestReadmesAgree holds the two languages of the README together: the same
// headings in the same order, and the same code, letter by letter.
func TestReadmesAgree(t *testing.T) {
	english, chinese := readText(t, "README.md"), readText(t, "README.zh-CN.md")
	if diff := firstDiff(fence.FindAllString(english, -1), fence.FindAllString(chinese, -1)); diff != "" {
		t.Errorf("code in README.md and README.zh-CN.md: %s", diff)
	}
	levels := func(text string) []string { return heading.FindAllString(fence.ReplaceAllString(text, ""), -1) }
	if diff := firstDiff(levels(english), levels(chinese)); diff != "" {
		t.Errorf("headings in README.md and README.zh-CN.md: %s", diff)
	}
}

func firstDiff(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("number %d is\n%s\nand\n%s", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("there are %d and %d", len(a), len(b))
	}
	return ""
}

// TestLinksLeadSomewhere follows the relative links of every document.
func TestLinksLeadSomewhere(t *testing.T) {
	names, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if path.Ext(name) != ".md" || inTestdata(name) {
			continue
		}
		text := fence.ReplaceAllString(readText(t, name), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue // another host
			}
			to := path.Join(path.Dir(name), m[1])
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	}
}

// changelogLine is how an entry of the changelog starts.
var changelogLine = regexp.MustCompile(`^(?:Add|Fix|Change): [^\n]+\n(?:\n|$)`)

func TestChangelogEntriesHaveAKind(t *testing.T) {
	names, err := files()
	if err != nil {
		t.Fatal(err)
	}
	numbers := make(map[string]string)
	for _, name := range names {
		if path.Dir(name) != "changelog/unreleased" || path.Base(name) == "README.md" {
			continue
		}
		if !changelogLine.MatchString(readText(t, name)) {
			t.Errorf("%s: the first line wants Add:, Fix: or Change:, then an empty line", name)
		}
		number, _, _ := strings.Cut(path.Base(name), "-")
		if other, taken := numbers[number]; taken || len(number) != 4 {
			t.Errorf("%s: want four digits of its own before the first dash; %q is taken by %q", name, number, other)
		}
		numbers[number] = name
	}
}

// TestDecisionsAreListed holds the list in docs/decisions/README.md to the files.
func TestDecisionsAreListed(t *testing.T) {
	names, err := files()
	if err != nil {
		t.Fatal(err)
	}
	index := readText(t, "docs/decisions/README.md")
	for _, name := range names {
		base := path.Base(name)
		if path.Dir(name) != "docs/decisions" || base == "README.md" {
			continue
		}
		if !strings.Contains(index, "]("+base+")") {
			t.Errorf("docs/decisions/README.md does not list %s", base)
		}
		text := readText(t, name)
		for _, part := range []string{"\n## Context\n", "\n## Decision\n", "\n## Price\n"} {
			if strings.Count(text, part) != 1 {
				t.Errorf("%s: want one heading %q", name, strings.TrimSpace(part))
			}
		}
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
