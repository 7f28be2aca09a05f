package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// TestPrivateEgressIsForTheOperatorToAllow: without the flag nothing is fetched from this machine, by whatever name.
func TestPrivateEgressIsForTheOperatorToAllow(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer origin.Close()
	urls := []string{origin.URL, strings.Replace(origin.URL, "127.0.0.1", "localhost", 1)}
	for _, allowed := range []bool{false, true} {
		var flags []string
		if allowed {
			flags = append(flags, "--allow-private-egress")
		}
		s := serve(t, nil, flags...)
		b := s.bucket(t)
		c, err := ois.New(ois.Config{Endpoint: s.url, AccessKeyID: "id", SecretAccessKey: "secret", Retry: ois.RetryPolicy{MaxAttempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range urls {
			_, err := c.API().FetchObject(t.Context(), &api.FetchObjectInput{Bucket: b.Name(), Key: "k", FetchSource: u})
			if (err == nil) != allowed {
				t.Errorf("fetch of %s, allowed %v: %v", u, allowed, err)
			}
			if _, err := b.Head(t.Context(), "k", nil); errors.Is(err, ois.ErrNotFound) == allowed {
				t.Errorf("allowed %v: the object: %v", allowed, err)
			}
		}
		c.CloseIdleConnections()
		s.end(t)
	}
}
