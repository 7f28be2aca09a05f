package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJavaSDK runs java/Client.java with the version of the official SDK that java/pom.xml names.
func TestJavaSDK(t *testing.T) {
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("the SDK for Java cannot run here: there is no java")
	}
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(photo, picture(t), 0o644); err != nil {
		t.Fatal(err)
	}
	// The SDK takes the MD5 of its bodies in the encoding of the machine, and sends them in UTF-8.
	cmd := withNames(t, java, "-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8", "-cp", installJava(t), "java/Client.java", domain, port, zone, keyID, secret, photo)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("qingstor.sdk.java: %v", err)
	}
}

// installJava has Maven fetch the SDK, once for all runs, and returns its class path.
func installJava(t *testing.T) string {
	t.Helper()
	jars, err := filepath.Abs(filepath.Join("..", "bin", "interop-java"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(jars, "*")
	if _, err := os.Stat(filepath.Join(jars, "qingstor.sdk.java-2.6.5.jar")); err == nil {
		return path
	}
	out, err := exec.CommandContext(t.Context(), "mvn", "--batch-mode", "--quiet", "--file", filepath.Join("java", "pom.xml"),
		"org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies", "-DoutputDirectory="+jars).CombinedOutput()
	if err != nil {
		t.Skipf("the SDK for Java cannot be installed here: %v\n%s", err, out)
	}
	return path
}
