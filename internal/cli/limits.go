package cli

import (
	"context"
	"log/slog"
)

// limits are how much the server takes.
type limits struct {
	maxConnections int
}

// filesPerConnection is how many files a connection may need: its own, and one that it reads.
const filesPerConnection = 2

// checkLimits refuses limits and files that make no sense.
func (f *serveFlags) checkLimits() error {
	if f.maxConnections < 1 {
		return usagef("--max-connections %d is not allowed: want 1 or more", f.maxConnections)
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return usagef("--tls-cert and --tls-key go together: set both or none")
	}
	return nil
}

// prepare reads the files that flags name, and fits limits to what the system allows.
func (f *serveFlags) prepare(ctx context.Context) (err error) {
	if n, known := openFiles(); known && uint64(f.maxConnections) > n/filesPerConnection {
		asked := f.maxConnections
		f.maxConnections = max(1, int(n/filesPerConnection))
		f.log.WarnContext(ctx, "fewer connections than --max-connections: the system lets this process open too few files",
			slog.Int("asked", asked), slog.Int("connections", f.maxConnections), slog.Uint64("files", n))
	}
	if f.tlsCert != "" {
		f.certificate, err = loadCertificate(f.tlsCert, f.tlsKey, f.log)
	}
	return err
}
