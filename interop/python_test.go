package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// venv is where the Python client is installed, once for all runs.
const venv = ".venv"

// TestPythonSDK runs python_client.py with ois-sdk 1.0.0.
func TestPythonSDK(t *testing.T) {
	python := installPython(t)
	cmd := withNames(t, python, "python_client.py", domain, port, zone, keyID, secret)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("ois-sdk: %v", err)
	}
}

// TestPythonSDKOfOurs runs the same program with the SDK of this repository, which takes the place of that one.
func TestPythonSDKOfOurs(t *testing.T) {
	source, err := filepath.Abs("../sdk/python/src")
	if err != nil {
		t.Fatal(err)
	}
	cmd := withNames(t, installPython(t), "python_client.py", domain, port, zone, keyID, secret)
	cmd.Env = append(cmd.Env, "PYTHONPATH="+source, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("sdk/python: %v", err)
	}
}

// installPython returns a Python that has ois-sdk. The package is from a time before pyproject.toml and
// needs a setuptools of that time.
func installPython(t *testing.T) string {
	t.Helper()
	python, err := filepath.Abs(filepath.Join(venv, "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	if exec.CommandContext(t.Context(), python, "-c", "import ois.sdk.service.qingstor").Run() == nil {
		return python
	}
	if err := os.RemoveAll(venv); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", venv},
		{python, "-m", "pip", "install", "--quiet", "setuptools<81", "wheel"},
		{python, "-m", "pip", "install", "--quiet", "--no-build-isolation", "ois-sdk==1.0.0"},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("ois-sdk cannot be installed here: %v: %v\n%s", args, err, out)
		}
	}
	return python
}
