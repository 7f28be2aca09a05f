package interop

import (
	"os/exec"
	"testing"
)

// TestCurl signs with openssl and sends with curl: nothing of ours is on the client's side.
func TestCurl(t *testing.T) {
	for _, tool := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s here", tool)
		}
	}
	out, err := exec.CommandContext(t.Context(), "sh", "curl_client.sh", "http://127.0.0.1:"+port, keyID, secret).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("curl_client.sh: %v", err)
	}
}
