package target

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		arg  string
		want Target
		err  string
	}{
		{"ois://", Target{Remote: true}, ""},
		{"ois://b", Target{Remote: true, Bucket: "b"}, ""},
		{"ois://b/", Target{Remote: true, Bucket: "b"}, ""},
		{"ois://b/k", Target{Remote: true, Bucket: "b", Key: "k"}, ""},
		{"ois://b//k%20/../ü?*", Target{Remote: true, Bucket: "b", Key: "/k%20/../ü?*"}, ""},
		{"file", Target{Path: "file"}, ""},
		{"-", Target{Path: "-"}, ""},
		{"./s3://b", Target{Path: "./s3://b"}, ""},
		{"", Target{}, "empty name"},
		{"ois:///k", Target{}, "names no bucket"},
		{"s3://b/k", Target{}, "want ois://BUCKET/KEY"},
	} {
		got, err := Parse(test.arg)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: got %+v, %v; want %+v, %q", test.arg, got, err, test.want, test.err)
		}
	}
}

func TestFolders(t *testing.T) {
	for _, test := range []struct {
		arg, folder, joined, base string
		isFolder                  bool
	}{
		{"ois://b", "ois://b", "ois://b/x/y", "", true},
		{"ois://b/k", "ois://b/k/", "ois://b/k/x/y", "k", false},
		{"ois://b/k/", "ois://b/k/", "ois://b/k/x/y", "", true},
		{"ois://b/k/l", "ois://b/k/l/", "ois://b/k/l/x/y", "l", false},
		{"d", "d", "d/x/y", "d", false},
		{"d/", "d/", "d/x/y", "d", true},
	} {
		to, err := Parse(test.arg)
		if err != nil {
			t.Fatal(err)
		}
		if got := to.Folder().String(); got != test.folder {
			t.Errorf("%s as a folder is %s; want %s", test.arg, got, test.folder)
		}
		if got := to.Join("x/y").String(); got != test.joined {
			t.Errorf("x/y below %s is %s; want %s", test.arg, got, test.joined)
		}
		if got := to.Base(); got != test.base {
			t.Errorf("base of %s is %q; want %q", test.arg, got, test.base)
		}
		if got := to.IsFolder(); got != test.isFolder {
			t.Errorf("%s is a folder: %t; want %t", test.arg, got, test.isFolder)
		}
	}
}

// FuzzParse wants that what was read can be typed again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"ois://b/k", "ois://", "ois://b//", "-", "a/b", "x://y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		first, err := Parse(arg)
		if err != nil {
			return
		}
		if again, err := Parse(first.String()); err != nil || again != first {
			t.Errorf("%q is read as %+v, and that as %+v, %v", arg, first, again, err)
		}
	})
}
