package interop

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJuiceFS uses the object layer of JuiceFS in both addressing styles. It takes a zone only from names under qingstor.com, and no
// port at all; so a server that goes by that name is its proxy as well, and nothing else is ever asked.
func TestJuiceFS(t *testing.T) {
	bin := buildJuiceFS(t)
	own, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err := serve(t.Context(), t.TempDir(), "qingstor.com", own, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, virtual := range []bool{false, true} {
		t.Run(fmt.Sprintf("virtual host %t", virtual), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), bin, "http://interop-juicefs."+zone+".qingstor.com", keyID, secret)
			cmd.Env = append(os.Environ(), "HTTP_PROXY=http://127.0.0.1:"+own, "NO_PROXY=", fmt.Sprintf("QINGSTOR_ENABLE_VIRTUAL_HOST_STYLE=%t", virtual))
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Errorf("juicefs: %v", err)
			}
		})
	}
	if err := stop(server); err != nil {
		t.Errorf("stop ois: %v", err)
	}
}

// buildJuiceFS builds the command of the module in juicefs/, once for all runs, and returns its name. Of the drivers only
// one is built in: most of the others need a module each, and some a C compiler.
func buildJuiceFS(t *testing.T) string {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join("..", "bin", "interop-juicefs"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", juicefsTags, "-o", bin, ".")
	cmd.Dir, cmd.Env = "juicefs", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("JuiceFS cannot be built here: %v\n%s", err, out)
	}
	return bin
}

const juicefsTags = "nos3,noazure,nob2,nobos,nocos,nodragonfly,noetcd,nogs,nohdfs,noibmcos,nomysql,nonfs,noobs,nooss,nopg,noqiniu," +
	"noredis,nosftp,nosqlite,noswift,notikv,noufile,nowebdav"
