package interop

import (
	"strconv"
	"testing"

	"github.com/yunify/qingstor-sdk-go/v3/config"
	"github.com/yunify/qingstor-sdk-go/v3/service"
)

// TestOfficialGoSDKv3 uses the last release of the official Go SDK under its old name, which many tools were built with. It
// knows paths only.
func TestOfficialGoSDKv3(t *testing.T) {
	c, err := config.New(keyID, secret)
	if err != nil {
		t.Fatal(err)
	}
	c.Protocol, c.Host, c.LogLevel, c.Connection = "http", domain, "fatal", goClient()
	if c.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	s, err := service.Init(c)
	if err != nil {
		t.Fatal(err)
	}
	const name = "interop-go-v3"
	b, err := s.Bucket(name, zone)
	if err != nil {
		t.Fatal(err)
	}
	goScenarios(t, goBucket{b, name})
}
