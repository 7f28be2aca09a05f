package ois

import (
	"flag"
	"os"
	"testing"
)

// TestMain skips the examples unless OIS_TEST_ENDPOINT names a server to run them
// against, with keys in OIS_ACCESS_KEY_ID and OIS_SECRET_ACCESS_KEY.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("OIS_TEST_ENDPOINT") == "" {
		skip := flag.Lookup("test.skip").Value
		pattern := "^Example"
		if given := skip.String(); given != "" {
			pattern += "|" + given
		}
		if err := skip.Set(pattern); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
