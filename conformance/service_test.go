package conformance

import (
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/oisproject/ois/sdk/go/signature"
)

// How to reach a service. Without an endpoint one starts in this process.
var (
	endpoint     = flag.String("endpoint", "", "`URL` of the service to test; empty starts one in this process")
	accessKey    = flag.String("access-key-id", "", "`id` of the access key that owns the test's buckets")
	secretKey    = flag.String("secret-access-key", "", "its `secret`")
	secondKey    = flag.String("second-access-key-id", "", "`id` of an access key of another user; empty skips what needs one")
	secondSecret = flag.String("second-secret-access-key", "", "its `secret`")
	zoneList     = flag.String("zone", "jn1a", "`zones` of the service, separated by commas, the default zone first")
	originHost   = flag.String("origin-host", "", "`host` at which the service reaches servers that tests start here; empty skips fetch and mirror")
	replicaName  = flag.String("replica", "", "`bucket` of the account in a zone that the service replicates to; empty skips what needs one")
	domainName   = flag.String("domain", "", "base `domain` of the service's host names; empty skips virtual hosts and discovery")
)

// A service is what the tests know of what they test.
type service struct {
	scheme string
	addr   string // to connect to
	host   string // Host header of requests that do not say otherwise
	zones  []string
	domain string
	origin string // host at which it reaches servers that tests start; empty if it does not

	replica string // bucket of the owner in a zone it replicates to; empty if there is none

	owner *account
	other *account // nil if there is none
}

// An account is an access key.
type account struct {
	id  string
	key *signature.Key
}

func newAccount(id, secret string) *account {
	return &account{id: id, key: signature.NewKey(id, secret)}
}

// tested is the service under test.
var tested *service

func TestMain(m *testing.M) {
	flag.Parse()
	stop := func() bool { return true }
	var err error
	if *endpoint == "" {
		tested, stop, err = startService()
	} else {
		tested, err = flaggedService()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	status := m.Run()
	if !stop() && status == 0 {
		status = 1
	}
	if whole() && !driven.tell(os.Stdout, testing.Verbose()) && status == 0 {
		fmt.Println("FAIL: no test drives the operations above that have none")
		status = 1
	}
	os.Exit(status)
}

// flaggedService returns the service that the flags describe.
func flaggedService() (*service, error) {
	u, err := url.Parse(*endpoint)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("-endpoint is %q; want http://HOST or https://HOST, with or without a port", *endpoint)
	}
	if *accessKey == "" || *secretKey == "" {
		return nil, fmt.Errorf("-endpoint needs -access-key-id and -secret-access-key")
	}
	s := &service{
		scheme: u.Scheme, addr: u.Host, host: u.Host, domain: *domainName, origin: *originHost,
		replica: *replicaName, zones: strings.Split(*zoneList, ","), owner: newAccount(*accessKey, *secretKey),
	}
	if u.Port() == "" {
		s.addr = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	if *secondKey != "" {
		s.other = newAccount(*secondKey, *secondSecret)
	}
	return s, nil
}

// A session is a service in the hands of one test.
type session struct {
	*service
	t         *testing.T
	uncounted bool // what is asked for is no part of the test
}

// start begins a test beside the others.
func start(t *testing.T) *session {
	t.Helper()
	t.Parallel()
	return &session{service: tested, t: t}
}

// needOther skips a test that takes two users where there is one.
func (s *session) needOther() {
	s.t.Helper()
	if s.other == nil {
		s.t.Skip("needs a second user: -second-access-key-id and -second-secret-access-key")
	}
}

// needDomain skips a test that takes host names where they are not known.
func (s *session) needDomain() {
	s.t.Helper()
	if s.domain == "" {
		s.t.Skip("needs the base domain of the service: -domain")
	}
}

// needReplica skips a test that takes another zone with a server of its own.
func (s *session) needReplica() {
	s.t.Helper()
	if s.replica == "" {
		s.t.Skip("needs a bucket in a zone that the service replicates to: -replica")
	}
}

// needOrigin skips a test in which the service reads from a server of ours.
func (s *session) needOrigin() {
	s.t.Helper()
	if s.origin == "" {
		s.t.Skip("needs a host at which the service reaches servers that tests start: -origin-host")
	}
}

// needRedirects skips a test of zone discovery on localhost, which by its nature is found without it.
func (s *session) needRedirects() {
	s.t.Helper()
	s.needDomain()
	if s.domain == "localhost" {
		s.t.Skip("localhost never redirects; needs a service with another base domain")
	}
}

// needZones skips a test that takes two zones.
func (s *session) needZones() {
	s.t.Helper()
	s.needDomain()
	if len(s.zones) < 2 {
		s.t.Skip("needs a service with two zones: -zone A,B")
	}
}

// zoneHost returns the host name of a zone, bucketHost that of a bucket in the default zone.
func (s *service) zoneHost(zone string) string { return zone + "." + s.domain }

func (s *service) bucketHost(bucket string) string { return bucket + "." + s.zoneHost(s.zones[0]) }
