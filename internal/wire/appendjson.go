package wire

import (
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// The append functions write JSON as encoding/json would without escaping HTML. Generated code
// puts objects together from them: each field is followed by a comma, and the end of the object
// takes the place of the last one.

// appendName appends the name of a field, which needs no escaping.
func appendName(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// appendEnd closes an object or a list.
func appendEnd(b []byte, end byte) []byte {
	if b[len(b)-1] == ',' {
		b[len(b)-1] = end
		return b
	}
	return append(b, end)
}

const hexDigits = "0123456789abcdef"

// appendString appends a string in quotes. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			b = appendEscaped(b, c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			start = i + n
		}
		i += n
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendEscaped appends a character that must not stand in a string as it is.
func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendInt appends an integer.
func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// appendBool appends true or false.
func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

// The forms of a time in JSON, always UTC.
const (
	milliseconds = "2006-01-02T15:04:05.000Z"
	seconds      = "2006-01-02T15:04:05Z"
)

// appendTime appends a time in a form, null for the zero time.
func appendTime(b []byte, t time.Time, form string) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, form)
	return append(b, '"')
}

// appendList appends a list; nil is an empty one.
func appendList[E any](b []byte, list []E, elem func([]byte, *E) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		b = append(elem(b, &list[i]), ',')
	}
	return appendEnd(b, ']')
}

// appendStrings appends a list of strings; nil is an empty one.
func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for _, s := range list {
		b = append(appendString(b, s), ',')
	}
	return appendEnd(b, ']')
}

// appendMap appends a map in the order of its keys; nil is an empty one.
func appendMap[E any](b []byte, m map[string]E, elem func([]byte, *E) []byte) []byte {
	b = append(b, '{')
	for _, key := range slices.Sorted(maps.Keys(m)) {
		e := m[key]
		b = append(appendString(b, key), ':')
		b = append(elem(b, &e), ',')
	}
	return appendEnd(b, '}')
}
