package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// javaScriptSDK is the SDK for JavaScript as a page loads it.
var javaScriptSDK = filepath.Join("js", "node_modules", "qingstor-sdk", "dist", "qingstor-sdk.min.js")

// TestJavaScriptSDK runs js_client.js with the version of the official SDK that js/package.json names.
func TestJavaScriptSDK(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("the SDK for JavaScript cannot run here: there is no node")
	}
	installJavaScript(t)
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(photo, picture(t), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := withNames(t, "node", "js_client.js", domain, port, zone, keyID, secret, photo).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("qingstor-sdk for JavaScript: %v", err)
	}
}

// installJavaScript has npm install the SDK, once for all runs.
func installJavaScript(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(javaScriptSDK); err == nil {
		return
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = "js"
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("the SDK for JavaScript cannot be installed here: %v\n%s", err, out)
	}
}
