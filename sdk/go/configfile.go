package ois

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Configuration files are a small part of YAML:
//
//	# a comment
//	access_key_id: 'quoted'     # plain, 'single' or "double" quoted
//	secret_access_key: plain
//	http_settings:              # one block, one level deep
//	  read_timeout: 30
//
// The reader takes exactly that, and refuses the rest with its line: a file that
// means something else in YAML must not be half understood. It returns the
// settings in their order and gives no meaning to them.

// A setting is one line of a configuration file.
type setting struct {
	block string // the block it is in, or ""
	key   string
	value string
	line  int // counted from 1
}

// settingsParser is the state between two lines.
type settingsParser struct {
	list   []setting
	seen   map[[2]string]int // block and key to line
	line   int
	head   string // key of the last outer line if its value was empty: the head of a block, perhaps
	indent int    // of the lines below head; 0 before the first
	blocks int
}

// parseSettings reads a configuration file.
func parseSettings(data []byte) ([]setting, error) {
	p := settingsParser{seen: make(map[[2]string]int)}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for line := range bytes.Lines(data) {
		p.line++
		if err := p.parseLine(string(bytes.TrimRight(line, "\r\n"))); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	return p.list, nil
}

func (p *settingsParser) parseLine(text string) error {
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("control character %q", text[i])
	}
	if !utf8.ValidString(text) {
		return errors.New("not UTF-8")
	}
	body := strings.TrimLeft(text, " ")
	indent := len(text) - len(body)
	switch {
	case trimBlanks(body) == "", body[0] == '#', text == "---" && len(p.list) == 0:
		return nil
	case body[0] == '\t':
		return errors.New("a tab in the indentation; use blanks")
	}
	key, rest, err := cutKey(body)
	if err != nil {
		return err
	}
	value, quoted, err := parseValue(rest)
	if err != nil {
		return fmt.Errorf("value of %q: %w", key, err)
	}
	if indent > 0 {
		return p.addInner(indent, key, value)
	}
	p.head, p.indent = "", 0
	if value == "" && !quoted {
		p.head = key
	}
	return p.add("", key, value)
}

// addInner adds a line of the block below p.head.
func (p *settingsParser) addInner(indent int, key, value string) error {
	switch {
	case p.head == "":
		return fmt.Errorf("%q is indented, but no block is open above it", key)
	case p.indent == 0 && p.blocks > 0:
		return fmt.Errorf("%q is a second block; there can be one", p.head)
	case p.indent == 0:
		p.blocks, p.indent = 1, indent
		p.list = p.list[:len(p.list)-1] // the head is no setting of its own
	case p.indent != indent:
		return fmt.Errorf("%q is indented by %d, the line above by %d", key, indent, p.indent)
	}
	return p.add(p.head, key, value)
}

func (p *settingsParser) add(block, key, value string) error {
	if before, ok := p.seen[[2]string{block, key}]; ok {
		return fmt.Errorf("%q is given before, on line %d", key, before)
	}
	p.seen[[2]string{block, key}] = p.line
	p.list = append(p.list, setting{block, key, value, p.line})
	return nil
}

// cutKey cuts "key:" off a line.
func cutKey(body string) (key, rest string, err error) {
	n := 0
	for n < len(body) && isKeyByte(body[n]) {
		n++
	}
	switch {
	case n == 0 || body[0] == '-':
		return "", "", fmt.Errorf(`%q does not start with a key; lines are "key: value"`, excerpt([]byte(body)))
	case n == len(body) || body[n] != ':':
		return "", "", fmt.Errorf(`no ":" right after %q; lines are "key: value"`, body[:n])
	}
	key, rest = body[:n], body[n+1:]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return "", "", fmt.Errorf(`no blank after "%s:"`, key)
	}
	return key, rest, nil
}

func isKeyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// parseValue reads what stands behind the colon.
func parseValue(rest string) (value string, quoted bool, err error) {
	text := trimBlanks(rest)
	switch {
	case text == "" || text[0] == '#':
		return "", false, nil
	case text[0] == '\'' || text[0] == '"':
		value, rest, err = unquote(text)
		if err == nil && !isComment(rest) {
			err = fmt.Errorf("%q after the closing quote", excerpt([]byte(rest)))
		}
		return value, true, err
	}
	value = text
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && isBlank(text[i-1]) {
			value = trimBlanks(text[:i])
			break
		}
	}
	switch {
	case strings.IndexByte("[]{}&*!|>%@`,?", value[0]) >= 0, value == "-", strings.HasPrefix(value, "- "):
		return "", false, fmt.Errorf("starts with %q, which means more in YAML; put it in quotes", value[0])
	case strings.Contains(value, ": "), strings.Contains(value, ":\t"), strings.HasSuffix(value, ":"):
		return "", false, errors.New(`has a ":" before a blank, which means more in YAML; put it in quotes`)
	case value == "~", strings.EqualFold(value, "null"):
		return "", false, nil
	}
	return value, false, nil
}

// unquote cuts a quoted text off s and returns what is in it.
func unquote(s string) (value, rest string, err error) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && quote == '\'' && strings.HasPrefix(s[i+1:], "'"):
			b.WriteByte('\'')
			i++
		case c == quote:
			return b.String(), s[i+1:], nil
		case c == '\\' && quote == '"':
			n, err := unescape(&b, s[i+1:])
			if err != nil {
				return "", "", err
			}
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("no closing quote on the line")
}

// unescape writes what follows a backslash and reports how long that is.
func unescape(b *strings.Builder, s string) (int, error) {
	if s == "" {
		return 0, errors.New("no closing quote on the line")
	}
	switch c := s[0]; c {
	case '\\', '"', '/':
		b.WriteByte(c)
		return 1, nil
	case 'n':
		b.WriteByte('\n')
		return 1, nil
	case 't':
		b.WriteByte('\t')
		return 1, nil
	case 'u':
		if len(s) >= 5 {
			if n, err := strconv.ParseUint(s[1:5], 16, 16); err == nil && utf8.ValidRune(rune(n)) {
				b.WriteRune(rune(n))
				return 5, nil
			}
		}
	}
	return 0, fmt.Errorf(`"\%c" is no escape; there are \\ \" \/ \n \t and \u with four digits`, s[0])
}

// isComment reports whether nothing but blanks and a comment is in s.
func isComment(s string) bool {
	t := trimBlanks(s)
	return t == "" || t[0] == '#' && isBlank(s[0])
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func trimBlanks(s string) string { return strings.Trim(s, " \t") }
