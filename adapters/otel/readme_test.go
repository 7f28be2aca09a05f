package oisotel

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeIsCompiled: what the README shows is part of an example.
func TestReadmeIsCompiled(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(code) == 0 {
		t.Error("the README has no code")
	}
	for _, block := range code {
		want := "\t" + strings.ReplaceAll(strings.TrimSpace(string(block[1])), "\n", "\n\t")
		if !strings.Contains(string(examples), want) {
			t.Errorf("no example has\n%s", want)
		}
	}
}
