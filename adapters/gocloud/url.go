package oisblob

import (
	"context"
	"fmt"
	"net/url"

	"gocloud.dev/blob"

	ois "github.com/oisproject/ois/sdk/go"
)

// Scheme is the scheme of addresses that this package opens.
const Scheme = "ois"

// Drivers of Go CDK make themselves known when they are imported.
func init() { blob.DefaultURLMux().RegisterBucket(Scheme, new(URLOpener)) }

// A URLOpener opens addresses like "ois://BUCKET?zone=ZONE&endpoint=ENDPOINT". The parameters
// may be missing: the configuration says then where the bucket is.
type URLOpener struct {
	// Config is what the client is made of; nil means what ois.DefaultConfig finds in environment and file.
	Config *ois.Config
}

// OpenBucketURL implements blob.BucketURLOpener. Nothing is sent. Each bucket has a client of its
// own; what shares a client goes through OpenBucket.
func (o *URLOpener) OpenBucketURL(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	b, err := o.open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", u.Redacted(), err)
	}
	return blob.NewBucket(b), nil
}

func (o *URLOpener) open(ctx context.Context, u *url.URL) (*bucket, error) {
	cfg, err := o.config(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("there are keys or a user before the bucket; keys come from the configuration")
	case u.Host == "":
		return nil, fmt.Errorf("there is no bucket; want %s://BUCKET", Scheme)
	case u.Port() != "":
		return nil, fmt.Errorf("port %q behind the bucket; endpoint= names the service", u.Port())
	case u.Path != "" && u.Path != "/":
		return nil, fmt.Errorf("path %q behind the bucket; prefix= stands for one", u.Path)
	}
	for name, values := range u.Query() {
		switch {
		case len(values) > 1:
			return nil, fmt.Errorf("parameter %q is given %d times", name, len(values))
		case name == "zone":
			cfg.Zone = values[0]
		case name == "endpoint":
			cfg.Endpoint = values[0]
		default:
			return nil, fmt.Errorf("unknown parameter %q; known are zone and endpoint, prefix and key", name)
		}
	}
	client, err := ois.New(cfg)
	if err != nil {
		return nil, err
	}
	return &bucket{client.Bucket(u.Host, ""), client.CloseIdleConnections}, nil
}

func (o *URLOpener) config(ctx context.Context) (ois.Config, error) {
	if o.Config != nil {
		return *o.Config, nil
	}
	return ois.DefaultConfig(ctx)
}
