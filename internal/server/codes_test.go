package server

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/oisproject/ois/contract"
	"github.com/oisproject/ois/internal/fault"
)

// unused are codes that this server never answers with, and why.
var unused = map[fault.Code]string{
	fault.DomainNotRecorded: "no register of domains is asked",
}

// TestEveryCodeIsProduced looks for each code of the contract in the tests that speak HTTP: there, a code in quotes is one that an
// answer is wanted to have.
func TestEveryCodeIsProduced(t *testing.T) {
	var text []byte
	for _, pattern := range []string{"*_test.go", "../../conformance/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests match %s, %v", pattern, err)
		}
		for _, name := range files {
			more, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, more...)
		}
	}
	for _, code := range fault.Codes() {
		shown := bytes.Contains(text, []byte(`"`+string(code)+`"`))
		if _, never := unused[code]; !shown && !never {
			t.Errorf("no test wants an answer with the code %s", code)
		}
	}
}

// TestCodesAreThoseOfTheContract compares the two lists, with their statuses.
func TestCodesAreThoseOfTheContract(t *testing.T) {
	text, err := contract.FS.ReadFile("errors.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Errors []struct {
			Code   fault.Code
			Status int
			Retry  bool
		}
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if ours := fault.Codes(); len(ours) != len(list.Errors) {
		t.Errorf("the server knows %d codes; the contract has %d", len(ours), len(list.Errors))
	}
	for _, e := range list.Errors {
		if e.Code.Description() == "" || e.Code.Status() != e.Status || e.Code.Retry() != e.Retry {
			t.Errorf("%s: the server says %d, retry %v; the contract %d, %v", e.Code, e.Code.Status(), e.Code.Retry(), e.Status, e.Retry)
		}
		if (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests) && !e.Retry {
			t.Errorf("%s has status %d and is not worth trying again", e.Code, e.Status)
		}
	}
}
