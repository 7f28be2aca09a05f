package gen

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestArguments checks the order of arguments, with those of variants, and which of them must be there.
func TestArguments(t *testing.T) {
	fsys := small(t)
	data := strings.Replace(string(fsys["object.yaml"].Data), "    x-ois-stream: request\n",
		"    x-ois-stream: request\n    x-ois-py: [x_qs_copy_source, body]\n", 1)
	fsys["object.yaml"] = &fstest.MapFile{Data: []byte(data)}
	spec, err := Load(fsys, "ois.yaml", "contract/ois.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]string)
	for _, o := range spec.Operations {
		for _, f := range o.Arguments {
			name := f.PyName
			if o.Demands(f) {
				name += " needed"
			}
			got[o.Name] = append(got[o.Name], name)
		}
	}
	want := map[string][]string{
		"PutObject":    {"x_qs_copy_source", "body", "metadata", "if_none_match"},
		"CopyObject":   {"x_qs_copy_source needed"},
		"ListObjects":  {"marker", "limit"},
		"PutBucketACL": got["PutBucketACL"],
	}
	for name, arguments := range want {
		if diff := cmp.Diff(arguments, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
