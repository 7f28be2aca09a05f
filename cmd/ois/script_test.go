package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// TestScripts runs the scripts in testdata/script. Besides the commands of testscript they have:
//
//	status N ois ARGS…         runs ois, which must exit with N; stdout and stderr look at its output
//	serve NAME ARGS…           starts "ois serve" on a port of its own, waits until it is ready and sets $NAME to its address
//	end NAME [TERM|INT|KILL]  ends it; without KILL it must exit with 0. Its log is then in the file NAME.log
//	keys                       sets $ID and $SECRET to the key pair that was printed last
//	[!] put URL BUCKET KEY FILE    makes the bucket if need be and puts the file, signed with $ID and $SECRET
//	[!] get URL BUCKET KEY FILE    compares the object with the file
//	set URL BUCKET SETTING FILE    sets lifecycle or logging of the bucket to the JSON in the file
//	grab URL BUCKET PREFIX FILE    writes the objects under the prefix to the file, one after the other
//	[!] publish URL BUCKET DOMAIN   opens the bucket to all readers and binds the domain to it as a website
//	visit URL HOST PATH STATUS [FILE]  asks for a page, which must have that status, and be that of the file
//	begin URL BUCKET KEY FILE SIZE     begins an upload of the key, with so many bytes of the file as its first part
//	damage PATTERN             changes a byte in the middle of each file that matches
//	fill FILE SIZE             makes a file of so many bytes
//	mode MODE FILE…            wants the files to have these permissions
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv(raceVar, noSleep)
			env.Setenv("SOON", time.Now().Add(2*time.Hour).UTC().Format(time.RFC3339))
			env.Setenv("LATER", time.Now().AddDate(0, 0, 40).UTC().Format(time.DateOnly))
			env.Values[processes{}] = make(map[string]*process)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": status, "serve": serveCmd, "end": endCmd, "keys": keysCmd, "put": putCmd, "get": getCmd, "set": setCmd, "grab": grabCmd,
			"publish": publishCmd, "visit": visitCmd, "begin": beginCmd, "damage": damageCmd, "fill": fillCmd, "mode": modeCmd,
		},
	})
}

// processes is the key of the running servers of a script.
type processes struct{}

func running(ts *testscript.TestScript) map[string]*process {
	return ts.Value(processes{}).(map[string]*process)
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N ois ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("status %d; want %s", got, args[0])
	}
}

func serveCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve NAME ARGS…")
	}
	name := args[0]
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, v := range []string{raceVar, "OIS_ROOT_ACCESS_KEY_ID", "OIS_ROOT_SECRET_ACCESS_KEY"} {
		env = append(env, v+"="+ts.Getenv(v))
	}
	p, err := serve(context.Background(), ts.MkAbs("."), env, args[1:]...)
	ts.Check(err)
	ts.Defer(p.kill)
	running(ts)[name] = p
	ts.Setenv(name, p.url)
}

var signals = map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": syscall.SIGKILL}

func endCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: end NAME [SIGNAL]")
	}
	name, how := args[0], "TERM"
	if len(args) == 2 {
		how = args[1]
	}
	p := running(ts)[name]
	if p == nil || signals[how] == nil {
		ts.Fatalf("there is no server %s, or no signal %s", name, how)
	}
	got, err := p.stop(signals[how])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(name+".log"), []byte(p.log.text()), 0o600))
	if got != 0 && how != "KILL" {
		ts.Fatalf("%s exits with %d; want 0\n%s", name, got, p.log.text())
	}
}

func keysCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: keys")
	}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "access_key_id":
			ts.Setenv("ID", value)
		case "secret_access_key":
			ts.Setenv("SECRET", value)
		}
	}
}

// client returns a client of the server at url, with the keys of the script. It gives up at once.
func client(ts *testscript.TestScript, url string) *ois.Client {
	c, err := ois.New(ois.Config{
		Endpoint: url, AccessKeyID: ts.Getenv("ID"), SecretAccessKey: ts.Getenv("SECRET"), Retry: ois.RetryPolicy{MaxAttempts: 1},
	})
	ts.Check(err)
	ts.Defer(c.CloseIdleConnections)
	return c
}

// report ends the script if err is not what neg says.
func report(ts *testscript.TestScript, neg bool, err error) {
	if (err != nil) != neg {
		ts.Fatalf("got %v; want failure: %v", err, neg)
	}
	if err != nil {
		ts.Logf("%v", err)
	}
}

func putCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: put URL BUCKET KEY FILE")
	}
	ctx := context.Background()
	b := client(ts, args[0]).Bucket(args[1], "")
	err := b.Create(ctx)
	if err == nil || errors.Is(err, ois.ErrExist) {
		_, err = b.Put(ctx, args[2], strings.NewReader(ts.ReadFile(args[3])), nil)
	}
	report(ts, neg, err)
}

func getCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: get URL BUCKET KEY FILE")
	}
	text, err := fetch(context.Background(), client(ts, args[0]).Bucket(args[1], ""), args[2])
	report(ts, neg, err)
	if err == nil && string(text) != ts.ReadFile(args[3]) {
		ts.Fatalf("%s/%s is %q; want %q", args[1], args[2], text, ts.ReadFile(args[3]))
	}
}

func setCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: set URL BUCKET SETTING FILE")
	}
	ctx, c, text := context.Background(), client(ts, args[0]).API(), []byte(ts.ReadFile(args[3]))
	var err error
	switch args[2] {
	case "lifecycle":
		in := &api.PutBucketLifecycleInput{}
		ts.Check(json.Unmarshal(text, in))
		in.Bucket = args[1]
		_, err = c.PutBucketLifecycle(ctx, in)
	case "logging":
		in := &api.PutBucketLoggingInput{}
		ts.Check(json.Unmarshal(text, in))
		in.Bucket = args[1]
		_, err = c.PutBucketLogging(ctx, in)
	default:
		ts.Fatalf("setting %s is not known", args[2])
	}
	ts.Check(err)
}

func grabCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: grab URL BUCKET PREFIX FILE")
	}
	ctx, b := context.Background(), client(ts, args[0]).Bucket(args[1], "")
	var all []byte
	for o, err := range b.Objects(ctx, &ois.ListOptions{Prefix: args[2]}) {
		ts.Check(err)
		text, err := fetch(ctx, b, o.Key)
		ts.Check(err)
		ts.Logf("%s has %d bytes", o.Key, len(text))
		all = append(all, text...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), all, 0o600))
}

func publishCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: publish URL BUCKET DOMAIN")
	}
	ctx := context.Background()
	c := client(ts, args[0])
	ts.Check(c.Bucket(args[1], "").SetACL(ctx, ois.GrantAll("READ")))
	_, err := c.API().PutBucketCNAME(ctx, &api.PutBucketCNAMEInput{Bucket: args[1], Domain: args[2], Type: "website"})
	report(ts, neg, err)
}

func visitCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: visit URL HOST PATH STATUS [FILE]")
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, args[0]+args[2], http.NoBody)
	ts.Check(err)
	r.Host = args[1]
	resp, err := http.DefaultTransport.RoundTrip(r)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[3] || len(args) == 5 && string(text) != ts.ReadFile(args[4]) {
		ts.Fatalf("%s at %s: %s\n%s", args[2], args[1], resp.Status, text)
	}
}

func beginCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: begin URL BUCKET KEY FILE SIZE")
	}
	size, err := strconv.Atoi(args[4])
	ts.Check(err)
	ctx, c := context.Background(), client(ts, args[0]).API()
	up, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: args[1], Key: args[2]})
	ts.Check(err)
	_, err = c.UploadMultipart(ctx, &api.UploadMultipartInput{
		Bucket: args[1], Key: args[2], UploadID: up.UploadID, Body: strings.NewReader(ts.ReadFile(args[3])[:size]),
	})
	ts.Check(err)
}

func damageCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage PATTERN")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		ts.Check(err)
		data[len(data)/2] ^= 1
		ts.Check(os.WriteFile(name, data, 0o600))
	}
}

func fillCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill FILE SIZE")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("0123456789\n"), n/11+1)[:n], 0o600))
}

func modeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode MODE FILE…")
	}
	for _, name := range args[1:] {
		fi, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := strconv.FormatUint(uint64(fi.Mode().Perm()), 8); got != args[0] {
			ts.Fatalf("%s has mode %s; want %s", name, got, args[0])
		}
	}
}
