package oisblob

import (
	"net/url"
	"strings"
	"testing"

	"gocloud.dev/blob"

	ois "github.com/oisproject/ois/sdk/go"
)

func TestURLsOpenBuckets(t *testing.T) {
	newBucket(t, "by-url")
	t.Setenv("OIS_CONFIG_PATH", "")
	t.Setenv("OIS_PROFILE", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("OIS_ACCESS_KEY_ID", Settings.AccessKeyID)
	t.Setenv("OIS_SECRET_ACCESS_KEY", Settings.SecretAccessKey)
	t.Setenv("OIS_ENDPOINT", "http://127.0.0.1:1") // the address wins
	b, err := blob.OpenBucket(t.Context(), "ois://by-url?zone=jn1a&prefix=a/&endpoint="+url.QueryEscape(Settings.Endpoint))
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, b)
	if err := b.WriteAll(t.Context(), "k", []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	var behind *ois.Bucket
	if !b.As(&behind) || behind.Name() != "by-url" || behind.Zone() != "jn1a" {
		t.Fatalf("As gives %+v", behind)
	}
	if _, err := behind.Head(t.Context(), "a/k", nil); err != nil {
		t.Error(err)
	}
}

func TestOddURLsAreRefused(t *testing.T) {
	o := &URLOpener{Config: &ois.Config{}}
	for address, want := range map[string]string{
		"ois://":                       "there is no bucket; want ois://BUCKET",
		"ois:bucket":                   "there is no bucket",
		"ois://bucket/folder":          `path "/folder" behind the bucket; prefix= stands for one`,
		"ois://bucket:9000":            `port "9000" behind the bucket; endpoint= names the service`,
		"ois://id:hush@bucket":         "keys come from the configuration",
		"ois://bucket?region=jn1a":     `unknown parameter "region"; known are zone and endpoint`,
		"ois://bucket?zone=a&zone=b":   `parameter "zone" is given 2 times`,
		"ois://bucket?endpoint=ftp://": "endpoint",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		b, err := o.OpenBucketURL(t.Context(), u)
		switch {
		case err == nil:
			t.Errorf("%s is opened: %v", address, b.Close())
		case !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: %v; want %q", address, err, want)
		}
	}
}

func TestClientsOfTheCallerAreUsed(t *testing.T) {
	o := &URLOpener{Config: &Settings}
	b, err := o.OpenBucketURL(t.Context(), &url.URL{Scheme: Scheme, Host: newBucket(t, "opener").Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, b)
	if ok, err := b.IsAccessible(t.Context()); !ok || err != nil {
		t.Errorf("IsAccessible = %v, %v", ok, err)
	}
}
