package cli

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/replicate"
	"github.com/oisproject/ois/internal/vfs"
)

const (
	minPeerSecret = 32       // characters
	maxPeerFile   = 64 << 10 // bytes
)

// parsePeers reads --peer and the secret that goes with it.
func (f *serveFlags) parsePeers() error {
	for _, text := range f.peerList {
		zone, address, _ := strings.Cut(text, "=")
		u, err := url.Parse(address)
		switch {
		case !label(zone):
			return usagef("--peer %q is not allowed: want ZONE=URL, such as sh1a=https://sh1a.example.com", text)
		case slices.Contains(f.zones, zone):
			return usagef("--peer %q is not allowed: %s is a zone of this server", text, zone)
		case slices.ContainsFunc(f.peers, func(p replicate.Peer) bool { return p.Zone == zone }):
			return usagef("--peer %q is not allowed: there is another for zone %s", text, zone)
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
			return usagef("--peer %q is not allowed: want http://HOST[:PORT] or https://HOST[:PORT] behind the =", text)
		}
		f.peers = append(f.peers, replicate.Peer{Zone: zone, URL: &url.URL{Scheme: u.Scheme, Host: u.Host}})
	}
	if f.peerKeyFile == "" {
		if len(f.peers) > 0 {
			return usagef("--peer needs --peer-key-file, a file with the secret that both servers share")
		}
		return nil
	}
	text, err := vfs.ReadFile(f.disk, f.peerKeyFile, maxPeerFile)
	if err != nil {
		return fmt.Errorf("--peer-key-file: %w", err)
	}
	f.peerSecret = strings.TrimSpace(string(text))
	if len(f.peerSecret) < minPeerSecret || strings.ContainsAny(f.peerSecret, "\r\n") {
		return usagef("--peer-key-file %q is not allowed: want one line of %d characters or more", f.peerKeyFile, minPeerSecret)
	}
	return nil
}
