package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/imaging"
)

// grace is how long requests that are under way may take when the server is told to stop.
const grace = 30 * time.Second

// serveFlags are the flags of "ois serve".
type serveFlags struct {
	runConfig
	logFormat, logLevel string
	trusted             []string
	peerList            []string
	peerKeyFile         string
	minFreeSize         string
	scrubRateSize       string
	imageFontFile       string
	tlsCert, tlsKey     string
	keyFiles            []string
}

func (a *app) serveCommand() *cobra.Command {
	f := &serveFlags{runConfig: runConfig{getenv: a.Getenv, disk: a.disk}}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a data directory",
		Long: `Serve the objects of one data directory, which is made if there is none. It belongs to
one process at a time.

The root key pair is taken from OIS_ROOT_ACCESS_KEY_ID and OIS_ROOT_SECRET_ACCESS_KEY. If they
are not set it is made up once and kept in the file root-key in the data directory.

Writes are refused with 503 while less than --min-free is free on the disk, which is 5 % of it
and at most 1GiB unless you say otherwise. Reading and deleting go on. 0 turns this off, but for
the last 64MiB, less on a small disk, without which nothing could be deleted any more.

Once a week all that is stored is read and compared with its checksums, --scrub-rate bytes a
second, so that damage is found while there are backups. What is damaged is named in the log.

Users can have the server fetch objects from other servers, once or as the mirror of a bucket. It
connects to public addresses only, wherever a name or a redirect leads. --allow-private-egress lifts
that, and is dangerous: whoever may write to a bucket can then read what this machine can reach
without a password, such as services on localhost and the metadata, with keys, of a cloud.
Watermarks are written in Latin, Greek, Cyrillic and simplified Chinese letters. For others give it
a TrueType or OpenType font, or a collection of some, with --image-font.
Whoever owns a bucket can bind any domain to it that is not taken, and requests for that domain
are then for the bucket. Where not all users are trusted, --verify-cname asks for a CNAME record first;
the names BUCKET.ZONE.DOMAIN then need address records, such as those of *.ZONE.DOMAIN.
With --key-file the secrets of access keys are sealed in the data directory, those that are there already at this
start; a copy of the directory then does not tell them. Without the file the server does not start again, so
keep a copy of it, elsewhere; "ois key discard-sealed" is for when it is lost. To change the key give both files once,
the new one first. Without --key-file it is the mode of the data directory that protects secrets. Objects are stored
as they are in either case.

SIGTERM and Ctrl-C stop the server: requests that are under way get 30 seconds to
finish. A second signal ends it at once, and no acknowledged write is lost either way.`,
		Example: `  # On this machine, in ./ois-data:
  ois serve

  # With HTTPS, figures for Prometheus, and sealed secrets:
  openssl rand -hex 32 > /etc/ois/key && chmod 600 /etc/ois/key
  ois serve --listen :443 --tls-cert cert.pem --tls-key key.pem --admin-listen 127.0.0.1:9001 --key-file /etc/ois/key

  # For others, with two zones under a domain of your own:
  ois serve --data /srv/ois --listen :9000 --zone sh1a --zone sh1b --domain is.example.com`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), f) },
	}
	dataFlag(cmd, &f.data)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9000", "`HOST:PORT` for requests; port 0 takes a free one")
	flags.StringVar(&f.adminListen, "admin-listen", "", "`HOST:PORT` for figures (GET /metrics), health (/-/health) and profiles (/debug/pprof/), which anybody who can reach it can read")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "`FILE` with the certificate for HTTPS and those that vouch for it, in PEM; read again when it changes")
	flags.StringVar(&f.tlsKey, "tls-key", "", "`FILE` with the key of --tls-cert, in PEM")
	keyFileFlag(cmd, &f.keyFiles)
	limitFlags(flags, &f.limits)
	flags.StringArrayVar(&f.zones, "zone", []string{"jn1a"}, "`ID` of a zone; may be repeated, the first is the default zone")
	flags.StringVar(&f.domain, "domain", "localhost", "base `DOMAIN` of the addresses ZONE.DOMAIN and BUCKET.ZONE.DOMAIN")
	flags.StringArrayVar(&f.trusted, "trusted-proxy", nil, "`ADDRESS` or network of a proxy that is believed when it says who sends a request; may be repeated")
	flags.StringArrayVar(&f.peerList, "peer", nil, "`ZONE=URL` of a server of another zone, to replicate to, such as sh1a=https://sh1a.example.com; may be repeated")
	flags.StringVar(&f.peerKeyFile, "peer-key-file", "", "`FILE` with the secret that this server shares with its peers, one line of 32 characters or more")
	flags.BoolVar(&f.verifyCNAME, "verify-cname", false, "bind a domain to a bucket only if its CNAME record leads to BUCKET.ZONE.DOMAIN")
	flags.StringVar(&f.minFreeSize, "min-free", "", "`SIZE` that stays free on the disk, such as 512MiB")
	flags.StringVar(&f.scrubRateSize, "scrub-rate", "10MiB", "`SIZE` of what is read again each second to find damage; 0 turns this off")
	flags.BoolVar(&f.egress.AllowPrivate, "allow-private-egress", false,
		"let users have objects fetched from this machine and its network, too; dangerous, see above")
	flags.StringVar(&f.imageFontFile, "image-font", "", "`FILE` of a font for watermarks on images, used before those that are built in")
	choiceFlag(cmd, &f.logFormat, "log-format", "text", "`FORMAT` of the log on standard error: text or json", "text", "json")
	choiceFlag(cmd, &f.logLevel, "log-level", "info", "least `LEVEL` of the log: debug, info (a line for each request), warn or error",
		"debug", "info", "warn", "error")
	return cmd
}

// serve is "ois serve".
func (a *app) serve(ctx context.Context, f *serveFlags) (err error) {
	if err := f.check(ctx); err != nil {
		return err
	}
	lines := newLogBuffer(a.Stderr)
	defer lines.flush()
	if f.log, err = logger(lines, f.logFormat, f.logLevel); err != nil {
		return err
	}
	if err := f.prepare(ctx); err != nil {
		return err
	}
	r, err := start(ctx, f.runConfig)
	if err != nil {
		return err
	}
	a.announce(ctx, f, r, lines)
	select {
	case err := <-r.failed:
		return err // the store is left as it is: after a failure of the disk nothing more is written
	case <-ctx.Done():
	}
	ctx = context.WithoutCancel(ctx)
	f.log.InfoContext(ctx, "ois is stopping", slog.String("grace", grace.String()))
	limited, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := r.stop(limited); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	f.log.InfoContext(ctx, "ois has stopped")
	return nil
}

// announce logs that the server is ready, and shows a person how to use it.
func (a *app) announce(ctx context.Context, f *serveFlags, r *running, lines *logBuffer) {
	line := []slog.Attr{
		slog.String("version", readVersion().Version),
		slog.String("address", f.url(r.address)), slog.String("data", f.data),
		slog.String("zones", strings.Join(f.zones, ",")), slog.String("domain", f.domain),
		slog.String("root_key", cmp.Or(r.key.File, "environment")),
	}
	if r.adminAddress != nil {
		line = append(line, slog.String("admin", baseURL("http", r.adminAddress)))
	}
	f.log.LogAttrs(ctx, slog.LevelInfo, "ois is ready", line...)
	if r.adminAddress != nil && !private(r.adminAddress) {
		f.log.WarnContext(ctx, "--admin-listen has no password: who can reach it can read figures and profiles", slog.String("address", r.adminAddress.String()))
	}
	if r.key.Exposed {
		f.log.WarnContext(ctx, "other users may read the root key; chmod 600 it", slog.String("file", r.key.File))
	}
	lines.flush()
	if !a.Terminal || r.key.File == "" {
		return
	}
	fmt.Fprintf(a.Stderr, "\nSettings for ~/.ois/config.yaml, with the root key pair from %s:\n\n%sendpoint: %s\n\n",
		r.key.File, r.key.Settings(), f.url(r.address))
}

// baseURL returns an address that clients on this machine can use.
func baseURL(scheme string, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + "://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// check refuses flags that make no sense, before anything is made on the disk.
func (f *serveFlags) check(ctx context.Context) error {
	if err := checkData(f.data); err != nil {
		return err
	}
	if err := checkAddress(ctx, "--listen", f.listen); err != nil {
		return err
	}
	if f.adminListen != "" {
		if err := checkAddress(ctx, "--admin-listen", f.adminListen); err != nil {
			return err
		}
	}
	seen := make(map[string]bool)
	for _, z := range f.zones {
		if !label(z) {
			return usagef("--zone %q is not allowed: want 1 to 63 of a-z, 0-9 and -, such as jn1a", z)
		}
		if seen[z] {
			return usagef("--zone %q is there twice", z)
		}
		seen[z] = true
	}
	for part := range strings.SplitSeq(f.domain, ".") {
		if !label(part) {
			return usagef("--domain %q is not allowed: want a domain name in lower case without a port, such as is.example.com", f.domain)
		}
	}
	if net.ParseIP(f.domain) != nil {
		return usagef("--domain %q is an address: want a name; addresses are always served", f.domain)
	}
	if f.verifyCNAME && f.domain == "localhost" {
		return usagef("--verify-cname needs --domain: no name on earth leads to localhost")
	}
	if err := f.parseMinFree(); err != nil {
		return err
	}
	if err := f.parseScrubRate(); err != nil {
		return err
	}
	if err := f.parsePeers(); err != nil {
		return err
	}
	if err := f.loadFont(); err != nil {
		return err
	}
	if err := f.checkLimits(); err != nil {
		return err
	}
	return f.parseProxies()
}

// parseMinFree makes of --min-free what datadir.Options wants.
func (f *serveFlags) parseMinFree() error {
	if f.minFreeSize == "" {
		return nil
	}
	n, ok := parseSize(f.minFreeSize)
	if !ok {
		return usagef("--min-free %q is not allowed: want a number of bytes, or of KiB, MiB, GiB or TiB, such as 512MiB", f.minFreeSize)
	}
	if f.minFree = n; n == 0 {
		f.minFree = -1
	}
	return nil
}

// parseScrubRate makes a number of --scrub-rate.
func (f *serveFlags) parseScrubRate() error {
	n, ok := parseSize(f.scrubRateSize)
	if !ok {
		return usagef("--scrub-rate %q is not allowed: want a number of bytes, or of KiB, MiB, GiB or TiB, such as 10MiB, or 0", f.scrubRateSize)
	}
	f.scrubRate = n
	return nil
}

// loadFont reads --image-font.
func (f *serveFlags) loadFont() (err error) {
	if f.imageFontFile == "" {
		return nil
	}
	if f.imageFont, err = os.ReadFile(f.imageFontFile); err != nil {
		return usagef("--image-font cannot be read: %v", err)
	}
	if _, err = imaging.New(imaging.Options{Font: f.imageFont}); err != nil {
		return usagef("--image-font %q is not a TrueType or OpenType font: %v", f.imageFontFile, err)
	}
	return nil
}

// parseSize reads a number of bytes, such as 512MiB.
func parseSize(text string) (int64, bool) {
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if number, has := strings.CutSuffix(text, unit); has {
			text, shift = number, 10*(i+1)
			break
		}
	}
	n, err := strconv.ParseUint(text, 10, 63-shift)
	return int64(n) << shift, err == nil
}

func (f *serveFlags) parseProxies() error {
	for _, text := range f.trusted {
		p, err := netip.ParsePrefix(text)
		if addr, notNet := netip.ParseAddr(text); notNet == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return usagef("--trusted-proxy %q is not allowed: want an address or a network, such as 10.0.0.7 or 10.0.0.0/24", text)
		}
		f.proxies = append(f.proxies, p.Masked())
	}
	return nil
}

func checkAddress(ctx context.Context, flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return usagef("%s %q is not allowed: want HOST:PORT, such as 127.0.0.1:9000 or :9000", flag, address)
	}
	if _, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil {
		return usagef("%s %q is not allowed: there is no port %q; want 0 to 65535", flag, address, port)
	}
	return nil
}

// label reports whether s can be a label of a host name, in lower case.
func label(s string) bool {
	other := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' && !strings.ContainsFunc(s, other)
}

// logger returns the log of a server.
func logger(lines *logBuffer, format, level string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("--log-level %q is not known: want debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(promptHandler{slog.NewTextHandler(lines, o), lines}), nil
	case "json":
		return slog.New(promptHandler{slog.NewJSONHandler(lines, o), lines}), nil
	}
	return nil, usagef("--log-format %q is not known: want text or json", format)
}
