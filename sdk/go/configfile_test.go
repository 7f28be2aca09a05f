package ois

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseSettings(t *testing.T) {
	text := "\ufeff---\r\n" +
		"# comment\r\n" +
		"\r\n" +
		"access_key_id: 'it''s' # comment\n" +
		"secret_access_key: \"a\\\"b\\\\\\n\\t\\u4e2d\\/#\"\n" +
		"endpoint: https://host:443/#x # after a blank only\n" +
		"empty:\n" +
		"empty-quoted: ''\n" +
		"null-word: ~\n" +
		"tab:\tvalue\t\n" +
		"minus: -1\n" +
		"http_settings: # a block\n" +
		"  read_timeout: 30\n" +
		"   \n" +
		"  # inner comment\n" +
		"  empty:\n" +
		"port: 443"
	want := []setting{
		{"", "access_key_id", "it's", 4},
		{"", "secret_access_key", "a\"b\\\n\t中/#", 5},
		{"", "endpoint", "https://host:443/#x", 6},
		{"", "empty", "", 7},
		{"", "empty-quoted", "", 8},
		{"", "null-word", "", 9},
		{"", "tab", "value", 10},
		{"", "minus", "-1", 11},
		{"http_settings", "read_timeout", "30", 13},
		{"http_settings", "empty", "", 16},
		{"", "port", "443", 17},
	}
	got, err := parseSettings([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestParseSettingsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb":                       `line 2: no ":" right after "b"`,
		"a:1":                           `line 1: no blank after "a:"`,
		"- a":                           `line 1: "- a" does not start with a key`,
		"{a: 1}":                        `does not start with a key`,
		"'a': 1":                        `does not start with a key`,
		"a b: 1":                        `no ":" right after "a"`,
		"a: 'x":                         `line 1: value of "a": no closing quote`,
		"a: \"x\\":                      `no closing quote`,
		"a: \"\\x41\"":                  `"\x" is no escape`,
		"a: \"\\ud800\"":                `"\u" is no escape`,
		"a: 'x' y":                      `"y" after the closing quote`,
		"a: 'x'#y":                      `"#y" after the closing quote`,
		"a: [1]":                        `starts with '['`,
		"a: &x":                         `starts with '&'`,
		"a: |":                          `starts with '|'`,
		"a: - 1":                        `starts with '-'`,
		"a: b: c":                       `has a ":" before a blank`,
		"a: b:":                         `has a ":" before a blank`,
		"a: 1\n\n# x\na: 2":             `line 4: "a" is given before, on line 1`,
		"  a: 1":                        `line 1: "a" is indented, but no block is open`,
		"a: 1\n  b: 2":                  `line 2: "b" is indented, but no block is open`,
		"a: ''\n  b: 2":                 `line 2: "b" is indented, but no block is open`,
		"a:\n  b: 1\n    c: 2":          `line 3: "c" is indented by 4, the line above by 2`,
		"a:\n  b: 1\nc:\n  d: 1":        `line 4: "c" is a second block`,
		"a:\n  b: 1\n  b: 2":            `line 3: "b" is given before, on line 2`,
		"a:\n\tb: 1":                    `line 2: a tab in the indentation`,
		"a: \x00":                       `line 1: control character '\x00'`,
		"a: \xff":                       `line 1: not UTF-8`,
		"a: 1\n---\nb: 2":               `line 2: "---" does not start with a key`,
		strings.Repeat("x", 300) + ":!": `no blank after`,
	} {
		got, err := parseSettings([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseSettings(%q) = %v, %v; want error with %q", text, got, err, want)
		}
	}
}

// FuzzParseSettings checks that what is read can be written down again in quotes
// and read back, and that nothing panics.
func FuzzParseSettings(f *testing.F) {
	f.Add("a: 1\nb: 'x' # y\nc:\n  d: \"\\u0041\"\n")
	f.Add("---\r\na:\r\n e: ~\r\nb: ''")
	f.Add("a: b: c\n\t")
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := parseSettings([]byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Fatalf("parseSettings(%q): %v names no line", text, err)
			}
			return
		}
		if !utf8.ValidString(strings.TrimPrefix(text, "\ufeff")) {
			t.Fatalf("parseSettings(%q) takes what is not UTF-8", text)
		}
		again, err := parseSettings([]byte(writeSettings(settings)))
		if err != nil {
			t.Fatalf("%q, written as %q: %v", text, writeSettings(settings), err)
		}
		for i := range again {
			again[i].line = settings[i].line
		}
		if fmt.Sprint(again) != fmt.Sprint(settings) {
			t.Fatalf("%q became %q; want %q", text, again, settings)
		}
	})
}

// writeSettings writes settings as a file.
func writeSettings(settings []setting) string {
	var b strings.Builder
	block := ""
	for _, s := range settings {
		if s.block != block && s.block != "" {
			b.WriteString(s.block + ":\n")
		}
		if block = s.block; block != "" {
			b.WriteString(" ")
		}
		b.WriteString(s.key + `: "`)
		for _, r := range s.value {
			switch {
			case r == '"' || r == '\\':
				b.WriteString(`\` + string(r))
			case r < ' ' || r == 0x7f:
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				b.WriteRune(r)
			}
		}
		b.WriteString("\"\n")
	}
	return b.String()
}
