package oistest_test

import (
	"strings"
	"testing"

	"github.com/oisproject/ois/oistest"
)

// In a test, t is its argument.
var t *testing.T

func Example() {
	srv := oistest.New(t)
	bucket := srv.Client().Bucket("test-bucket", "")
	if err := bucket.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(t.Context(), "hello.txt", strings.NewReader("hello"), nil); err != nil {
		t.Fatal(err)
	}
	// The code under test gets srv.Endpoint, srv.AccessKeyID and srv.SecretAccessKey.
}

func ExampleServer_NewUser() {
	srv := oistest.New(t)
	alice := srv.NewUser("alice")
	if err := alice.Client().Bucket("alices-bucket", "").Create(t.Context()); err != nil {
		t.Fatal(err)
	}
}
