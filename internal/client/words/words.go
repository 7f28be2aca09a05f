// Package words splits a line into the arguments of a command, as shells do, and does nothing else of what they do.
package words

import (
	"errors"
	"strings"
	"unicode"
)

// Split returns the words of a line. Blanks separate them. Quotes of both kinds hold a word together; in double quotes and outside of
// quotes, a backslash takes the next character for itself. A word that starts with "#" begins a comment.
func Split(line string) (list []string, err error) {
	var word strings.Builder
	inside := false // a word, which may be empty
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case unicode.IsSpace(r):
			if inside {
				list = append(list, word.String())
				word.Reset()
				inside = false
			}
			continue
		case r == '#' && !inside:
			return list, nil
		case r == '\\':
			if i++; i == len(runes) {
				return nil, errors.New("nothing follows the backslash at the end")
			}
			word.WriteRune(runes[i])
		case r == '\'' || r == '"':
			if i = quoted(&word, runes, i+1, r); i < 0 {
				return nil, errors.New("a quote is not closed")
			}
		default:
			word.WriteRune(r)
		}
		inside = true
	}
	if inside {
		list = append(list, word.String())
	}
	return list, nil
}

// quoted takes what is between quotes, and returns where the closing one is, or -1.
func quoted(word *strings.Builder, runes []rune, i int, quote rune) int {
	for ; i < len(runes); i++ {
		switch {
		case runes[i] == quote:
			return i
		case runes[i] == '\\' && quote == '"' && i+1 < len(runes) && (runes[i+1] == '"' || runes[i+1] == '\\'):
			i++
		}
		word.WriteRune(runes[i])
	}
	return -1
}
