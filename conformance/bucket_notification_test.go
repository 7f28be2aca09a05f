package conformance

import (
	"net/http"
	"strings"
	"testing"
)

func TestNotificationIsReadBackAndRemoved(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("GET", "?notification", "").want(http.StatusOK).wantBody(`{"notifications":[]}`)
	b.send("DELETE", "?notification", "").want(http.StatusNoContent)
	rule := `{"id":"n1","event_types":["create_object","delete_object"],"object_filters":["*.jpg"],"cloudfunc":"notifier","notify_url":"https://hooks.example.com/ois"}`
	b.send("PUT", "?notification", `{"notifications":[`+rule+`]}`).want(http.StatusOK)
	b.send("GET", "?notification", "").want(http.StatusOK).wantBody(`{"notifications":[` + rule + `]}`)
	b.send("DELETE", "?notification", "").want(http.StatusNoContent)
	b.send("GET", "?notification", "").want(http.StatusOK).wantBody(`{"notifications":[]}`)
	b.remove()
}

func TestNotificationRulesThatAreRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	rule := func(fields string) string {
		return `{"id":"n1","event_types":["create_object"],"cloudfunc":"notifier","notify_url":"https://hooks.example.com/"` + fields + `}`
	}
	many := strings.Repeat(`"x*",`, 20) + `"x*"`
	for name, rules := range map[string]string{
		"no id":             `{"event_types":["create_object"],"cloudfunc":"notifier","notify_url":"https://hooks.example.com/"}`,
		"a long id":         `{"id":"` + strings.Repeat("n", 256) + `","event_types":["create_object"],"cloudfunc":"notifier","notify_url":"https://hooks.example.com/"}`,
		"an id twice":       rule("") + "," + rule(""),
		"no events":         `{"id":"n1","event_types":[],"cloudfunc":"notifier","notify_url":"https://hooks.example.com/"}`,
		"an unknown event":  `{"id":"n1","event_types":["complete_upload"],"cloudfunc":"notifier","notify_url":"https://hooks.example.com/"}`,
		"no address":        `{"id":"n1","event_types":["create_object"],"cloudfunc":"notifier"}`,
		"no address at all": `{"id":"n1","event_types":["create_object"],"cloudfunc":"notifier","notify_url":"http://"}`,
		"another protocol":  `{"id":"n1","event_types":["create_object"],"cloudfunc":"notifier","notify_url":"ftp://hooks.example.com/"}`,
		"no function":       `{"id":"n1","event_types":["create_object"],"notify_url":"https://hooks.example.com/"}`,
		"unknown function":  `{"id":"n1","event_types":["create_object"],"cloudfunc":"video","notify_url":"https://hooks.example.com/"}`,
		"moderation":        `{"id":"n1","event_types":["create_object"],"cloudfunc":"tupu-porn","notify_url":"https://hooks.example.com/"}`,
		"image, no action":  `{"id":"n1","event_types":["create_object"],"cloudfunc":"image"}`,
		"image, bad":        `{"id":"n1","event_types":["create_object"],"cloudfunc":"image","cloudfunc_args":{"action":"resize:w_-1"}}`,
		"image, save":       `{"id":"n1","event_types":["create_object"],"cloudfunc":"image","cloudfunc_args":{"action":"resize:w_1|save:k_x"}}`,
		"image, deletion":   `{"id":"n1","event_types":["delete_object"],"cloudfunc":"image","cloudfunc_args":{"action":"info"}}`,
		"image, no bucket":  `{"id":"n1","event_types":["create_object"],"cloudfunc":"image","cloudfunc_args":{"action":"info","save_bucket":"no-such-bucket-at-all"}}`,
		"an empty filter":   rule(`,"object_filters":[""]`),
		"too many filters":  rule(`,"object_filters":[` + many + `]`),
	} {
		t.Run(name, func(t *testing.T) {
			a := b.send("PUT", "?notification", `{"notifications":[`+rules+`]}`).want(http.StatusBadRequest)
			if code := a.failure().Code; code != "invalid_request" && code != "invalid_argument" {
				t.Errorf("code %q; want invalid_request or invalid_argument", code)
			}
		})
	}
	b.send("GET", "?notification", "").want(http.StatusOK).wantBody(`{"notifications":[]}`)
	b.remove()
}
