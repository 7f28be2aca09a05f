package wire

import (
	"strings"
	"testing"
)

// TestFirstMissingFieldIsNamed: equal bodies have equal answers, whatever the order of a map.
func TestFirstMissingFieldIsNamed(t *testing.T) {
	s := &shape{kind: objectShape, fields: make(map[string]field)}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		s.fields[name] = field{&shape{kind: stringShape}, true}
	}
	for range 20 {
		if err := checkJSON([]byte(`{"a":"", "d":""}`), s); err == nil || !strings.Contains(err.Error(), "the body.b is missing") {
			t.Fatalf("got %v; want that b is missing", err)
		}
	}
}

// TestUnknownValuesArePassed: what follows a value that nobody knows is checked all the same.
func TestUnknownValuesArePassed(t *testing.T) {
	s := &shape{kind: objectShape, fields: map[string]field{"a": {&shape{kind: integerShape}, true}}}
	for _, value := range []string{"null", "1", `"a"`, "true", "[]", `[1,[{"a":"b"}],"]"]`, `{"a":{"a":"}"}}`} {
		if err := checkJSON([]byte(`{"x":`+value+`, "y" : `+value+`, "a":1}`), s); err != nil {
			t.Errorf("%s: %v", value, err)
		}
		if err := checkJSON([]byte(`{"x":`+value+`,"a":"1"}`), s); err == nil || !strings.Contains(err.Error(), "the body.a: got a string") {
			t.Errorf("%s: got %v; want that a is a string", value, err)
		}
	}
}
