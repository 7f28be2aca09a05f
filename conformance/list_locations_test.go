package conformance

import (
	"net/http"
	"slices"
	"testing"
)

func TestListLocationsNeedsNoSignature(t *testing.T) {
	s := start(t)
	for _, by := range []*account{nil, s.owner} {
		for _, target := range []string{"/?location", "/?location&lang=zh-cn", "/?location=&lang=en_US"} {
			var l struct {
				Locations []struct{ ID, Name, Endpoint string }
			}
			s.do(request{method: "GET", target: target, by: by}).want(http.StatusOK).json(&l)
			var zones []string
			for _, z := range l.Locations {
				zones = append(zones, z.ID)
				if z.Name == "" || z.Endpoint == "" {
					t.Errorf("GET %s: zone %+v has no name or no endpoint", target, z)
				}
			}
			if !slices.Contains(zones, s.zones[0]) {
				t.Errorf("GET %s lists %v; want %s among them", target, zones, s.zones[0])
			}
		}
	}
}
