package server

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/oisproject/ois/sdk/go/signature"
)

// TestCopyWhileTheSourceIsReplaced lets copies race with writes of their source: each copy is a whole version
// of it, or is told to try again.
func TestCopyWhileTheSourceIsReplaced(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/source", "version 0")
	var writers, copiers sync.WaitGroup
	done := make(chan struct{})
	writers.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-done:
				return
			default:
				f.object("/bucket1/source", fmt.Sprint("version ", i))
			}
		}
	})
	for n := range 3 {
		copiers.Go(func() {
			target := fmt.Sprint("/bucket1/copy", n)
			for range 20 {
				a := f.ask(f.key, "PUT", target, "", "X-Qs-Copy-Source: /bucket1/source")
				if a.StatusCode != http.StatusCreated && a.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("copy: %s %s", a.Status, a.text)
					return
				}
				var version int
				if got := f.ask(f.key, "GET", target, ""); a.StatusCode == http.StatusCreated {
					if _, err := fmt.Sscanf(got.text, "version %d", &version); err != nil {
						t.Errorf("the copy is %q: %v", got.text, err)
					}
				}
			}
		})
	}
	copiers.Wait()
	close(done)
	writers.Wait()
}

// TestListBucketsOfOldSDKs signs as the old Go SDKs do in virtual-host style, where "/ois/" stands for
// the service at ois.test.
func TestListBucketsOfOldSDKs(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "ois.test" })
	signed := func(method, target, label string) string {
		h := http.Header{"X-Qs-Date": {f.date()}}
		m := signature.Message{Method: method, Header: h, Bucket: label}
		m.Path, m.Query = signature.SplitTarget(target)
		return f.key.Authorization(&m)
	}
	ask := func(method, target, label string) *reply {
		return f.ask(nil, method, target, "", "Host: ois.test", "X-Qs-Date: "+f.date(), "Authorization: "+signed(method, target, label))
	}
	ask("GET", "/", "ois").want(http.StatusOK)
	ask("GET", "/", "other").wantFault(http.StatusUnauthorized, "signature_not_matched")
	ask("PUT", "/bucket1", "ois").wantFault(http.StatusUnauthorized, "signature_not_matched")
}
