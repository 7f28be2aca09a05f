package ois

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// home makes a home directory with files in it, by their paths in ~/.ois.
func home(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, ".ois", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads from a home directory and variables.
func load(dir string, opts LoadOptions, env ...string) (Config, error) {
	vars := map[string]string{"HOME": dir, "USERPROFILE": dir}
	for _, e := range env {
		name, text, _ := strings.Cut(e, "=")
		vars[name] = text
	}
	opts.Getenv = func(name string) string { return vars[name] }
	return LoadConfig(context.Background(), &opts)
}

func TestLoadConfig(t *testing.T) {
	files := map[string]string{
		"config.yaml": "access_key_id: file-id\nsecret_access_key: file-secret\nendpoint: https://file.example.com\nzone: jn1\n" +
			"connection_retries: 0\ntimeout: 7\nlog_level: warn\nhttp_settings:\n  read_timeout: 30\n",
		"profiles/work.yaml": "host: work.example.com\nport: 8080\nprotocol: http\nenable_virtual_host_style: yes\nadditional_user_agent: app/1\n",
		"other.yaml":         "zone: other\n",
	}
	dir := home(t, files)
	other := filepath.Join(dir, ".ois", "other.yaml")
	fromFile := Config{
		AccessKeyID: "file-id", SecretAccessKey: "file-secret", Endpoint: "https://file.example.com", Zone: "jn1",
		Retry: RetryPolicy{MaxAttempts: 1}, HeaderTimeout: 7 * time.Second, StallTimeout: 7 * time.Second,
	}
	fromWork := Config{Endpoint: "http://work.example.com:8080", VirtualHost: true, UserAgent: "app/1"}
	with := func(c Config, change func(*Config)) Config { change(&c); return c }
	tests := []struct {
		name string
		opts LoadOptions
		env  []string
		want Config
	}{
		{"file", LoadOptions{}, nil, fromFile},
		{
			"environment over file",
			LoadOptions{},
			[]string{"OIS_ACCESS_KEY_ID=env-id", "OIS_SECRET_ACCESS_KEY=env-secret", "OIS_ENDPOINT=http://127.0.0.1:9000", "QINGSTOR_ZONE=pek3a"},
			with(fromFile, func(c *Config) {
				c.AccessKeyID, c.SecretAccessKey, c.Endpoint, c.Zone = "env-id", "env-secret", "http://127.0.0.1:9000", "pek3a"
			}),
		},
		{"OIS before QINGSTOR", LoadOptions{}, []string{"OIS_ZONE=a", "QINGSTOR_ZONE=b"}, with(fromFile, func(c *Config) { c.Zone = "a" })},
		{
			"key pairs of two products are not mixed",
			LoadOptions{},
			[]string{"OIS_ACCESS_KEY_ID=ours", "QINGSTOR_ACCESS_KEY_ID=theirs", "QINGSTOR_SECRET_ACCESS_KEY=theirs"},
			with(fromFile, func(c *Config) { c.AccessKeyID = "ours" }),
		},
		{
			"QINGSTOR keys",
			LoadOptions{},
			[]string{"QINGSTOR_ACCESS_KEY_ID=theirs", "QINGSTOR_SECRET_ACCESS_KEY=s"},
			with(fromFile, func(c *Config) { c.AccessKeyID, c.SecretAccessKey = "theirs", "s" }),
		},
		{
			"host of the environment over endpoint of the file",
			LoadOptions{},
			[]string{"OIS_HOST=h.example.com"},
			with(fromFile, func(c *Config) { c.Endpoint = "https://h.example.com" }),
		},
		{"port alone", LoadOptions{}, []string{"OIS_PORT=444"}, with(fromFile, func(c *Config) { c.Endpoint = DefaultEndpoint + ":444" })},
		{"profile of the environment", LoadOptions{}, []string{"OIS_PROFILE=work", "OIS_CONFIG_PATH=" + other}, fromWork},
		{"profile of the caller", LoadOptions{Profile: "work"}, []string{"OIS_PROFILE=none"}, fromWork},
		{"path", LoadOptions{}, []string{"OIS_CONFIG_PATH=" + other}, Config{Zone: "other"}},
		{"path of the other product", LoadOptions{}, []string{"QINGSTOR_CONFIG_PATH=" + other}, Config{Zone: "other"}},
		{"file of the caller", LoadOptions{File: other}, []string{"OIS_PROFILE=work"}, Config{Zone: "other"}},
		{"boolean that is false", LoadOptions{File: other}, []string{"OIS_ENABLE_VIRTUAL_HOST_STYLE=false"}, Config{Zone: "other"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := load(dir, test.opts, test.env...)
			if err != nil || got != test.want {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	dir := home(t, map[string]string{
		"config.yaml":         "zone: jn1\n",
		"profiles/typo.yaml":  "# x\nsecret_acces_key: x\n",
		"profiles/bad.yaml":   "zone: [a]\n",
		"profiles/block.yaml": "zones:\n  a: 1\n",
		"profiles/huge.yaml":  strings.Repeat("# x\n", 1<<18+1),
	})
	tests := []struct {
		opts LoadOptions
		env  []string
		want string
	}{
		{LoadOptions{Profile: "typo"}, nil, `typo.yaml: line 2: unknown key "secret_acces_key"; known are access_key_id, `},
		{LoadOptions{Profile: "bad"}, nil, `bad.yaml: line 1: value of "zone": starts with '['`},
		{LoadOptions{Profile: "block"}, nil, `block.yaml: line 2: unknown block "zones"`},
		{LoadOptions{Profile: "huge"}, nil, `huge.yaml: more than`},
		{LoadOptions{Profile: "none"}, nil, `none.yaml`},
		{LoadOptions{Profile: "../x"}, nil, `profile "../x": a name without`},
		{LoadOptions{Profile: ".."}, nil, `profile "..": a name without`},
		{LoadOptions{}, []string{"OIS_CONFIG_PATH=/does/not/exist"}, `/does/not/exist`},
		{LoadOptions{}, []string{"OIS_PROFILE=x", "HOME=", "USERPROFILE="}, `profile "x": the home directory is not known`},
		{LoadOptions{}, []string{"OIS_ACCESS_KEY_ID=x"}, "there is an access key id but no secret access key"},
		{LoadOptions{}, []string{"OIS_SECRET_ACCESS_KEY=x"}, "there is a secret access key but no access key id"},
		{LoadOptions{}, []string{"OIS_PORT=443x"}, `OIS_PORT: "443x" is no number from 1 to 65535`},
		{LoadOptions{}, []string{"OIS_CONNECTION_RETRIES=-1"}, `OIS_CONNECTION_RETRIES: "-1" is no number from 0 to 100`},
		{LoadOptions{}, []string{"OIS_TIMEOUT=1h"}, `OIS_TIMEOUT: "1h" is no number`},
		{LoadOptions{}, []string{"OIS_ENABLE_VIRTUAL_HOST_STYLE=maybe"}, `"maybe" is neither true nor false`},
		{LoadOptions{}, []string{"OIS_ENDPOINT=ftp://x"}, `OIS_ENDPOINT: endpoint "ftp://x": scheme "ftp" is neither http nor https`},
		{LoadOptions{}, []string{"OIS_PROTOCOL=gopher"}, `protocol, host and port: endpoint`},
	}
	for _, test := range tests {
		_, err := load(dir, test.opts, test.env...)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "ois: configuration: ") {
			t.Errorf("LoadConfig of %+v, %v: %v; want error with %q", test.opts, test.env, err, test.want)
		}
	}
	if _, err := load(dir, LoadOptions{Profile: "none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing profile: %v; want fs.ErrNotExist", err)
	}
}

func TestMissingDefaultFileIsAnonymous(t *testing.T) {
	dir := t.TempDir()
	if cfg, err := load(dir, LoadOptions{}); err != nil || cfg != (Config{}) {
		t.Errorf("got %+v, %v; want the zero Config", cfg, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("loading has written %v, %v", entries, err)
	}
	if cfg, err := load("", LoadOptions{}, "HOME=", "USERPROFILE="); err != nil || cfg != (Config{}) {
		t.Errorf("without a home: %+v, %v; want the zero Config", cfg, err)
	}
}

func TestReadableSecretIsWarnedAbout(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	dir := home(t, map[string]string{"config.yaml": "access_key_id: a\nsecret_access_key: b\n", "public.yaml": "zone: jn1\n"})
	for _, test := range []struct {
		file string
		mode fs.FileMode
		want int
	}{{"config.yaml", 0o600, 0}, {"config.yaml", 0o644, 1}, {"config.yaml", 0o640, 1}, {"public.yaml", 0o644, 0}} {
		path := filepath.Join(dir, ".ois", test.file)
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		var warnings []string
		if _, err := load(dir, LoadOptions{File: path, Warn: func(s string) { warnings = append(warnings, s) }}); err != nil {
			t.Fatal(err)
		}
		if len(warnings) != test.want || test.want > 0 && !strings.Contains(warnings[0], path) {
			t.Errorf("%s with mode %v: warnings %q; want %d", test.file, test.mode, warnings, test.want)
		}
	}
}

func TestLoadConfigMindsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := DefaultConfig(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want context.Canceled", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{AccessKeyID: "x"}, "no secret access key"},
		{Config{SecretAccessKey: "x"}, "no access key id"},
		{Config{Endpoint: "https://"}, "no host"},
		{Config{Endpoint: "https://h/path"}, "only scheme, host and port"},
		{Config{Endpoint: "https://h?x"}, "only scheme, host and port"},
		{Config{Endpoint: "https://user:secret@h"}, "endpoint of host \"h\": a user"},
		{Config{Endpoint: "https://h:0"}, `"0" is no port`},
		{Config{Endpoint: "https://h:65536"}, `"65536" is no port`},
		{Config{Endpoint: "h:port"}, "not an address"},
		{Config{UserAgent: "a\nb"}, "printable ASCII"},
	} {
		_, err := New(test.cfg)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "user:secret") {
			t.Errorf("New(%+v): %v; want error with %q", test.cfg, err, test.want)
		}
	}
	if c, err := New(Config{}); err != nil || c.Endpoint() != DefaultEndpoint {
		t.Errorf("New of the zero Config: %v, %v", c, err)
	}
}
