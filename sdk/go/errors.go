package ois

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Errors to ask for with errors.Is. An [*Error] matches those that fit its code
// and status; a HEAD answer has no code, there the status alone decides.
var (
	// ErrNotFound: no such bucket, object or upload. It is also fs.ErrNotExist.
	ErrNotFound error = &sentinel{"not found", fs.ErrNotExist}
	// ErrPermission: the key, the signature or the rights do not suffice. It is also fs.ErrPermission.
	ErrPermission error = &sentinel{"permission denied", fs.ErrPermission}
	// ErrExist: the bucket name is taken, perhaps by the caller. It is also fs.ErrExist.
	ErrExist error = &sentinel{"already exists", fs.ErrExist}
	// ErrNotEmpty: the bucket to delete holds objects or unfinished uploads.
	ErrNotEmpty error = &sentinel{"bucket is not empty", nil}
	// ErrPrecondition: an If-Match, If-None-Match or similar condition does not hold.
	ErrPrecondition error = &sentinel{"precondition failed", nil}
	// ErrNotModified: a read on condition found nothing new.
	ErrNotModified error = &sentinel{"not modified", nil}
	// ErrRange: the range starts behind the end of the object.
	ErrRange error = &sentinel{"range not satisfiable", nil}
	// ErrBusy: the server asks to come back later (429 or 503).
	ErrBusy error = &sentinel{"server is busy", nil}
	// ErrUnsupported: the server does not offer the operation, or did not announce
	// an extension that the call needs; then nothing was sent. It is also errors.ErrUnsupported.
	ErrUnsupported error = &sentinel{"not supported by the server", errors.ErrUnsupported}
)

// sentinel is an error that stands for one of the standard library, too.
type sentinel struct {
	text string
	std  error
}

func (s *sentinel) Error() string { return "ois: " + s.text }

func (s *sentinel) Is(target error) bool { return s.std != nil && target == s.std }

// An Error tells what became of a call. Every error that a call returns after its
// arguments were found in order is one; its fields are empty where nothing is known.
type Error struct {
	Status    int    // HTTP status, 0 if there was no answer
	Code      string // the service's token, such as "object_not_exists"
	Message   string // the service's sentence
	RequestID string // names the last attempt in the service's logs
	URL       string // the service's page about the code

	Op     string // the operation, such as "PutObject"
	Bucket string
	Key    string

	Attempts int   // how often the request was sent
	Err      error // the cause where it is not the service's answer, such as a network error

	note   string // why it was not tried again
	broken bool   // the answer was good, but not all of it came
}

// Error returns one line with everything but the help page. Bucket and key are
// quoted if they hold anything that cannot be printed.
func (e *Error) Error() string {
	text := "ois: " + e.Op
	if e.Bucket != "" {
		name := e.Bucket
		if e.Key != "" {
			name += "/" + e.Key
		}
		text += " " + quoteOdd(name)
	}
	switch {
	case e.Code != "":
		text += fmt.Sprintf(": %d %s", e.Status, e.Code)
	case e.Status != 0:
		text += strings.TrimRight(fmt.Sprintf(": %d %s", e.Status, http.StatusText(e.Status)), " ")
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.reason()
	}
	return oneLine(text + e.circumstances())
}

// reason is the text of the cause, without what the error says already.
func (e *Error) reason() string {
	text := strings.TrimPrefix(e.Err.Error(), "ois: ")
	text = strings.ReplaceAll(text, ": ois: ", ": ")
	return strings.TrimPrefix(text, e.Op+": ")
}

// quoteOdd quotes a name if it would not print as it is.
func quoteOdd(name string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if utf8.ValidString(name) && !strings.ContainsFunc(name, odd) {
		return name
	}
	return strconv.Quote(name)
}

// oneLine puts a blank where text has line breaks and other control characters.
func oneLine(text string) string {
	control := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) }
	if !strings.ContainsFunc(text, control) {
		return text
	}
	return strings.Join(strings.FieldsFunc(text, control), " ")
}

// circumstances are what stands in brackets at the end.
func (e *Error) circumstances() string {
	var list []string
	if e.RequestID != "" {
		list = append(list, "request "+e.RequestID)
	}
	if e.Attempts > 1 {
		list = append(list, fmt.Sprintf("%d attempts", e.Attempts))
	}
	if e.note != "" {
		list = append(list, "not retried: "+e.note)
	}
	if list == nil {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether e is what target stands for: one of this package's errors
// or its counterpart in the standard library.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound, fs.ErrNotExist:
		return e.Status == http.StatusNotFound || strings.HasSuffix(e.Code, "_not_exists")
	case ErrPermission, fs.ErrPermission:
		return e.permission()
	case ErrExist, fs.ErrExist:
		return e.Code == "bucket_already_exists"
	case ErrNotEmpty:
		return e.Code == "bucket_not_empty"
	case ErrPrecondition:
		return e.Status == http.StatusPreconditionFailed
	case ErrNotModified:
		return e.Status == http.StatusNotModified
	case ErrRange:
		return e.Status == http.StatusRequestedRangeNotSatisfiable
	case ErrBusy:
		return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable
	case ErrUnsupported, errors.ErrUnsupported:
		return e.Status == http.StatusNotImplemented
	}
	return false
}

// permission leaves out what a 403 also stands for: quotas, leases and suspended buckets.
func (e *Error) permission() bool {
	switch e.Code {
	case "permission_denied", "access_denied", "invalid_access_key_id", "signature_not_matched",
		"request_expired", "account_problem":
		return true
	case "":
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	}
	return false
}

// A RedirectError is the cause of an [*Error] when the server sends the caller
// elsewhere. Requests are not sent there unasked: the signature and perhaps a
// customer's key would go along.
type RedirectError struct {
	Location string // where to
	Zone     string // the zone to open the bucket with, if Location names one
}

// Error names the zone to open the bucket with, or where the server points.
func (e *RedirectError) Error() string {
	if e.Zone != "" {
		return fmt.Sprintf("the bucket is in zone %q: open it with that zone", e.Zone)
	}
	return fmt.Sprintf("redirect to %q is not followed", e.Location)
}

// errStalled is the cause when a connection stands still.
type errStalled struct{ what string }

func (e *errStalled) Error() string   { return e.what }
func (e *errStalled) Timeout() bool   { return true }
func (e *errStalled) Temporary() bool { return true }

// maxErrorBody is how much of an error's body is looked at.
const maxErrorBody = 64 << 10

// readAnswer fills e from the body of an error. What is not the service's JSON
// leaves a short excerpt, so that a proxy's page can be recognised.
func (e *Error) readAnswer(body []byte) {
	var answer struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
		URL       string `json:"url"`
	}
	if json.Unmarshal(body, &answer) != nil {
		e.Message = excerpt(body)
		return
	}
	e.Code, e.Message, e.URL = answer.Code, answer.Message, answer.URL
	if answer.RequestID != "" {
		e.RequestID = answer.RequestID
	}
	if e.Code == "" && e.Message == "" {
		e.Message = excerpt(body)
	}
}

// excerpt is the start of a text, on one line.
func excerpt(text []byte) string {
	const most = 120
	short := strings.ToValidUTF8(string(text[:min(len(text), 4*most)]), ".")
	short = strings.Join(strings.FieldsFunc(short, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(short) <= most {
		return short
	}
	end := most
	for !utf8.RuneStart(short[end]) {
		end--
	}
	return short[:end] + "…"
}
