// Package message holds what commands say to people, in English and in Chinese.
//
// The English text is the name of a message: it stands where it is said, and the catalogue of the other language is looked up with
// it. What programs read (standard output, JSON, the codes of errors) is never translated.
package message

import "strings"

// A Language is one that commands speak.
type Language int

// The languages.
const (
	English Language = iota
	Chinese
)

// Of returns the language that the locale in an environment asks for.
func Of(getenv func(string) string) Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := getenv(name); locale != "" {
			if language, _, _ := strings.Cut(strings.ToLower(locale), "_"); language == "zh" || strings.HasPrefix(language, "zh.") || strings.HasPrefix(language, "zh-") {
				return Chinese
			}
			return English
		}
	}
	return English
}

// Text returns a message in the language, in English if the catalogue has none.
func (l Language) Text(english string) string {
	if l == Chinese {
		if text, ok := chinese[english]; ok {
			return text
		}
	}
	return english
}

// Has reports whether a message is there in all languages.
func Has(english string) bool {
	_, ok := chinese[english]
	return ok
}

// All returns the English messages, in no order.
func All() (list []string) {
	for english := range chinese {
		list = append(list, english)
	}
	return list
}
