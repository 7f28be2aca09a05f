package wire

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oisproject/ois/internal/fault"
)

func TestParseSource(t *testing.T) {
	tests := []struct {
		name, value string
		bucket      string
		want        []SourceObject
	}{
		{"plain", "/bucket1/k.txt", "bucket1", []SourceObject{{"k.txt", ""}}},
		{"no leading slash", "bucket1/k.txt", "bucket1", []SourceObject{{"k.txt", ""}}},
		{"escaped", "/bucket1/docs/%E4%B8%AD%20%28v1%29.txt", "bucket1", []SourceObject{{"docs/%E4%B8%AD%20%28v1%29.txt", ""}, {"docs/中 (v1).txt", ""}}},
		{"raw, and not an escape", "/bucket1/!@#$%^&*()`~-0", "bucket1", []SourceObject{{"!@#$%^&*()`~-0", ""}}},
		{"raw with a question mark", `/bucket1/<>?:"{}|_+-0`, "bucket1", []SourceObject{{`<>?:"{}|_+-0`, ""}}},
		{"a plus stays", "/bucket1/plus+plus%2B.txt", "bucket1", []SourceObject{{"plus+plus%2B.txt", ""}, {"plus+plus+.txt", ""}}},
		{"slash in the key", "/bucket1//k", "bucket1", []SourceObject{{"/k", ""}}},
		{"all escaped", "%2Fbucket1%2Fa%2Fb", "bucket1", []SourceObject{{"a/b", ""}}},
		{"escaped bucket", "/b%75cket1/k", "bucket1", []SourceObject{{"k", ""}}},
		{"version", "/bucket1/k%20?version_id=Nz%3D", "bucket1", []SourceObject{
			{"k%20?version_id=Nz%3D", ""}, {"k ?version_id=Nz=", ""}, {"k%20", "Nz="}, {"k ", "Nz="},
		}},
		{"version, all escaped", "/bucket1/k%20%3Fversion_id%3DNz%3D", "bucket1", []SourceObject{
			{"k%20%3Fversion_id%3DNz%3D", ""}, {"k ?version_id=Nz=", ""}, {"k ", "Nz="},
		}},
		{"the last version mark counts", "/bucket1/k?version_id=1?version_id=2", "bucket1", []SourceObject{
			{"k?version_id=1?version_id=2", ""}, {"k?version_id=1", "2"},
		}},
		{"a version of nothing is a key", "/bucket1/?version_id=2", "bucket1", []SourceObject{{"?version_id=2", ""}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseSource("x-qs-copy-source", test.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Source{test.bucket, test.want}, got); diff != "" {
				t.Errorf("ParseSource(%q) (-want +got):\n%s", test.value, diff)
			}
		})
	}
}

func TestParseSourceRefuses(t *testing.T) {
	for _, value := range []string{"", "/", "//", "bucket1", "/bucket1", "/bucket1/", "//k", "%2F", "bucket1%2F"} {
		if got, err := ParseSource("x-qs-copy-source", value); fault.CodeOf(err) != fault.InvalidArgument {
			t.Errorf("ParseSource(%q) = %+v, %v; want %s", value, got, err, fault.InvalidArgument)
		}
	}
}

// FuzzParseSource checks that an escaped key and a raw one are both among what
// a source can mean.
func FuzzParseSource(f *testing.F) {
	f.Add("k.txt")
	f.Add("a%20b?version_id=%zz")
	f.Add("/../%")
	f.Fuzz(func(t *testing.T, key string) {
		if _, err := ParseSource("x-qs-copy-source", key); err != nil && fault.CodeOf(err) != fault.InvalidArgument {
			t.Errorf("ParseSource(%q): %v", key, err)
		}
		if key == "" {
			return
		}
		for _, value := range []string{"/bucket1/" + key, "bucket1/" + url.PathEscape(key)} {
			s, err := ParseSource("x-qs-copy-source", value)
			if err != nil || s.Bucket != "bucket1" {
				t.Fatalf("ParseSource(%q) = %+v, %v", value, s, err)
			}
			found := false
			for _, o := range s.Objects {
				found = found || o == SourceObject{Key: key}
			}
			if !found {
				t.Errorf("ParseSource(%q) = %+v, without %q", value, s, key)
			}
		}
	})
}
