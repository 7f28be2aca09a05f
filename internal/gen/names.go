package gen

import (
	"slices"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// initialisms are words that Go names spell in their own way.
var initialisms = map[string]string{
	"acl": "ACL", "cname": "CNAME", "cors": "CORS", "etag": "ETag", "html": "HTML",
	"http": "HTTP", "id": "ID", "ip": "IP", "json": "JSON", "md5": "MD5",
	"sse": "SSE", "url": "URL",
}

// words splits a wire name or a Go name into lower-case words.
func words(name string) []string {
	var list []string
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		list = append(list, humps(part)...)
	}
	return list
}

// humps splits PutBucketCNAME into put, bucket, cname. A word that is an
// initialism as a whole, such as ETag, stays whole.
func humps(name string) []string {
	var list []string
	for name != "" {
		n := firstHump(name)
		list = append(list, strings.ToLower(name[:n]))
		name = name[n:]
	}
	return list
}

// firstHump returns the length of the first word of name.
func firstHump(name string) int {
	for lower, special := range initialisms {
		if len(name) < len(special) || name[:len(special)] != special {
			continue
		}
		if rest := name[len(lower):]; rest == "" || unicode.IsUpper(rune(rest[0])) {
			return len(special)
		}
	}
	for i := 1; i < len(name); i++ {
		if isUpper(name[i]) && (!isUpper(name[i-1]) || i+1 < len(name) && isLower(name[i+1])) {
			return i
		}
	}
	return len(name)
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// goName is the exported Go name of a wire name: x-qs-copy-source-if-match
// is CopySourceIfMatch, upload_id is UploadID.
func goName(name string) string {
	var b strings.Builder
	for _, w := range words(cutService(name)) {
		b.WriteString(title(w))
	}
	return b.String()
}

// lowerCamel is goName that starts with a lower-case letter.
func lowerCamel(name string) string {
	list := words(cutService(name))
	var b strings.Builder
	for i, w := range list {
		if i == 0 {
			b.WriteString(w)
			continue
		}
		b.WriteString(title(w))
	}
	return b.String()
}

// snake is the name in lower case with underscores.
func snake(name string) string { return strings.Join(words(name), "_") }

// kebab is the name in lower case with hyphens.
func kebab(name string) string { return strings.Join(words(name), "-") }

// A wording is how a template folder spells names.
type wording struct {
	abbreviations map[string]string // lower-case word to how pascal and camel spell it
	reserved      []string          // words that cannot be names
	escape        string            // what such a word becomes, with * for it
}

// funcs are the helper functions that depend on the manifest.
func (w wording) funcs() template.FuncMap {
	return template.FuncMap{"pascal": w.pascal, "camel": w.camel, "escape": w.escaped}
}

// pascal is the name in words with a capital each, abbreviations as the manifest says.
func (w wording) pascal(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		b.WriteString(w.capital(word))
	}
	return b.String()
}

// camel is pascal with the first word in lower case.
func (w wording) camel(name string) string {
	var b strings.Builder
	for i, word := range words(name) {
		if i > 0 {
			word = w.capital(word)
		}
		b.WriteString(word)
	}
	return b.String()
}

// capital spells one word.
func (w wording) capital(word string) string {
	if s, ok := w.abbreviations[word]; ok {
		return s
	}
	r, n := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(r)) + word[n:]
}

// escaped is the name unless the language reserves it.
func (w wording) escaped(name string) string {
	if slices.Contains(w.reserved, name) {
		return strings.Replace(w.escape, "*", name, 1)
	}
	return name
}

// screaming is the name in upper case with underscores.
func screaming(name string) string { return strings.ToUpper(snake(name)) }

// title spells one word as Go names do.
func title(word string) string {
	if s, ok := initialisms[word]; ok {
		return s
	}
	r, n := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(r)) + word[n:]
}

// cutService removes the prefix that marks headers of the service.
func cutService(name string) string {
	if len(name) > 5 && strings.EqualFold(name[:5], "x-qs-") {
		return name[5:]
	}
	return name
}

// pyKeywords cannot be names in Python.
var pyKeywords = map[string]bool{
	"and": true, "as": true, "assert": true, "async": true, "await": true, "break": true,
	"class": true, "continue": true, "def": true, "del": true, "elif": true, "else": true,
	"except": true, "finally": true, "for": true, "from": true, "global": true, "if": true,
	"import": true, "in": true, "is": true, "lambda": true, "nonlocal": true, "not": true,
	"or": true, "pass": true, "raise": true, "return": true, "try": true, "while": true,
	"with": true, "yield": true,
}

// pyName is the Python name of a wire name. The service prefix stays, as in
// the vendor's SDK: x-qs-copy-source is x_qs_copy_source.
func pyName(name string) string {
	s := snake(name)
	if pyKeywords[s] {
		return s + "_"
	}
	return s
}
