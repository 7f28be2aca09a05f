package oisblob

import (
	"context"
	"net/http"
	"testing"

	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"

	ois "github.com/oisproject/ois/sdk/go"
)

// A harness is what the conformance tests of Go CDK ask for.
type harness struct {
	client *ois.Client
	name   string
}

func (h *harness) MakeDriver(context.Context) (driver.Bucket, error) {
	return &bucket{b: h.client.Bucket(h.name, "")}, nil
}

func (h *harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return &bucket{b: h.client.Bucket(h.name+"-missing", "")}, nil
}

func (h *harness) HTTPClient() *http.Client         { return http.DefaultClient }
func (h *harness) SupportsCopy() bool               { return true }
func (h *harness) SupportsNonSlashDelimiters() bool { return true }
func (h *harness) Close()                           { h.client.CloseIdleConnections() }

func TestConformance(t *testing.T) {
	b := newBucket(t, "conformance")
	drivertest.RunConformanceTests(t, func(context.Context, *testing.T) (drivertest.Harness, error) {
		client, err := ois.New(Settings)
		return &harness{client, b.Name()}, err
	}, []drivertest.AsTest{asTest{}})
}
