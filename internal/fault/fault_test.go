package fault

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
)

func TestCodeOfLooksThroughTheChain(t *testing.T) {
	err := fmt.Errorf("put: %w", Newf(IncompleteBody, "after %d bytes: %w", 3, io.ErrUnexpectedEOF))
	if got := CodeOf(err); got != IncompleteBody {
		t.Errorf("CodeOf = %s; want %s", got, IncompleteBody)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is not in the chain")
	}
	if !errors.Is(err, &Error{Code: IncompleteBody}) || errors.Is(err, &Error{Code: InternalError}) {
		t.Error("errors.Is does not go by the code")
	}
	if got := CodeOf(io.EOF); got != InternalError {
		t.Errorf("CodeOf(io.EOF) = %s; want %s", got, InternalError)
	}
}

func TestStatusOfEachCode(t *testing.T) {
	for code, d := range codes {
		if got := code.Status(); got != d.status || got < 400 || got > 599 {
			t.Errorf("status of %s is %d", code, got)
		}
	}
	if got := Code("made up").Status(); got != http.StatusInternalServerError {
		t.Errorf("status of an unknown code is %d; want 500", got)
	}
}

// TestOneCodeIsTold: a message does not name the code of what it is made of.
func TestOneCodeIsTold(t *testing.T) {
	inner := Newf(InvalidArgument, "class %q is unknown", "X")
	outer := Newf(InvalidRequest, "rules[%d]: %w", 0, inner)
	if want := `rules[0]: class "X" is unknown`; outer.Message != want || CodeOf(outer) != InvalidRequest {
		t.Errorf("got %v; want the code %s and the message %s", outer, InvalidRequest, want)
	}
	if !errors.Is(outer, inner) {
		t.Error("the inner error is not in the chain")
	}
}
