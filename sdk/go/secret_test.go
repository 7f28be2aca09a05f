package ois

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

const printedSecret = "SwordfishSwordfish42"

// ownProvider is a provider of somebody else's that does not care what is printed.
type ownProvider struct{ Secret string }

func (p ownProvider) Credentials(context.Context) (Credentials, error) {
	return Credentials{AccessKeyID: "ID", SecretAccessKey: p.Secret}, nil
}

// holders returns everything of this package that holds a secret.
func holders(t *testing.T) map[string]any {
	t.Helper()
	creds := Credentials{AccessKeyID: "KEYID", SecretAccessKey: printedSecret, Expires: time.Now().Add(time.Hour)}
	fetching := RefreshCredentials(func(context.Context) (Credentials, error) { return creds, nil })
	if _, err := fetching.Credentials(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := Config{AccessKeyID: "KEYID", SecretAccessKey: printedSecret, Zone: "jn1a"}
	withProvider := Config{Credentials: StaticCredentials("KEYID", printedSecret), Zone: "jn1a"}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.signer(t.Context()); err != nil {
		t.Fatal(err)
	}
	bucket, key := c.Bucket("photos-1", ""), []byte(printedSecret)
	return map[string]any{
		"File": &File{b: bucket, opts: GetOptions{EncryptionKey: key}}, "FS": bucket.FS(t.Context()),
		"Reader":      &Reader{b: bucket, in: api.GetObjectInput{EncryptionCustomerKey: printedSecret}},
		"Credentials": creds, "*Credentials": &creds, "[]Credentials": []Credentials{creds},
		"Config": cfg, "*Config": &cfg, "struct of a Config": struct{ C Config }{cfg},
		"Config with a provider": withProvider, "Config with another's provider": Config{Credentials: ownProvider{printedSecret}},
		"struct of a Bucket": struct{ B *Bucket }{c.Bucket("photos-1", "")},
		"static provider":    StaticCredentials("KEYID", printedSecret), "refreshing provider": fetching,
		"Client": c, "Bucket": c.Bucket("photos-1", ""),
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	shows := func(text string) bool {
		text = strings.ToLower(text)
		return strings.Contains(text, strings.ToLower(printedSecret)) || strings.Contains(text, hex.EncodeToString([]byte(printedSecret)))
	}
	for name, v := range holders(t) {
		for _, verb := range []string{
			"%v", "%+v", "%#v", "% v", "%s", "%+s", "%q", "%#q", "%x", "%X", "% x", "%d", "%t", "%c", "%U", "%e", "%g", "%b", "%o", "%T", "%z", "%40v", "%.3v",
		} {
			if text := fmt.Sprintf(verb, v); shows(text) {
				t.Errorf("%s of %s: %s", verb, name, text)
			}
		}
		if text := fmt.Sprint(v) + fmt.Sprintln(v); shows(text) {
			t.Errorf("Print of %s: %s", name, text)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", slog.Any("v", v))
		if shows(log.String()) {
			t.Errorf("log of %s: %s", name, &log)
		}
	}
}

func TestPrintedConfigsTellWhatTheyAre(t *testing.T) {
	creds := Credentials{AccessKeyID: "KEYID", SecretAccessKey: printedSecret}
	cfg := Config{AccessKeyID: "KEYID", SecretAccessKey: printedSecret, Zone: "jn1a"}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var json bytes.Buffer
	slog.New(slog.NewJSONHandler(&json, nil)).Info("m", slog.Any("creds", &creds), slog.Any("cfg", cfg))
	for what, test := range map[string]struct{ got, want string }{
		"%v of credentials":    {fmt.Sprint(creds), "{KEYID *** 0001-01-01 00:00:00 +0000 UTC}"},
		"%#v of credentials":   {fmt.Sprintf("%#v", creds), `ois.Credentials{AccessKeyID:"KEYID", SecretAccessKey:"***"`},
		"String":               {creds.String(), "{AccessKeyID:KEYID SecretAccessKey:***"},
		"GoString":             {cfg.GoString(), `ois.Config{AccessKeyID:"KEYID", SecretAccessKey:"***"`},
		"%+v of a config":      {fmt.Sprintf("%+v", &cfg), "{AccessKeyID:KEYID SecretAccessKey:*** Credentials:<nil> Endpoint: Zone:jn1a"},
		"an anonymous one":     {Config{}.String(), "SecretAccessKey: "},
		"a provider":           {Config{Credentials: ownProvider{}}.String(), "Credentials:ois.ownProvider "},
		"a client":             {fmt.Sprintf("%+v", c), "Endpoint:" + DefaultEndpoint},
		"no client":            {fmt.Sprint((*Client)(nil)), "<nil>"},
		"a bucket":             {fmt.Sprintf("%+v", c.Bucket("photos-1", "jn1b")), "{Name:photos-1 Zone:jn1b}"},
		"no bucket":            {fmt.Sprint((*Bucket)(nil)), "<nil>"},
		"no config":            {fmt.Sprint((*Config)(nil)), "<nil>"},
		"a log of credentials": {json.String(), `"creds":{"access_key_id":"KEYID","secret_access_key":"***"`},
		"a log of a config":    {json.String(), `"cfg":"{AccessKeyID:KEYID SecretAccessKey:***`},
	} {
		if !strings.Contains(test.got, test.want) {
			t.Errorf("%s: got %s; want %s", what, test.got, test.want)
		}
	}
	if creds.SecretAccessKey != printedSecret || cfg.SecretAccessKey != printedSecret {
		t.Error("printing has changed the secret")
	}
}
