package signature

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// vector is an entry of the contract's golden signatures; its README tells what
// the fields mean.
type vector struct {
	Name         string      `json:"name"`
	AccessKeyID  string      `json:"access_key_id"`
	Secret       string      `json:"secret"`
	Method       string      `json:"method"`
	URL          string      `json:"url"`
	Style        string      `json:"style"`
	Bucket       string      `json:"bucket"`
	Headers      [][2]string `json:"headers"`
	Form         string      `json:"form"`
	Expires      json.Number `json:"expires"`
	SignedURL    string      `json:"signed_url"`
	Policy       string      `json:"policy"`
	ValueForm    string      `json:"value_form"`
	StringToSign string      `json:"string_to_sign"`
	Signature    string      `json:"signature"`
}

// vectors reads the golden signatures. A copy of this module alone has none.
func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("../../../contract/vectors/signatures.json")
	if err != nil {
		if _, outside := os.Stat("../../../go.work"); outside != nil {
			t.Skip("outside of the repository there is no contract")
		}
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 20 {
		t.Fatalf("%d vectors; want all of them", len(list))
	}
	return list
}

func (v *vector) message() *Message {
	m := &Message{Method: v.Method, Expires: v.Expires.String(), RawValues: v.ValueForm == "raw", Header: header()}
	m.Path, m.Query = SplitTarget(v.URL)
	for _, h := range v.Headers {
		m.Header.Add(h[0], h[1])
	}
	if v.Style == "vhost" {
		m.Bucket = v.Bucket
	}
	return m
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			key := NewKey(v.AccessKeyID, v.Secret)
			if v.Form == "policy" {
				policy := base64.StdEncoding.EncodeToString([]byte(v.Policy))
				if got := key.SignText(policy); policy != v.StringToSign || got != v.Signature {
					t.Errorf("SignText(%q) = %s; want that of %q, %s", policy, got, v.StringToSign, v.Signature)
				}
				return
			}
			m := v.message()
			if got := string(m.AppendStringToSign(nil)); got != v.StringToSign {
				t.Errorf("string to sign\n got %q\nwant %q", got, v.StringToSign)
			}
			if got := key.Sign(m); got != v.Signature {
				t.Errorf("Sign = %s; want %s", got, v.Signature)
			}
			if v.Form == "query" { // as it arrives: with the three parameters
				m.Path, m.Query = SplitTarget(v.SignedURL)
			}
			m.RawValues = false // a server does not know that
			if !key.Verify(m, v.Signature) {
				t.Errorf("Verify(%s) = false", v.Signature)
			}
			if wrong := strings.ToLower(v.Signature); key.Verify(m, wrong) {
				t.Errorf("Verify(%s) = true", wrong)
			}
		})
	}
}
