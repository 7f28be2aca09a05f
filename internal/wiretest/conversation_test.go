package wiretest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// checkConversation checks what can be said of a conversation without a server.
func checkConversation(t *testing.T, c *Conversation) {
	t.Helper()
	if strings.TrimSpace(c.Comment) == "" {
		t.Error("there is no comment; want a sentence on what is shown")
	}
	for i, turn := range c.Turns {
		for _, text := range []string{turn.Request, turn.Response} {
			wire, err := ToWire(text)
			if err != nil {
				t.Fatalf("turn %d: %v", i+1, err)
			}
			if back, err := FromWire(wire); back != text {
				t.Errorf("turn %d: %q comes back as %q, %v", i+1, text, back, err)
			}
		}
		if again, err := Normalize(turn.Response); again != turn.Response {
			t.Errorf("turn %d: the response is not normalized: %v", i+1, err)
		}
		if err := checkRequest(turn.Request); err != nil {
			t.Errorf("request %d: %v", i+1, err)
		}
	}
}

// checkRequest notices a request that was edited and not signed again, or whose body is not
// what it announces.
func checkRequest(request string) error {
	if placeholder.MatchString(request) {
		return errors.New("it is not signed; run with -update")
	}
	m, _, err := message(request)
	if err != nil {
		return err
	}
	wire, err := ToWire(request)
	if err != nil {
		return err
	}
	_, body, _ := strings.Cut(wire, "\r\n\r\n")
	if length := m.Header.Get("Content-Length"); length+body != "" && length != strconv.Itoa(len(body)) {
		return fmt.Errorf("it announces %q bytes and has %d", length, len(body))
	}
	return nil
}

func TestParseRefusesOtherFiles(t *testing.T) {
	for name, text := range map[string]string{
		"order":           "-- 1.response --\n-- 1.request --\n",
		"gap":             "-- 1.request --\n-- 2.request --\n",
		"name":            "-- request --\n",
		"carriage return": "-- 1.request --\nGET / HTTP/1.1\r\n",
	} {
		if c, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: Parse gives %+v; want an error", name, c)
		}
	}
}

func TestNormalizeHidesDateAndID(t *testing.T) {
	const text = "HTTP/1.1 404 Not Found\nX-Qs-Request-Id: 3f2cf9ac3168744d\nDate: Mon, 02 Jan 2006 15:04:05 GMT\n\n" +
		`{"request_id":"3f2cf9ac3168744d"}` + "\n"
	const want = "HTTP/1.1 404 Not Found\nX-Qs-Request-Id: 0000000000000000\nDate: Tue, 05 Mar 2024 08:15:30 GMT\n\n" +
		`{"request_id":"0000000000000000"}` + "\n"
	if got, err := Normalize(text); got != want || err != nil {
		t.Errorf("Normalize(%q) = %q, %v; want %q", text, got, err, want)
	}
	for _, bad := range []string{
		"HTTP/1.1 200 OK\nX-Qs-Request-Id: 3f2cf9ac3168744d\n\n",
		"HTTP/1.1 200 OK\nDate: Mon, 02 Jan 2006 15:04:05 GMT\n\n",
		"HTTP/1.1 200 OK\nX-Qs-Request-Id: 3f2cf9ac3168744d\nDate: today\n\n",
		"HTTP/1.1 200 OK\nX-Qs-Request-Id: 12\nDate: Mon, 02 Jan 2006 15:04:05 GMT\n\n",
	} {
		if got, err := Normalize(bad); err == nil {
			t.Errorf("Normalize(%q) = %q; want an error", bad, got)
		}
	}
}

func TestSignFillsIn(t *testing.T) {
	date := "Date: " + Now().Format(http.TimeFormat) + "\n"
	auth := "Authorization: QS " + AccessKeyID + ":"
	for _, c := range []struct{ name, request, want string }{
		{"nothing", "GET / HTTP/1.1\nHost: ois.test\n\n", "GET / HTTP/1.1\nHost: ois.test\n\n"},
		{"done", "GET / HTTP/1.1\n" + auth + "abc\n\n", "GET / HTTP/1.1\n" + auth + "abc\n\n"},
	} {
		if got, err := Sign(c.request); got != c.want || err != nil {
			t.Errorf("%s: Sign gives %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	path, err := Sign("GET /photos/a HTTP/1.1\nHost: jn1a.ois.test\n" + date + auth + unsigned + "\n\n")
	if err != nil {
		t.Fatal(err)
	}
	if back := Unsign(path); !strings.Contains(back, auth+unsigned) {
		t.Errorf("Unsign gives %q; want the word %s again", back, unsigned)
	}
	wrong := strings.Replace(path, "/photos/a", "/photos/b", 1)
	if back := Unsign(wrong); back != wrong {
		t.Errorf("Unsign changes a wrong signature: %q", back)
	}
	host, err := Sign("GET /a HTTP/1.1\nHost: photos.jn1a.ois.test:80\n" + date + auth + unsigned + "\n\n")
	if err != nil {
		t.Fatal(err)
	}
	_, one, _ := strings.Cut(path, auth)
	_, two, _ := strings.Cut(host, auth)
	if one != two || strings.Contains(one, unsigned) {
		t.Errorf("signatures are %q for the path and %q for the host; want them equal", one, two)
	}
	link, err := Sign("GET /photos/a?access_key_id=" + AccessKeyID + "&expires=1709627730&signature=" + unsigned + " HTTP/1.1\nHost: ois.test\n\n")
	if err != nil || placeholder.MatchString(link) || !placeholder.MatchString(Unsign(link)) {
		t.Errorf("the link is %q, %v; want it signed, and so that it can be signed again", link, err)
	}
	const field = "--x\nContent-Disposition: form-data; name=\""
	form, err := Sign("POST /photos HTTP/1.1\nHost: ois.test\n\n" + field + "access_key_id\"\n\n" + AccessKeyID + "\n" +
		field + "policy\"\n\ne30=\n" + field + "signature\"\n\n" + unsigned + "\n--x--\n")
	if err != nil || placeholder.MatchString(form) || !placeholder.MatchString(Unsign(form)) {
		t.Errorf("the form is %q, %v; want it signed, and so that it can be signed again", form, err)
	}
	if got, err := Sign("GET / HTTP/1.1\n" + date + "Authorization: QS SOMEBODY:" + unsigned + "\n\n"); err == nil {
		t.Errorf("Sign with an unknown key gives %q; want an error", got)
	}
}
