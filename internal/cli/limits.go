package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/pflag"
)

// limits are how much the server takes.
type limits struct {
	maxConnections int
	maxBuckets     int           // of a user; 0 means any number
	bucketRate     int           // creations and deletions of buckets, by user and minute; 0 means any number
	bucketLease    time.Duration // how old a bucket must be to be deleted
}

// limitFlags adds the flags of limits.
func limitFlags(flags *pflag.FlagSet, l *limits) {
	flags.IntVar(&l.maxConnections, "max-connections", 10000, "`NUMBER` of connections at the same time; more are answered with 503")
	flags.IntVar(&l.maxBuckets, "max-buckets", 0, "`NUMBER` of buckets that a user may have; 0 is any number")
	flags.IntVar(&l.bucketRate, "bucket-rate", 0, "`NUMBER` of buckets that a user may create or delete in a minute; 0 is any number")
	flags.DurationVar(&l.bucketLease, "bucket-lease", 0, "`TIME` that a bucket must exist before it can be deleted, such as 1m")
}

// filesPerConnection is how many files a connection may need: its own, and one that it reads.
const filesPerConnection = 2

// checkLimits refuses limits and files that make no sense.
func (f *serveFlags) checkLimits() error {
	if f.maxConnections < 1 {
		return usagef("--max-connections %d is not allowed: want 1 or more", f.maxConnections)
	}
	if f.maxBuckets < 0 || f.bucketRate < 0 || f.bucketLease < 0 {
		return usagef("--max-buckets, --bucket-rate and --bucket-lease cannot be less than 0")
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
	if f.secrets, err = loadKeys(ctx, f.keyFiles, f.log); err != nil {
		return err
	}
	if f.tlsCert != "" {
		f.certificate, err = loadCertificate(f.tlsCert, f.tlsKey, f.log)
	}
	return err
}
