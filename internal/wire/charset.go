package wire

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/oisproject/ois/internal/fault"
)

// toUTF8 returns s, which is in an encoding by one of the names that browsers know; the empty name is that of UTF-8.
func toUTF8(charset, s string) (string, error) {
	if charset == "" || strings.EqualFold(charset, "utf-8") {
		return s, nil
	}
	e, err := htmlindex.Get(charset)
	if err != nil {
		return "", fault.Newf(fault.InvalidArgument, "the form field charset: got %.100q; want an encoding that browsers know, such as UTF-8, GBK or Big5", charset)
	}
	// In UTF-16, and in what is too dangerous for browsers to decode, not even the names of the fields are themselves.
	if key, err := e.NewDecoder().String("key"); err != nil || key != "key" {
		return "", fault.Newf(fault.InvalidArgument, "the form field charset: got %.100q; want one in which ASCII is as it is", charset)
	}
	text, err := e.NewDecoder().String(s)
	if err != nil || strings.ContainsRune(text, utf8.RuneError) {
		return "", fault.Newf(fault.InvalidArgument, "a field of the form is not %s, which its field charset says: %.100q", charset, s)
	}
	return text, nil
}
