// Package wiretest reads conversations with a server: requests and responses as text, byte by byte
// as they go over the wire. They lie in contract/vectors for programs in any language; the tests
// of this package replay them against our server, and rewrite the responses with -update:
//
//	go test ./internal/wiretest -update
//
// README.md beside the conversations describes their form, and what of a response is
// made equal before it is compared. This package does not judge answers: it only notices
// that one has changed, and the reader of the difference decides.
package wiretest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

// The key pairs that requests are signed with. The first belongs to the root user, the
// second to a user who owns nothing.
const (
	AccessKeyID          = "OISVECTORKEY00000001"
	SecretAccessKey      = "oisVectorSecretKey000000000000000000001"
	OtherAccessKeyID     = "OISVECTORKEY00000002"
	OtherSecretAccessKey = "oisVectorSecretKey000000000000000000002"
)

// Now is the time at which conversations are held.
func Now() time.Time { return time.Date(2024, time.March, 5, 8, 15, 30, 0, time.UTC) }

// A Conversation is a list of requests and what the server says to each.
type Conversation struct {
	Comment string
	Turns   []Turn
}

// A Turn is a request and its response, as text: lines end in a line feed alone, there is an
// empty line after the headers, and a line feed at the end that is not part of the body.
type Turn struct {
	Request, Response string
}

// Parse reads a conversation from a txtar archive of files named 1.request, 1.response,
// 2.request and so on. The last response may be missing, as in a conversation that is
// just being written.
func Parse(data []byte) (*Conversation, error) {
	a := txtar.Parse(data)
	c := &Conversation{Comment: string(a.Comment)}
	for i, f := range a.Files {
		kind := []string{"request", "response"}[i%2]
		if want := fmt.Sprintf("%d.%s", i/2+1, kind); f.Name != want {
			return nil, fmt.Errorf("file %d is %q, want %q", i+1, f.Name, want)
		}
		text := string(f.Data)
		if strings.Contains(text, "\r") {
			return nil, fmt.Errorf("%s has a carriage return", f.Name)
		}
		if kind == "request" {
			c.Turns = append(c.Turns, Turn{Request: text})
			continue
		}
		c.Turns[i/2].Response = text
	}
	return c, nil
}

// Format writes a conversation as Parse reads it.
func (c *Conversation) Format() []byte {
	a := &txtar.Archive{Comment: []byte(c.Comment)}
	for i, turn := range c.Turns {
		a.Files = append(a.Files,
			txtar.File{Name: fmt.Sprintf("%d.request", i+1), Data: []byte(turn.Request)},
			txtar.File{Name: fmt.Sprintf("%d.response", i+1), Data: []byte(turn.Response)})
	}
	return txtar.Format(a)
}

// headEnd is what ends the headers of a message as text.
const headEnd = "\n\n"

// form finds that the body of a message is a form, whose lines end like those of the headers.
var form = regexp.MustCompile(`(?m)^Content-Type: multipart/form-data`)

// ToWire returns the bytes of a message for its text.
func ToWire(text string) (string, error) {
	head, body, ok := strings.Cut(text, headEnd)
	if !ok {
		return "", fmt.Errorf("there is no empty line after the headers of %.60q", text)
	}
	body = strings.TrimSuffix(body, "\n")
	if form.MatchString(head) {
		body = strings.ReplaceAll(body, "\n", "\r\n")
	}
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body, nil
}

// FromWire returns the text for the bytes of a message.
func FromWire(wire string) (string, error) {
	head, body, ok := strings.Cut(wire, "\r\n\r\n")
	if form.MatchString(head) {
		body = strings.ReplaceAll(body, "\r\n", "\n")
	}
	if !ok || strings.Contains(body, "\r") {
		return "", fmt.Errorf("message %.200q cannot be written as text", wire)
	}
	text := strings.ReplaceAll(head, "\r\n", "\n") + headEnd
	if body == "" {
		return text, nil
	}
	return text + body + "\n", nil
}

var (
	dateLine = regexp.MustCompile(`(?m)^Date: (.*)$`)
	idLine   = regexp.MustCompile(`(?m)^X-Qs-Request-Id: ([0-9a-f]{16,32})$`)
)

// Normalize makes equal what differs each time: the date becomes Now, and the request id
// becomes zeros, in the header and wherever the body repeats it. Both must be there and well-formed.
func Normalize(response string) (string, error) {
	date := dateLine.FindStringSubmatch(response)
	if date == nil {
		return "", fmt.Errorf("there is no date in %q", response)
	}
	if _, err := time.Parse(http.TimeFormat, date[1]); err != nil {
		return "", fmt.Errorf("date of the response: %w", err)
	}
	id := idLine.FindStringSubmatch(response)
	if id == nil {
		return "", fmt.Errorf("there is no request id in %q", response)
	}
	response = strings.Replace(response, date[0], "Date: "+Now().Format(http.TimeFormat), 1)
	return strings.ReplaceAll(response, id[1], strings.Repeat("0", len(id[1]))), nil
}
