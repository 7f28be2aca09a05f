package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/pool"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

// A road says how the service is reached.
type road struct {
	endpoint  string
	profile   string
	zone      string
	anonymous bool
}

// roadFlags adds the flags of a road.
func (a *app) roadFlags(cmd *cobra.Command, r *road) {
	f := cmd.Flags()
	f.StringVar(&r.endpoint, "endpoint", "", "`URL` of the service; else that of the profile, or "+ois.DefaultEndpoint)
	f.StringVar(&r.profile, "profile", "", "`NAME` of a file in ~/.ois/profiles, without .yaml; else $OIS_PROFILE, or ~/.ois/config.yaml")
	f.StringVar(&r.zone, "zone", "", "`ID` of the zone of the buckets; else that of the profile, or it is found out")
	f.BoolVar(&r.anonymous, "anonymous", false, "sign nothing")
	_ = cmd.RegisterFlagCompletionFunc("profile", a.completeProfiles) // the flag is there
}

// workers is how many objects are worked on at once, in all commands of a process together, unless --concurrency says otherwise, up
// to maxWorkers. The Go runtime raises the limit of open files by itself.
const (
	workers    = 64
	maxWorkers = 1024
)

// copyTime is how long the service may think, for instance while it copies an object of 5 GiB.
const copyTime = 2 * time.Minute

// A house is what all commands of a process share: connections and workers.
type house struct {
	mu       sync.Mutex
	services map[road]*service // guarded by mu
	pool     *pool.Pool
}

func (a *app) house() *house {
	if a.shared == nil {
		a.shared = &house{services: make(map[road]*service), pool: pool.New(workers)}
	}
	return a.shared
}

// A service is a client, with the zones that are known.
type service struct {
	*ois.Client
	zone   string // of all buckets, if it is not empty
	direct bool   // the endpoint has no zones
	keys   bool   // requests are signed

	mu    sync.Mutex
	zones map[string]string // by bucket; guarded by mu
}

// service returns the client for a road. All commands share it.
func (a *app) service(ctx context.Context, r road) (*service, error) {
	h := a.house()
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.services[r]; s != nil {
		return s, nil
	}
	s, err := a.newService(ctx, r)
	if err == nil {
		h.services[r] = s
	}
	return s, err
}

func (a *app) newService(ctx context.Context, r road) (*service, error) {
	cfg, err := ois.LoadConfig(ctx, &ois.LoadOptions{
		Profile: r.profile, Getenv: a.Getenv, Warn: func(text string) { fmt.Fprintln(a.Stderr, text) },
	})
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, err
	case err != nil:
		return nil, usageError{err}
	}
	if r.endpoint != "" {
		cfg.Endpoint = r.endpoint
	}
	if r.zone != "" {
		cfg.Zone = r.zone
	}
	if r.anonymous {
		cfg.AccessKeyID, cfg.SecretAccessKey = "", ""
	}
	if cfg.HeaderTimeout == 0 {
		cfg.HeaderTimeout = copyTime
	}
	t := ois.NewTransport()
	t.ResponseHeaderTimeout = cfg.HeaderTimeout
	// Each worker has a connection of its own, and so has each part of a large object.
	t.MaxIdleConnsPerHost = maxWorkers
	t.MaxIdleConns = maxWorkers
	cfg.Transport = t
	if a.wrap != nil {
		cfg.Transport = a.wrap(t)
	}
	c, err := ois.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return &service{
		Client: c, zone: cfg.Zone, direct: isDirect(c.Endpoint()), keys: cfg.AccessKeyID != "", zones: make(map[string]string),
	}, nil
}

// isDirect reports whether an endpoint is an address or localhost, before which no zone is put.
func isDirect(endpoint string) bool {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err == nil || u.Hostname() == "localhost"
}

// bucket returns the handle of a bucket, in the zone where it is.
func (s *service) bucket(ctx context.Context, name string) (*ois.Bucket, error) {
	if s.zone != "" || s.direct {
		return s.Bucket(name, s.zone), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	zone, known := s.zones[name]
	if !known {
		var err error
		if zone, err = s.BucketZone(ctx, name); err != nil {
			return nil, err
		}
		s.zones[name] = zone
	}
	return s.Bucket(name, zone), nil
}

// parseTarget reads an argument.
func parseTarget(arg string) (target.Target, error) {
	t, err := target.Parse(arg)
	if err != nil {
		return t, usageError{err}
	}
	return t, nil
}

// parseBucket reads an argument that names a bucket and no key.
func parseBucket(arg string) (string, error) {
	t, err := parseTarget(arg)
	if err == nil && (!t.Remote || t.Bucket == "" || t.Key != "") {
		err = usagef("%q names no bucket: want %sBUCKET", arg, target.Scheme)
	}
	return t.Bucket, err
}

// parseInside reads an argument that names something in a bucket, or the bucket.
func parseInside(arg string) (target.Target, error) {
	t, err := parseTarget(arg)
	if err == nil && (!t.Remote || t.Bucket == "") {
		err = usagef("%q is not in a bucket: want %sBUCKET/KEY", arg, target.Scheme)
	}
	return t, err
}

// parseObject reads an argument that names an object.
func parseObject(arg string) (target.Target, error) {
	t, err := parseInside(arg)
	if err == nil && t.Key == "" {
		err = usagef("%q names a bucket and no object: want %sBUCKET/KEY", arg, target.Scheme)
	}
	return t, err
}

// hint says what to do about an error, if that is known. It is empty else.
func (a *app) hint(err error) string {
	var e *ois.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch {
	case errors.Is(err, ois.ErrPermission) && a.unsigned():
		return a.noKeys()
	case e.Code == "invalid_access_key_id", e.Code == "signature_not_matched":
		return a.text("The service does not know this key pair: check access key, secret and --endpoint.")
	case errors.Is(err, ois.ErrPermission):
		return a.text("The owner of the bucket can allow it, see \"ois bucket get acl\" and \"ois bucket get policy\".")
	case e.Code == "bucket_not_exists":
		return a.text("\"ois ls\" lists your buckets, \"ois mb\" makes one.")
	case errors.Is(err, ois.ErrNotFound) && e.Key != "":
		return a.text("\"ois ls\" and \"ois find\" show what there is in a bucket.")
	case e.Code == "invalid_argument" && strings.Contains(e.Message, "encrypted"):
		return a.text("--encryption-key-file gives the key of objects that are encrypted, --source-encryption-key-file that of what is copied.")
	case errors.Is(err, ois.ErrNotEmpty):
		return a.text("\"ois rb --force\" deletes the bucket with all that is in it.")
	case e.Status == 0 && e.Attempts > 0:
		return a.text("Is --endpoint right, and is the service running there?")
	}
	return ""
}

// noKeys says how to give keys.
func (a *app) noKeys() string {
	return a.text("No access key is set: set OIS_ACCESS_KEY_ID and OIS_SECRET_ACCESS_KEY, or write them to ~/.ois/config.yaml, or name a --profile.")
}

// unsigned reports whether a service was asked without keys.
func (a *app) unsigned() bool {
	if a.shared == nil {
		return false
	}
	a.shared.mu.Lock()
	defer a.shared.mu.Unlock()
	for _, s := range a.shared.services {
		if !s.keys {
			return true
		}
	}
	return false
}

// isNetwork reports whether err is about an answer that did not come.
func isNetwork(err error) bool {
	var e *ois.Error
	return errors.As(err, &e) && e.Status == 0 && e.Attempts > 0 && !errors.Is(err, context.Canceled)
}

// Groups of commands, as help shows them.
const (
	clientGroup = "client"
	serverGroup = "server"
)

// grouped puts commands into a group of the help.
func grouped(id string, list ...*cobra.Command) []*cobra.Command {
	for _, c := range list {
		c.GroupID = id
	}
	return list
}

// clientCommands are the commands that speak to a service.
func (a *app) clientCommands() []*cobra.Command {
	return []*cobra.Command{
		a.lsCommand(), a.cpCommand(), a.mvCommand(), a.rmCommand(), a.syncCommand(), a.diffCommand(), a.catCommand(), a.putCommand(), a.statCommand(),
		a.presignCommand(), a.mbCommand(), a.rbCommand(), a.duCommand(), a.findCommand(), a.treeCommand(), a.uploadsCommand(), a.runCommand(),
	}
}
