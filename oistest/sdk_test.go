package oistest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/oisproject/ois/oistest"
)

// TestSDKExamplesRun runs the examples in the documentation of the SDK, and its tests that need a server. They
// skip themselves without one.
// They run in a process of their own: the SDK's module knows nothing of this one.
func TestSDKExamplesRun(t *testing.T) {
	srv := oistest.New(t)
	settings := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(settings, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^(Example|TestAgainstServer)", "./...")
	cmd.Dir = filepath.Join("..", "sdk", "go")
	cmd.Env = append(os.Environ(), "GOWORK=off", "OIS_PROFILE=", "OIS_CONFIG_PATH="+settings, // nothing of this machine's
		"OIS_TEST_ENDPOINT="+srv.Endpoint, "OIS_ACCESS_KEY_ID="+srv.AccessKeyID, "OIS_SECRET_ACCESS_KEY="+srv.SecretAccessKey)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	if n := bytes.Count(out, []byte("--- PASS: Example")); n < 60 || !bytes.Contains(out, []byte("--- PASS: TestAgainstServer")) {
		t.Errorf("%d examples and perhaps a test ran; want at least 60 and the test\n%s", n, out)
	}
	list, err := srv.Client().ListBuckets(t.Context(), nil)
	if err != nil || len(list) > 0 {
		t.Errorf("the examples leave buckets %v, %v; want none", list, err)
	}
}
