// Package fault holds the errors that cross the API: a code that programs act
// upon and a sentence for people. It knows no HTTP beyond the status of a code.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Code is a stable token of the contract, such as "object_not_exists".
type Code string

// An Error is an error that a client gets to see.
type Error struct {
	Code    Code
	Message string
	cause   error
}

// Newf returns an error for clients. An operand of %w becomes its cause, whose text stands in the message. Of an *Error that
// is its message alone: there is one code for programs.
func Newf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, withoutCodes(args)...)
	message := err.Error()
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return &Error{Code: code, Message: message, cause: errors.Unwrap(err)}
}

// withoutCodes returns operands that say what they say without a code.
func withoutCodes(args []any) []any {
	for i, a := range args {
		if e, ok := a.(*Error); ok {
			args = slices.Clone(args)
			args[i] = codeless{e}
		}
	}
	return args
}

// codeless is an error within another one that has a code already.
type codeless struct{ err *Error }

func (c codeless) Error() string { return c.err.Message }
func (c codeless) Unwrap() error { return c.err }

// maxMessage is how many bytes of a message are kept: it may quote what a client has sent, however long.
const maxMessage = 2 << 10

// Error returns code and message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error with the same code and no message, so that
// errors.Is(err, &fault.Error{Code: fault.ObjectNotExists}) holds.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Code == e.Code
}

// CodeOf returns the code of the first *Error in err's chain, and InternalError
// for any other error.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return InternalError
}

// Status returns the HTTP status of the code, 500 for one that is not in the contract.
func (c Code) Status() int {
	if d, ok := codes[c]; ok {
		return d.status
	}
	return 500
}

// Codes returns all codes of the contract, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(codes)) }
