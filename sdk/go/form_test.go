package ois

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/oisproject/ois/sdk/go/signature"
)

func TestPostFormCoversItsFields(t *testing.T) {
	c := client(t, nil, func(c *Config) { c.Endpoint = "https://example.com" })
	form, err := c.Bucket("photos-1", "jn1").PostForm(t.Context(), "up/${filename}", &FormOptions{
		ContentType: "image/png", Redirect: "https://app.example.com/done?a=<b>", StorageClass: "STANDARD_IA", CacheControl: "no-cache",
		ContentDisposition: "inline", ContentEncoding: "gzip", Expires: "Tue, 05 Mar 2024 08:15:30 GMT", Metadata: map[string]string{"Author": "team a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	covered := map[string]string{
		"key": "up/${filename}", "content-type": "image/png", "redirect": "https://app.example.com/done?a=<b>", "x-qs-storage-class": "STANDARD_IA", "cache-control": "no-cache",
		"content-disposition": "inline", "content-encoding": "gzip", "expires": "Tue, 05 Mar 2024 08:15:30 GMT", "x-qs-meta-author": "team a",
	}
	data, err := base64.StdEncoding.DecodeString(form.Fields["policy"])
	if err != nil {
		t.Fatal(err)
	}
	var policy map[string]string
	if err := json.Unmarshal(data, &policy); err != nil || !maps.Equal(policy, covered) {
		t.Errorf("policy %s, %v; want %v", data, err, covered)
	}
	want := maps.Clone(covered)
	want["access_key_id"], want["policy"] = testID, form.Fields["policy"]
	want["signature"] = signature.NewKey(testID, testSecret).SignText(form.Fields["policy"])
	if !maps.Equal(form.Fields, want) {
		t.Errorf("got fields %v; want %v", form.Fields, want)
	}
}

func TestPostFormPoints(t *testing.T) {
	tests := []struct {
		virtualHost bool
		opts        *FormOptions
		want        string
	}{
		{false, nil, "https://jn1.example.com/photos-1"},
		{true, nil, "https://photos-1.jn1.example.com/"},
		{false, &FormOptions{VirtualHost: true}, "https://photos-1.jn1.example.com/"},
		{false, &FormOptions{Host: "http://up.example.org:8080"}, "http://up.example.org:8080/photos-1"},
		{false, &FormOptions{Host: "up.example.org", VirtualHost: true}, "https://up.example.org/"},
	}
	for _, test := range tests {
		c := client(t, nil, func(c *Config) { c.Endpoint, c.VirtualHost = "https://example.com", test.virtualHost })
		form, err := c.Bucket("photos-1", "jn1").PostForm(t.Context(), "k", test.opts)
		if err != nil || form.URL != test.want {
			t.Errorf("%+v: %+v, %v; want %s", test.opts, form, err, test.want)
		}
	}
}

func TestPostFormRefuses(t *testing.T) {
	c := client(t, nil, nil)
	anonymous := client(t, nil, func(c *Config) { c.Credentials = AnonymousCredentials() })
	tests := []struct {
		b    *Bucket
		key  string
		opts *FormOptions
		want string
	}{
		{c.Bucket("b", ""), "", nil, "the key is empty"},
		{c.Bucket("b", ""), "/k", nil, "starts with a slash"},
		{c.Bucket("b", ""), "\xff", nil, "not UTF-8"},
		{c.Bucket("", ""), "k", nil, "the bucket has no name"},
		{c.Bucket("b", ""), "k", &FormOptions{Host: "ftp://x"}, "neither http nor https"},
		{c.Bucket("b", ""), "k", &FormOptions{Metadata: map[string]string{"a": "ä"}}, "not printable ASCII"},
		{c.Bucket("b", ""), "k", &FormOptions{Metadata: map[string]string{"a": "x", "A": "y"}}, "two spellings"},
		{anonymous.Bucket("b", ""), "k", nil, "no credentials"},
	}
	for _, test := range tests {
		form, err := test.b.PostForm(t.Context(), test.key, test.opts)
		var e *Error
		if form != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("key %q, %+v: %v; want %q", test.key, test.opts, err, test.want)
		}
	}
}
