package wiretest

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/server"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

var update = flag.Bool("update", false, "sign the requests that ask for it, and rewrite all responses")

// vectors is where the conversations lie.
const vectors = "../../contract/vectors"

// patience is how long one answer may take.
const patience = 30 * time.Second

func TestConversations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectors, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no conversations")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			replay(t, file)
		})
	}
}

// replay holds a conversation with a server of its own.
func replay(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	p := &peer{t: t, addr: start(t)}
	var ids uploadIDs
	for i := range c.Turns {
		turn := &c.Turns[i]
		if *update {
			if turn.Request, err = Sign(ids.replace(Unsign(turn.Request))); err != nil {
				t.Fatalf("%s: request %d: %v", file, i+1, err)
			}
		}
		got := p.ask(turn.Request)
		if *update {
			ids.learn(turn.Response, got)
			turn.Response = got
		}
		if diff := cmp.Diff(turn.Response, got); diff != "" {
			t.Errorf("%s: response %d to\n%s\ndiffers (-want +got):\n%s", file, i+1, turn.Request, diff)
		}
	}
	text := c.Format()
	if *update && !bytes.Equal(text, data) {
		if err := os.WriteFile(file, text, 0o666); err != nil {
			t.Fatal(err)
		}
		data = text
	}
	if !bytes.Equal(text, data) {
		t.Errorf("%s is not written as Format writes it; run with -update", file)
	}
	checkConversation(t, c)
}

// uploadIDs are the ids that the server gives to uploads. They are the same each time, until the server
// makes them in another way: then -update puts the new ones into the requests. A
// conversation that is being written says UPLOAD-1, UPLOAD-2 and so on for them.
type uploadIDs struct {
	n     int
	pairs []string // old id, new id, and so on
}

var uploadID = regexp.MustCompile(`^\{"bucket":.*"upload_id":"([^"]+)"\}\n$`)

// learn compares the response that is written down with the one that came.
func (u *uploadIDs) learn(old, got string) {
	_, body, _ := strings.Cut(got, headEnd)
	id := uploadID.FindStringSubmatch(body)
	if id == nil {
		return
	}
	u.n++
	u.pairs = append(u.pairs, fmt.Sprint("UPLOAD-", u.n), id[1])
	_, body, _ = strings.Cut(old, headEnd)
	if was := uploadID.FindStringSubmatch(body); was != nil {
		u.pairs = append(u.pairs, was[1], id[1])
	}
}

func (u *uploadIDs) replace(request string) string {
	return strings.NewReplacer(u.pairs...).Replace(request)
}

// A peer asks a server, on one connection as long as the server keeps it.
type peer struct {
	t    *testing.T
	addr string
	conn net.Conn
	read bytes.Buffer // what the server has said since the last request
	in   *bufio.Reader
}

// ask sends a request and returns the response to it, normalized.
func (p *peer) ask(request string) string {
	p.t.Helper()
	if p.conn == nil {
		p.dial()
	}
	wire, err := ToWire(request)
	if err != nil {
		p.t.Fatal(err)
	}
	p.read.Reset()
	if _, err := io.WriteString(p.conn, wire); err != nil {
		p.t.Fatal(err)
	}
	method, _, _ := strings.Cut(wire, " ")
	resp, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		p.t.Fatalf("response to %q: %v", request, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		p.t.Fatalf("response to %q: %v", request, err)
	}
	_ = resp.Body.Close() // the connection stays
	if resp.Close {
		_ = p.conn.Close() // so does the server
		p.conn = nil
	}
	return p.text(p.read.String())
}

func (p *peer) text(wire string) string {
	p.t.Helper()
	text, err := FromWire(wire)
	if err != nil {
		p.t.Fatal(err)
	}
	if text, err = Normalize(text); err != nil {
		p.t.Fatal(err)
	}
	return text
}

func (p *peer) dial() {
	p.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() }) // it may be closed already
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	p.conn, p.in = conn, bufio.NewReader(io.TeeReader(conn, &p.read))
}

// start starts a server whose clock stands still and returns its address.
func start(t *testing.T) string {
	t.Helper()
	dir, err := datadir.Open(t.Context(), vfs.NewMem(), "data", &datadir.Options{Create: true, Now: Now})
	if err != nil {
		t.Fatal(err)
	}
	api, err := server.New(server.Config{Store: dir.Store, Keys: keys{}, Zones: []string{"jn1a", "jn1b"}, Domain: Domain, Now: Now})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- api.Serve(l) }()
	t.Cleanup(func() {
		// The connections of the test are idle or closed; nothing needs to be waited for.
		stop(t, api, served)
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func stop(t *testing.T, api *server.Server, served <-chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := api.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// keys are the key pairs of the conversations.
type keys struct{}

func (keys) Key(_ context.Context, id string) (secret, user string, ok bool, err error) {
	switch id {
	case AccessKeyID:
		return SecretAccessKey, store.RootUser, true, nil
	case OtherAccessKeyID:
		return OtherSecretAccessKey, "usr-other", true, nil
	}
	return "", "", false, nil
}
