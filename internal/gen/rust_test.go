package gen

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rustc runs the compiler of Rust.
func rustc(t *testing.T, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "rustc", append([]string{"--edition", "2021", "-D", "warnings"}, args...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("rustc %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestRustExample compiles what examples/rust makes, and runs a program that uses it.
func TestRustExample(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "rustc", "--version").Run(); err != nil {
		t.Skip("there is no rustc:", err)
	}
	for _, spec := range []string{"testdata/swagger/api.yaml", "../../contract/ois.yaml"} {
		dir := t.TempDir()
		status, _, stderr := run("generate", "--spec", spec, "--templates", "../../examples/rust/templates", "--out", dir)
		if status != 0 {
			t.Fatalf("%s: got %d, %s", spec, status, stderr)
		}
		lib := []string{"--crate-type", "lib", "--crate-name", "store", "--out-dir", dir, filepath.Join(dir, "src/lib.rs")}
		if strings.Contains(spec, "testdata") {
			rustc(t, append(lib, "--emit=metadata")...)
			continue
		}
		rustc(t, lib...)
		program := filepath.Join(dir, "hello.exe")
		rustc(t, "--extern", "store="+filepath.Join(dir, "libstore.rlib"), "-o", program, "../../examples/rust/hello.rs")
		got, err := exec.CommandContext(t.Context(), program).CombinedOutput()
		const want = `GET /photos prefix=2024/&limit=10 []
PUT /photos/2024/a%20b%3F%7Bkey%7D.txt  [("Content-Type", "text/plain"), ("x-qs-meta-x", "1")]
5 bytes
PUT /photos acl= []
{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"READ"}]}
200
`
		if err != nil || strings.ReplaceAll(string(got), "\r", "") != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}
