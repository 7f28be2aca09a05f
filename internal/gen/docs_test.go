package gen

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

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

// namedBlocks returns the code blocks of a page whose paragraph names a file of folder, by
// the name in it.
func namedBlocks(text, folder string) map[string]string {
	blocks := make(map[string]string)
	mention := regexp.MustCompile("`" + regexp.QuoteMeta(folder) + "/([a-z.]+)`")
	for i, part := range strings.Split("\n"+text, "\n```") {
		if i%2 == 0 {
			text = part // between two blocks
			continue
		}
		_, block, _ := strings.Cut(part, "\n") // without the language
		paragraph := strings.TrimSpace(text)
		paragraph = paragraph[strings.LastIndex(paragraph, "\n\n")+1:]
		if m := mention.FindStringSubmatch(paragraph); m != nil {
			blocks[m[1]] = block + "\n"
		}
	}
	return blocks
}

// TestWalkThroughWorksAsPrinted types docs/generator.md in.
func TestWalkThroughWorksAsPrinted(t *testing.T) {
	text := page(t, "generator.md")
	blocks := namedBlocks(text, "rust")
	if len(blocks) != 5 || blocks[manifestName] == "" {
		t.Fatalf("the page has the files %q; want a manifest and four templates", blocks)
	}
	dir := t.TempDir()
	for name, block := range blocks {
		if err := writeFile(filepath.Join(dir, "rust", name), []byte(block)); err != nil {
			t.Fatal(err)
		}
	}
	const command = "oisgen generate --spec contract/ois.yaml --templates rust --out rust-client\n"
	if !strings.Contains(text, "\n"+command) {
		t.Fatalf("the page does not say %s", command)
	}
	out := filepath.Join(dir, "rust-client")
	args := []string{"generate", "--spec", "../../contract/ois.yaml", "--templates", filepath.Join(dir, "rust"), "--out", out}
	if status, _, stderr := run(args...); status != 0 {
		t.Fatalf("got %d, %s", status, stderr)
	}
	if status, stdout, _ := run(append(args, "--check")...); status != 0 || stdout != "" {
		t.Errorf("check: got %d, %q; want nothing to do", status, stdout)
	}
	want := []string{"src/lib.rs", "src/multipart/mod.rs"}
	spec := ours(t)
	for _, o := range spec.Operations {
		want = append(want, "src/"+o.Tag+"/"+o.PyName+".rs")
	}
	for _, typ := range spec.Types {
		want = append(want, "src/types/"+snake(typ.Name)+".rs")
	}
	for _, name := range want {
		data, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(name)))
		if err != nil || strings.Contains(string(data), "<no value>") || strings.Count(string(data), "{") != strings.Count(string(data), "}") {
			t.Errorf("%s: %v\n%s", name, err, data)
		}
	}
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
