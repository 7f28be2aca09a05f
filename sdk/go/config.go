package ois

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultEndpoint is where requests go unless a Config says otherwise.
const DefaultEndpoint = "https://is.shanhe.com"

// A Config is what a [Client] is made of. The zero value is an anonymous client
// of [DefaultEndpoint]; every field that is zero has its default.
type Config struct {
	// AccessKeyID and SecretAccessKey sign the requests. Both empty means
	// anonymous; one without the other is an error.
	AccessKeyID     string
	SecretAccessKey string

	// Credentials takes the place of the two keys if it is not nil.
	Credentials CredentialsProvider

	// Endpoint is the address of the service: "https://is.shanhe.com". The scheme
	// may be missing (https) and so may the port (the scheme's).
	Endpoint string

	// Zone is what Client.Bucket takes when its zone is empty.
	Zone string

	// VirtualHost puts the bucket into the host name instead of the path. It has
	// no effect on an endpoint that is an IP address or localhost.
	VirtualHost bool

	// Retry says how failed attempts are repeated.
	Retry RetryPolicy

	// HeaderTimeout is how long the server may think before it answers, and
	// StallTimeout how long a transfer may stand still. 0 means 30 s each, less
	// means for ever. Programs that let the service fetch or copy much in one request
	// want a longer HeaderTimeout. A Transport of the caller's has its own.
	HeaderTimeout time.Duration
	StallTimeout  time.Duration

	// Transport sends single requests; nil means a transport of the client's own,
	// made by NewTransport. Tests put their answers here.
	Transport http.RoundTripper

	// Logger gets one record for each attempt, at level debug. Signatures and
	// encryption keys are left out. Nil is silent and costs nothing.
	Logger *slog.Logger

	// Tracer gets every call. Nil costs nothing.
	Tracer Tracer

	// UserAgent is added to the User-Agent header.
	UserAgent string
}

// LoadOptions say where LoadConfig looks. The zero value is what DefaultConfig does.
type LoadOptions struct {
	File    string // configuration file; it must exist
	Profile string // name of a file in ~/.ois/profiles, without ".yaml"; it must exist

	Getenv func(string) string // nil means os.Getenv
	Warn   func(string)        // called with what is odd but no error; nil drops it
}

// DefaultConfig returns what environment and configuration file say. It writes
// no file and logs nothing.
//
// A value in the environment wins over one in the file. Variables are named as
// the keys below, in capitals after OIS_ or, where that is unset, QINGSTOR_:
// OIS_ACCESS_KEY_ID. The file is ~/.ois/profiles/$OIS_PROFILE.yaml if that is
// set, else $OIS_CONFIG_PATH, else ~/.ois/config.yaml, which may be missing.
// Its keys:
//
//	access_key_id, secret_access_key
//	endpoint                   or its parts: protocol, host, port
//	zone
//	enable_virtual_host_style  true or false
//	connection_retries         attempts after the first
//	timeout                    seconds, for HeaderTimeout and StallTimeout; 0 is the default
//	additional_user_agent
//
// The keys enable_dual_stack, disable_uri_cleaning and log_level and the block
// http_settings of other SDKs are understood and have no effect. Any other key
// is an error.
func DefaultConfig(ctx context.Context) (Config, error) { return LoadConfig(ctx, nil) }

// LoadConfig is DefaultConfig with a say in where to look.
func LoadConfig(ctx context.Context, opts *LoadOptions) (Config, error) {
	if err := ctx.Err(); err != nil {
		return Config{}, err
	}
	l := loader{values: make(map[string]value)}
	if opts != nil {
		l.LoadOptions = *opts
	}
	if l.Getenv == nil {
		l.Getenv = os.Getenv
	}
	if err := l.readFile(); err != nil {
		return Config{}, fmt.Errorf("ois: configuration: %w", err)
	}
	l.readEnv()
	cfg, err := l.config()
	if err != nil {
		return Config{}, fmt.Errorf("ois: configuration: %w", err)
	}
	return cfg, nil
}

// Keys of the file and, in capitals, of the environment.
var (
	knownKeys = []string{
		"access_key_id", "secret_access_key", "endpoint", "protocol", "host", "port", "zone",
		"enable_virtual_host_style", "connection_retries", "timeout", "additional_user_agent",
	}
	foreignKeys = []string{"enable_dual_stack", "disable_uri_cleaning", "log_level"}
	blockKeys   = []string{"http_settings", "httpsettings"}
)

// A value is a text and where it comes from, as errors name it.
type value struct{ text, origin string }

// loader collects values by key; what is read later wins.
type loader struct {
	LoadOptions
	values map[string]value
}

func (l *loader) readFile() error {
	path, must, err := l.path()
	if err != nil || path == "" {
		return err
	}
	data, secret, err := readConfigFile(path)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return nil
	} else if err != nil {
		return err
	}
	settings, err := parseSettings(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range settings {
		if err := l.take(path, s); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, s.line, err)
		}
	}
	if l.values["secret_access_key"].text != "" && !secret && l.Warn != nil {
		l.Warn(fmt.Sprintf("%s holds a secret and can be read by others: chmod 600 it", path))
	}
	return nil
}

// take files one setting of a file.
func (l *loader) take(path string, s setting) error {
	switch {
	case s.block != "" && slices.Contains(blockKeys, s.block):
	case s.block != "":
		return fmt.Errorf("unknown block %q; known is http_settings", s.block)
	case slices.Contains(knownKeys, s.key):
		if s.value != "" {
			l.values[s.key] = value{s.value, fmt.Sprintf("%s: line %d: %s", path, s.line, s.key)}
		}
	case slices.Contains(foreignKeys, s.key), slices.Contains(blockKeys, s.key):
	default:
		return fmt.Errorf("unknown key %q; known are %s", s.key, strings.Join(knownKeys, ", "))
	}
	return nil
}

// path finds the file, and whether it must exist.
func (l *loader) path() (path string, must bool, err error) {
	if l.File != "" {
		return l.File, true, nil
	}
	profile := l.Profile
	if profile == "" {
		profile = l.Getenv("OIS_PROFILE")
	}
	if strings.ContainsAny(profile, `/\:`) || strings.HasPrefix(profile, ".") {
		return "", false, fmt.Errorf("profile %q: a name without / \\ : and not starting with a dot is wanted", profile)
	}
	home := l.home()
	if profile != "" {
		if home == "" {
			return "", false, fmt.Errorf("profile %q: the home directory is not known", profile)
		}
		return filepath.Join(home, ".ois", "profiles", profile+".yaml"), true, nil
	}
	for _, name := range []string{"OIS_CONFIG_PATH", "QINGSTOR_CONFIG_PATH"} {
		if path := l.Getenv(name); path != "" {
			return path, true, nil
		}
	}
	if home == "" {
		return "", false, nil
	}
	return filepath.Join(home, ".ois", "config.yaml"), false, nil
}

func (l *loader) home() string {
	if runtime.GOOS == "windows" {
		if home := l.Getenv("HOMEDRIVE") + l.Getenv("HOMEPATH"); home != "" {
			return home
		}
		return l.Getenv("USERPROFILE")
	}
	return l.Getenv("HOME")
}

// readConfigFile reads a file of sane size, and reports whether others may not read it.
func readConfigFile(path string) (data []byte, secret bool, err error) {
	const most = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if data, err = io.ReadAll(io.LimitReader(f, most+1)); err != nil {
		return nil, false, err
	}
	if len(data) > most {
		return nil, false, fmt.Errorf("%s: more than %d bytes", path, most)
	}
	return data, runtime.GOOS == "windows" || info.Mode().Perm()&0o044 == 0, nil
}

// readEnv lays the environment over the file.
func (l *loader) readEnv() {
	for _, key := range knownKeys {
		if name := l.variable(key); name != "" {
			l.values[key] = value{l.Getenv(name), name}
		}
	}
	if l.variable("endpoint") == "" && l.variable("protocol")+l.variable("host")+l.variable("port") != "" {
		delete(l.values, "endpoint") // of the file: the parts come from closer by
	}
}

// variable names the environment variable that gives key, or is empty. The two
// halves of a key pair are not mixed from two products' variables.
func (l *loader) variable(key string) string {
	if name := "OIS_" + strings.ToUpper(key); l.Getenv(name) != "" {
		return name
	}
	if key == "access_key_id" || key == "secret_access_key" {
		if l.Getenv("OIS_ACCESS_KEY_ID")+l.Getenv("OIS_SECRET_ACCESS_KEY") != "" {
			return ""
		}
	}
	if name := "QINGSTOR_" + strings.ToUpper(key); l.Getenv(name) != "" {
		return name
	}
	return ""
}

// config gives the values their meaning.
func (l *loader) config() (Config, error) {
	cfg := Config{
		AccessKeyID:     l.values["access_key_id"].text,
		SecretAccessKey: l.values["secret_access_key"].text,
		Zone:            l.values["zone"].text,
		UserAgent:       l.values["additional_user_agent"].text,
	}
	var err error
	if cfg.Endpoint, err = l.endpoint(); err != nil {
		return Config{}, err
	}
	if v, ok := l.values["enable_virtual_host_style"]; ok {
		if cfg.VirtualHost, err = v.bool(); err != nil {
			return Config{}, err
		}
	}
	if v, ok := l.values["connection_retries"]; ok {
		n, err := v.number(0, 100)
		if err != nil {
			return Config{}, err
		}
		cfg.Retry.MaxAttempts = n + 1
	}
	if v, ok := l.values["timeout"]; ok {
		n, err := v.number(0, 24*60*60)
		if err != nil {
			return Config{}, err
		}
		cfg.HeaderTimeout, cfg.StallTimeout = time.Duration(n)*time.Second, time.Duration(n)*time.Second
	}
	return cfg, cfg.checkKeys()
}

// endpoint is the value of that name, or what its parts make.
func (l *loader) endpoint() (string, error) {
	if v, ok := l.values["endpoint"]; ok {
		if _, err := parseEndpoint(v.text); err != nil {
			return "", fmt.Errorf("%s: %w", v.origin, err)
		}
		return v.text, nil
	}
	protocol, host, port := l.values["protocol"], l.values["host"], l.values["port"]
	if protocol.text == "" && host.text == "" && port.text == "" {
		return "", nil
	}
	text := "https://"
	if protocol.text != "" {
		text = protocol.text + "://"
	}
	if host.text == "" {
		host.text = strings.TrimPrefix(DefaultEndpoint, "https://")
	}
	text += host.text
	if port.text != "" {
		n, err := port.number(1, 65535)
		if err != nil {
			return "", err
		}
		text += ":" + strconv.Itoa(n)
	}
	if _, err := parseEndpoint(text); err != nil {
		return "", fmt.Errorf("protocol, host and port: %w", err)
	}
	return text, nil
}

func (v value) bool() (bool, error) {
	switch strings.ToLower(v.text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%s: %q is neither true nor false", v.origin, v.text)
}

func (v value) number(low, high int) (int, error) {
	n, err := strconv.Atoi(v.text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s: %q is no number from %d to %d", v.origin, v.text, low, high)
	}
	return n, nil
}

// checkKeys refuses half a key pair.
func (c *Config) checkKeys() error {
	switch {
	case c.Credentials != nil || (c.AccessKeyID == "") == (c.SecretAccessKey == ""):
		return nil
	case c.AccessKeyID == "":
		return errors.New("there is a secret access key but no access key id; give both, or none for anonymous access")
	}
	return errors.New("there is an access key id but no secret access key; give both, or none for anonymous access")
}
