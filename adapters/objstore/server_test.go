package oisobjstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
)

// Settings lead to a server that is built from this tree and runs as long as the tests.
var Settings ois.Config

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "oisobjstore-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bin := filepath.Join(dir, "ois")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", bin, "./cmd/ois")
	build.Dir, build.Env, build.Stderr = filepath.Join("..", ".."), append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("build ois: %w", err)
	}
	Settings = ois.Config{AccessKeyID: "OISADAPTEREXAMPLE001", SecretAccessKey: "oisAdapterExampleSecretKey00000000000001"}
	server := exec.CommandContext(context.Background(), bin, "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0")
	server.Env = append(os.Environ(),
		"OIS_ROOT_ACCESS_KEY_ID="+Settings.AccessKeyID, "OIS_ROOT_SECRET_ACCESS_KEY="+Settings.SecretAccessKey)
	if Settings.Endpoint, err = start(server); err != nil {
		return 0, err
	}
	status = m.Run()
	if err := server.Process.Signal(os.Interrupt); err != nil {
		return status, err
	}
	return status, server.Wait()
}

// start starts a server and returns where it listens.
func start(server *exec.Cmd) (endpoint string, err error) {
	log, err := server.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	address := regexp.MustCompile(`msg="ois is ready".* address=(\S+)`)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			go showTrouble(lines)
			return m[1], nil
		}
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	return "", fmt.Errorf("ois serve ended: %w", server.Wait())
}

// showTrouble passes on what is worse than usual, until the server ends.
func showTrouble(lines *bufio.Scanner) {
	for lines.Scan() {
		if !strings.Contains(lines.Text(), "level=INFO") {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}
}

// newBucket makes a bucket. It goes with the server.
func newBucket(t *testing.T, name string) *ois.Bucket {
	t.Helper()
	client, err := ois.New(Settings)
	if err != nil {
		t.Fatal(err)
	}
	b := client.Bucket(name, "")
	if err := b.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return b
}
