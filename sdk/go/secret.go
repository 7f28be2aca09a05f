package ois

import (
	"fmt"
	"io"
	"log/slog"
)

// Configs and credentials end up in logs. What holds a secret prints itself here, in
// package slog and with every verb of package fmt but %p, for which it asks nobody, and
// shows *** in its place. Clients and buckets hold one, too, and package fmt follows
// pointers where a verb does not fit.

// masked stands for a secret that is there.
const masked = "***"

func mask(secret string) string {
	if secret == "" {
		return ""
	}
	return masked
}

// Format implements [fmt.Formatter]: c without its secret.
func (c Credentials) Format(f fmt.State, verb rune) {
	type original = Credentials
	type Credentials original // of the same name, without methods
	c.SecretAccessKey = mask(c.SecretAccessKey)
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), Credentials(c))
}

// String returns c without its secret.
func (c Credentials) String() string { return fmt.Sprintf("%+v", c) }

// GoString is String in the syntax of Go.
func (c Credentials) GoString() string { return fmt.Sprintf("%#v", c) }

// LogValue implements [slog.LogValuer]: c without its secret.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("access_key_id", c.AccessKeyID),
		slog.String("secret_access_key", mask(c.SecretAccessKey)),
		slog.Time("expires", c.Expires),
	)
}

// Format implements [fmt.Formatter]: c without its secret. Of Credentials only the
// type is shown.
func (c Config) Format(f fmt.State, verb rune) {
	type original = Config
	type Config original // of the same name, without methods
	c.SecretAccessKey = mask(c.SecretAccessKey)
	if c.Credentials != nil {
		c.Credentials = opaque{c.Credentials}
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), Config(c))
}

// String returns c without its secret.
func (c Config) String() string { return fmt.Sprintf("%+v", c) }

// GoString is String in the syntax of Go.
func (c Config) GoString() string { return fmt.Sprintf("%#v", c) }

// LogValue implements [slog.LogValuer]: c without its secret.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Format implements [fmt.Formatter]: the client's configuration without its secret.
func (c *Client) Format(f fmt.State, verb rune) {
	if c == nil {
		_, _ = io.WriteString(f, "<nil>") // a fmt.State remembers its errors
		return
	}
	c.cfg.Format(f, verb)
}

// Format implements [fmt.Formatter]: name and zone.
func (b *Bucket) Format(f fmt.State, verb rune) {
	if b == nil {
		_, _ = io.WriteString(f, "<nil>") // as above
		return
	}
	type Bucket struct{ Name, Zone string }
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), Bucket{b.name, b.zone})
}

// opaque shows the type of a provider and nothing of what is in it.
type opaque struct{ CredentialsProvider }

func (o opaque) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%T", o.CredentialsProvider) // as above
}

// Format implements [fmt.Formatter].
func (s static) Format(f fmt.State, verb rune) { s.c.Format(f, verb) }

// Format implements [fmt.Formatter].
func (r *refreshing) Format(f fmt.State, verb rune) { opaque{r}.Format(f, verb) }

// Format implements [fmt.Formatter]: bucket, key and size.
func (f *File) Format(s fmt.State, verb rune) {
	if f == nil {
		_, _ = io.WriteString(s, "<nil>") // as above
		return
	}
	type File struct {
		Bucket, Key string
		Size        int64
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), File{f.b.name, f.Info.Key, f.Info.Size})
}

// Format implements [fmt.Formatter]: bucket, key and how many bytes there are.
func (r *Reader) Format(s fmt.State, verb rune) {
	if r == nil {
		_, _ = io.WriteString(s, "<nil>") // as above
		return
	}
	type Reader struct {
		Bucket, Key string
		Length      int64
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), Reader{r.b.name, r.Info.Key, r.Length})
}

// Format implements [fmt.Formatter]: bucket and prefix.
func (f *FS) Format(s fmt.State, verb rune) {
	if f == nil {
		_, _ = io.WriteString(s, "<nil>") // as above
		return
	}
	type FS struct{ Bucket, Prefix string }
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), FS{f.b.name, f.prefix})
}
