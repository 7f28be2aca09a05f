package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// venv is where the Python client is installed, once for all runs.
const venv = ".venv"

// pythonSDKs are the official SDK under both of its names. The classes are in modules of the same names.
var pythonSDKs = []struct{ project, version, pkg, class string }{
	{"ois-sdk", "1.0.0", "ois", "OIS"},
	{"qingstor-sdk", "2.6.0", "qingstor", "QingStor"},
}

// TestPythonSDK runs python_client.py, which uses both addressing styles.
func TestPythonSDK(t *testing.T) {
	python := installPython(t)
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(photo, picture(t), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, sdk := range pythonSDKs {
		t.Run(sdk.project, func(t *testing.T) {
			cmd := withNames(t, python, "python_client.py", sdk.pkg, sdk.class, domain, port, zone, keyID, secret, photo)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Fatalf("%s: %v", sdk.project, err)
			}
		})
	}
}

// TestPythonSDKOfOurs runs the same program with the SDK of this repository, which takes the place of that one.
func TestPythonSDKOfOurs(t *testing.T) {
	python := installPython(t)
	source, err := filepath.Abs("../sdk/python/src")
	if err != nil {
		t.Fatal(err)
	}
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err = os.WriteFile(photo, picture(t), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := withNames(t, python, "python_client.py", "ois", "OIS", domain, port, zone, keyID, secret, photo)
	cmd.Env = append(cmd.Env, "PYTHONPATH="+source, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("sdk/python: %v", err)
	}
}

// installPython returns a Python that has the SDKs. They are from a time before pyproject.toml and
// need a setuptools of that time.
func installPython(t *testing.T) string {
	t.Helper()
	python, err := filepath.Abs(filepath.Join(venv, "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	if exec.CommandContext(t.Context(), python, "-c", "import ois.sdk.service.qingstor, qingstor.sdk.service.qingstor").Run() == nil {
		return python
	}
	if err := os.RemoveAll(venv); err != nil {
		t.Fatal(err)
	}
	pinned := []string{python, "-m", "pip", "install", "--quiet", "--no-build-isolation"}
	for _, sdk := range pythonSDKs {
		pinned = append(pinned, sdk.project+"=="+sdk.version)
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", venv},
		{python, "-m", "pip", "install", "--quiet", "setuptools<81", "wheel"},
		pinned,
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("the Python SDKs cannot be installed here: %v: %v\n%s", args, err, out)
		}
	}
	return python
}
