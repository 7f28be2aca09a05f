package etag

import (
	"strings"
	"testing"
)

func TestIn(t *testing.T) {
	tests := []struct {
		list string
		want bool
	}{
		{`"a"`, true},
		{`a`, true},
		{`"b","a"`, true},
		{`"b"   ,	"a"`, true},
		{`b,a`, true},
		{`,,"a",,`, true},
		{`"a,b"`, false},
		{`"b,a"`, false},
		{`"x"a`, true},
		{`"b`, false},
		{`"`, false},
		{`W/`, false},
		{`w/"a"`, false},
		{`,`, false},
		{``, false},
		{`"A"`, false},
	}
	for _, test := range tests {
		if got := In(test.list, `"a"`, true); got != test.want {
			t.Errorf("In(%q, a) = %v; want %v", test.list, got, test.want)
		}
	}
}

func TestEmpty(t *testing.T) {
	for list, want := range map[string]bool{"": true, ", ,": true, "*": false, `"a"`: false, `""`: false, ",a": false} {
		if got := Empty(list); got != want {
			t.Errorf("Empty(%q) = %v; want %v", list, got, want)
		}
	}
}

func TestCondition(t *testing.T) {
	for _, test := range []struct {
		Condition
		there, absent bool // whether it holds for an object with the tag "a", and for none
	}{
		{Condition{}, true, true},
		{Condition{NoneMatch: "*"}, false, true},
		{Condition{NoneMatch: `"a"`}, false, true},
		{Condition{NoneMatch: `W/"a"`}, false, true},
		{Condition{NoneMatch: `"b"`}, true, true},
		{Condition{Match: "*"}, true, false},
		{Condition{Match: `"b", "a"`}, true, false},
		{Condition{Match: `W/"a"`}, false, false},
		{Condition{Match: `"b"`}, false, false},
		{Condition{Match: `"a"`, NoneMatch: `"a"`}, false, false},
		{Condition{Match: `"a"`, NoneMatch: `"b"`}, true, false},
		{Condition{Match: "*", NoneMatch: "*"}, false, false},
	} {
		if there, absent := test.Holds(`"a"`), test.Absent(); there != test.there || absent != test.absent {
			t.Errorf("%+v: holds for a: %v, for none: %v; want %v, %v", test.Condition, there, absent, test.there, test.absent)
		}
		if test.None() != (test.Condition == Condition{}) {
			t.Errorf("%+v: None() = %v", test.Condition, test.None())
		}
	}
}

// FuzzIn checks that a tag is found wherever it stands in a list.
func FuzzIn(f *testing.F) {
	f.Add(`W/"x",`, "46dc", `, *`)
	f.Add(`"`, "a,b", `"`)
	f.Fuzz(func(t *testing.T, head, tag, tail string) {
		In(head+tail, tag, true)
		if strings.ContainsAny(head, `"`) || strings.ContainsAny(tag, `"`) {
			return
		}
		if list := head + `,"` + tag + `",` + tail; !In(list, tag, false) {
			t.Errorf("In(%q, %q) = false", list, tag)
		}
	})
}
