package wire

import (
	"strings"
	"testing"
	"time"
)

const tag = `"46dcc163df29a5fb1746e1c997389cf2"`

var (
	modified = time.Date(2024, 3, 5, 8, 15, 30, 700_000_000, time.UTC)
	same     = modified.Truncate(time.Second)
	before   = same.Add(-time.Second)
	after    = same.Add(time.Second)
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name   string
		c      Conditions
		want   Verdict
		source bool // whether CheckSource holds
	}{
		{"none", Conditions{}, Proceed, true},
		{"match", Conditions{Match: tag}, Proceed, true},
		{"match another", Conditions{Match: `"x"`}, Failed, false},
		{"match any", Conditions{Match: "*"}, Proceed, true},
		{"match in a list", Conditions{Match: `"x", ` + tag + `,"y"`}, Proceed, true},
		{"match a weak tag", Conditions{Match: "W/" + tag}, Failed, false},
		{"match without quotes", Conditions{Match: strings.Trim(tag, `"`)}, Proceed, true},
		{"match the star in quotes", Conditions{Match: `"*"`}, Failed, false},
		{"none match", Conditions{NoneMatch: `"x"`}, Proceed, true},
		{"none match the tag", Conditions{NoneMatch: tag}, NotModified, false},
		{"none match any", Conditions{NoneMatch: "*"}, NotModified, false},
		{"none match in a list", Conditions{NoneMatch: `"x",W/"y",` + tag}, NotModified, false},
		{"none match a weak tag", Conditions{NoneMatch: "W/" + tag}, NotModified, false},
		{"modified since before", Conditions{ModifiedSince: before}, Proceed, true},
		{"modified since the same second", Conditions{ModifiedSince: same}, NotModified, false},
		{"modified since after", Conditions{ModifiedSince: after}, NotModified, false},
		{"unmodified since before", Conditions{UnmodifiedSince: before}, Failed, false},
		{"unmodified since the same second", Conditions{UnmodifiedSince: same}, Proceed, true},
		{"unmodified since after", Conditions{UnmodifiedSince: after}, Proceed, true},
		{"a tag that matches outweighs a date", Conditions{Match: tag, UnmodifiedSince: before}, Proceed, false},
		{"a tag that differs outweighs a date", Conditions{NoneMatch: `"x"`, ModifiedSince: after}, Proceed, false},
		{"a tag that is the same outweighs a date", Conditions{NoneMatch: tag, ModifiedSince: before}, NotModified, false},
		{"failed comes before not modified", Conditions{Match: `"x"`, NoneMatch: tag}, Failed, false},
		{"match and none match", Conditions{Match: tag, NoneMatch: tag}, NotModified, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.c.Check(tag, modified); got != test.want {
				t.Errorf("Check of %+v = %v; want %v", test.c, got, test.want)
			}
			if got := test.c.CheckSource(tag, modified); got != test.source {
				t.Errorf("CheckSource of %+v = %v; want %v", test.c, got, test.source)
			}
		})
	}
}

func TestSameVersion(t *testing.T) {
	tests := []struct {
		value string
		want  bool
	}{
		{tag, true},
		{"Tue, 05 Mar 2024 08:15:30 GMT", true},
		{"Tue, 05 Mar 2024 08:15:31 GMT", false},
		{`"x"`, false},
		{"W/" + tag, false},
		{"*", false},
	}
	for _, test := range tests {
		if got := SameVersion(test.value, tag, modified); got != test.want {
			t.Errorf("SameVersion(%q) = %v; want %v", test.value, got, test.want)
		}
	}
}

// FuzzConditions checks that no list is too much.
func FuzzConditions(f *testing.F) {
	f.Add(`W/"x",`, "46dc", `, *`)
	f.Add(`"`, "a,b", `"`)
	f.Fuzz(func(t *testing.T, head, etag, tail string) {
		c := Conditions{Match: head + tail, NoneMatch: tail + head}
		c.Check(etag, modified)
		c.CheckSource(etag, modified)
	})
}
