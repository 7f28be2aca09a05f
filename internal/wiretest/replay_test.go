package wiretest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/replicate"
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
	var ids madeIDs
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

// madeIDs are the ids that the server gives to uploads and versions. They are the same each time, until the server
// makes them in another way: then -update puts the new ones into the requests. A conversation that is being
// written says UPLOAD-1, UPLOAD-2 and so on for the former, and VERSION-1 for what the first response with the id of a
// version tells.
type madeIDs struct {
	uploads, versions int
	pairs             []string // old id, new id, and so on
}

var (
	uploadID  = regexp.MustCompile(`^\{"bucket":.*"upload_id":"([^"]+)"\}\n$`)
	versionID = regexp.MustCompile(`(?m)^X-Qs-Version-Id: (.+)$`)
)

// learn compares the response that is written down with the one that came.
func (m *madeIDs) learn(old, got string) {
	oldHead, oldBody, _ := strings.Cut(old, headEnd)
	head, body, _ := strings.Cut(got, headEnd)
	m.note("UPLOAD", &m.uploads, uploadID.FindStringSubmatch(oldBody), uploadID.FindStringSubmatch(body))
	m.note("VERSION", &m.versions, versionID.FindStringSubmatch(oldHead), versionID.FindStringSubmatch(head))
}

// note adds an id. The latest stands first, so that VERSION-12 is not taken for VERSION-1.
func (m *madeIDs) note(word string, n *int, was, is []string) {
	if is == nil {
		return
	}
	*n++
	m.pairs = append([]string{fmt.Sprintf("%s-%d", word, *n), is[1]}, m.pairs...)
	if was != nil && was[1] != is[1] {
		m.pairs = append(m.pairs, was[1], is[1])
	}
}

func (m *madeIDs) replace(request string) string {
	return strings.NewReplacer(m.pairs...).Replace(request)
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

// peerZone is a zone with a server of its own, which has an empty bucket of the root user's. It is there for replication.
const (
	peerZone   = "sh1a"
	peerBucket = "photos-copy"
	peerSecret = "oisVectorSecretOfTheZones00000000000001"
)

// start starts a server whose clock stands still and returns its address.
func start(t *testing.T) string {
	t.Helper()
	there := newStore(t)
	if _, err := there.PutBucket(t.Context(), store.RootUser, peerZone, &op.PutBucketInput{Bucket: peerBucket}); err != nil {
		t.Fatal(err)
	}
	peer := &url.URL{Scheme: "http", Host: serve(t, server.Config{Store: there, Zones: []string{peerZone}})}
	here := newStore(t)
	return serve(t, server.Config{
		Store: here, Zones: []string{"jn1a", "jn1b"},
		Replicator: replicate.New(replicate.Config{
			Store: here, Secret: peerSecret, Now: Now, Peers: []replicate.Peer{{Zone: peerZone, URL: peer}},
		}),
	})
}

// newStore returns a store that forgets everything when the test ends.
func newStore(t *testing.T) *store.Store {
	t.Helper()
	dir, err := datadir.Open(t.Context(), vfs.NewMem(), "data", &datadir.Options{Create: true, Now: Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	})
	return dir.Store
}

// nowhere finds no name, so that no server outside is asked.
var nowhere = egress.New(egress.Options{Resolver: &net.Resolver{
	PreferGo: true,
	Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name is looked up in tests")
	},
}})

// serve serves what c says, and what is the same for all servers, until the test ends.
func serve(t *testing.T, c server.Config) string {
	t.Helper()
	c.Keys, c.Domain, c.Now, c.PeerSecret, c.Egress = keys{}, Domain, Now, peerSecret, nowhere
	api, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- api.Serve(l) }()
	// The connections of the test are idle or closed; nothing needs to be waited for.
	t.Cleanup(func() { stop(t, api, served) })
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
