package gen

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/oisproject/ois/sdk/go/signature"
)

// page reads a page of docs.
func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../docs", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// section returns what stands on a page below a heading.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(text, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("the page has no %q", heading)
	}
	if i := strings.Index(text, "\n#"); i >= 0 {
		text = text[:i]
	}
	return text
}

// names finds what a table of a page has in its first column.
func names(text string) map[string]bool {
	found := make(map[string]bool)
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range regexp.MustCompile("`\\.?([A-Za-z0-9]+)[^`]*`").FindAllStringSubmatch(cells[1], -1) {
			found[m[1]] = true
		}
	}
	return found
}

// TestModelIsDocumented holds docs/generator.md to what templates can use, both ways.
func TestModelIsDocumented(t *testing.T) {
	text := page(t, "generator.md")
	for heading, model := range map[string]reflect.Type{
		"## The data": reflect.TypeFor[Data](), "### Spec": reflect.TypeFor[*Spec](), "### Tag": reflect.TypeFor[*Tag](),
		"### Limit": reflect.TypeFor[*Limit](), "### Operation": reflect.TypeFor[*Operation](), "### Field": reflect.TypeFor[*Field](),
		"### Type": reflect.TypeFor[*Type](), "### Response": reflect.TypeFor[*Response](),
		"### ErrorCode": reflect.TypeFor[*ErrorCode](), "### Page": reflect.TypeFor[*Page](),
	} {
		same(t, heading, names(section(t, text, heading)), members(model))
	}
	known := make(map[string]bool)
	for name := range funcs {
		known[name] = true
	}
	for name := range (wording{}).funcs() {
		known[name] = true
	}
	same(t, "## Helper functions", names(section(t, text, "## Helper functions")), known)
}

// TestEveryModelTypeHasASection finds the types that templates can reach.
func TestEveryModelTypeHasASection(t *testing.T) {
	text := page(t, "generator.md")
	seen := make(map[reflect.Type]bool)
	var visit func(model reflect.Type)
	visit = func(model reflect.Type) {
		switch model.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(model.Elem())
		case reflect.Struct:
			if seen[model] {
				return
			}
			seen[model] = true
			if model != reflect.TypeFor[Data]() {
				section(t, text, "### "+model.Name())
			}
			for f := range model.Fields() {
				if f.IsExported() {
					visit(f.Type)
				}
			}
		}
	}
	visit(reflect.TypeFor[Data]())
	if len(seen) != 10 {
		t.Errorf("found %d types; want ten", len(seen))
	}
}

// members returns the exported fields and methods of a type.
func members(model reflect.Type) map[string]bool {
	list := make(map[string]bool)
	for m := range model.Methods() {
		list[m.Name] = true
	}
	if model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	for f := range model.Fields() {
		if f.IsExported() {
			list[f.Name] = true
		}
	}
	return list
}

// same compares what a section has with what there is.
func same(t *testing.T, heading string, got, want map[string]bool) {
	t.Helper()
	for name := range want {
		if !got[name] {
			t.Errorf("docs/generator.md, %s: %s is missing", heading, name)
		}
	}
	for name := range got {
		if !want[name] {
			t.Errorf("docs/generator.md, %s: there is no %s", heading, name)
		}
	}
}

// TestManifestIsDocumented gives a manifest every key that the page has.
func TestManifestIsDocumented(t *testing.T) {
	keys := names(section(t, page(t, "generator.md"), "## The manifest"))
	_, err := ReadFolder(fstest.MapFS{manifestName: {Data: []byte("colour: red\n")}}, "x")
	_, list, ok := strings.Cut(fmt.Sprint(err), "known are ")
	_, err = ReadFolder(fstest.MapFS{manifestName: {Data: []byte("outputs: [{colour: red}]\n")}}, "x")
	_, inner, ok2 := strings.Cut(fmt.Sprint(err), "known are ")
	if !ok || !ok2 {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for name := range strings.SplitSeq(list+", "+inner, ", ") {
		known[name] = true
	}
	same(t, "## The manifest", keys, known)
}

// TestSigningPageIsRight signs what docs/api/signing.md gives as its example.
func TestSigningPageIsRight(t *testing.T) {
	text := page(t, "api/signing.md")
	m := signature.Message{
		Method: http.MethodPut, Path: "/photos-2024/a%20b.txt",
		Header: http.Header{"Date": {"Tue, 05 Mar 2024 08:15:30 GMT"}, "Content-Type": {"text/plain"}, "X-Qs-Meta-Team": {"a"}},
	}
	key := signature.NewKey("OISDIGESTEXAMPLEKEY1", "oisDigestExampleSecretKey00000000000001")
	for _, want := range []string{
		"`OISDIGESTEXAMPLEKEY1`", "`oisDigestExampleSecretKey00000000000001`",
		"```\n" + string(m.AppendStringToSign(nil)) + "\n```\n",
		"\nAuthorization: " + key.Authorization(&m) + "\n",
		"`" + signature.ParamAccessKeyID + "`, `" + signature.ParamExpires + "` and `" + signature.ParamSignature + "`",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	for _, name := range ours(t).SignedParameters {
		if !signature.SignedParameter(name) || !strings.Contains(text, "`"+name+"`") {
			t.Errorf("parameter %s: signed %v; want it signed and on the page", name, signature.SignedParameter(name))
		}
	}
}

func TestSelectionSaysItBriefly(t *testing.T) {
	spec := ours(t)
	without := func(names string, levels ...string) []*Operation {
		return filter(spec, func(o *Operation) bool {
			return slices.Contains(levels, o.Level) && !slices.Contains(strings.Fields(names), o.Name)
		})
	}
	names := func(list []*Operation) string {
		var s []string
		for _, o := range list {
			s = append(s, o.Name)
		}
		return strings.Join(s, " ")
	}
	put := without("", "object")[0]
	tests := []struct {
		list                []*Operation
		group, except, also string
	}{
		{spec.Operations, "every operation", "", ""},
		{without("", "bucket", "object"), "every operation on a bucket or an object", "", ""},
		{without("PutBucket", "bucket", "object"), "every operation on a bucket or an object", "PutBucket", ""},
		{append(without("HeadBucket", "bucket"), put), "every operation on a bucket", "HeadBucket", put.Name},
		{without("", "object"), "every operation on an object", "", ""},
		{without("", "service"), "", "", "ListBuckets ListLocations"},
		{[]*Operation{put}, "", "", put.Name},
		{nil, "", "", ""},
	}
	for _, tt := range tests {
		if got := selection(spec, tt.list); got.Group != tt.group || names(got.Except) != tt.except || names(got.Also) != tt.also {
			t.Errorf("%s:\ngot  %q except %q and %q\nwant %q except %q and %q",
				names(tt.list), got.Group, names(got.Except), names(got.Also), tt.group, tt.except, tt.also)
		}
	}
}

// TestErrorsPageCanBeRead keeps lists of all operations off docs/api/errors.md.
func TestErrorsPageCanBeRead(t *testing.T) {
	for line := range strings.Lines(page(t, "api/errors.md")) {
		if len(line) > 700 {
			t.Errorf("a line of %d columns: %.80s…", len(line), line)
		}
	}
}

func TestAllowedDoesNotRepeatTheDescription(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	tests := []struct {
		f    Field
		want string
	}{
		{Field{Enum: []string{"A", "B"}, FoldCase: true}, "One of `A`, `B` in any letter case."},
		{Field{Enum: []string{"A", "B"}, FoldCase: true, Description: "Class, in any letter\ncase."}, "One of `A`, `B`."},
		{Field{MaxBytes: number(1023), Description: "The key: 1 to 1023 bytes."}, ""},
		{Field{MaxBytes: number(102), Description: "The key: 1 to 1023 bytes."}, "At most 102 bytes."},
		{Field{MaxLength: number(63), Description: "A name of 6 to 63 letters."}, ""},
		{Field{MaxLength: number(63), Description: "A name."}, "At most 63 characters."},
		{Field{Minimum: number(0), Maximum: number(10000), Description: "Number, 0 to 10000."}, ""},
		{Field{Minimum: number(0), Maximum: number(10000), Description: "Number."}, "From 0 to 10000."},
		{Field{Minimum: number(0), Maximum: number(10), Clamp: true, Default: "5"}, "From 0; the maximum is 10. Default `5`."},
		{Field{Minimum: number(1)}, "At least 1."},
		{Field{Maximum: number(1)}, "At most 1."},
	}
	for _, tt := range tests {
		if got := allowed(&tt.f); got != tt.want {
			t.Errorf("%q: got %q; want %q", tt.f.Description, got, tt.want)
		}
	}
}
