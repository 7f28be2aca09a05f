package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// errRefused is returned instead of a connection to an address that users must not reach.
var errRefused = errors.New("the address is refused")

// unreachable4 are the addresses that are not anybody's in the Internet, and those with a meaning of their own in a cloud.
var unreachable4 = prefixes(`
	0.0.0.0/8          this network
	10.0.0.0/8         private
	100.64.0.0/10      behind the NAT of a provider; metadata of a cloud
	127.0.0.0/8        this machine
	168.63.129.16/32   platform of a cloud
	169.254.0.0/16     link; metadata of most clouds
	172.16.0.0/12      private
	192.0.0.0/24       protocols; metadata of a cloud
	192.0.2.0/24       documentation
	192.88.99.0/24     relays from IPv6 to IPv4
	192.168.0.0/16     private
	198.18.0.0/15      benchmarks
	198.51.100.0/24    documentation
	203.0.113.0/24     documentation
	224.0.0.0/4        multicast
	240.0.0.0/4        reserved, and broadcast
`)

// global6 is where all unicast addresses of the Internet are. Everything beyond is refused: this machine, links, sites, multicast, and
// the prefixes that carry an IPv4 address (::ffff:0:0/96 is unwrapped before, ::/96 and 64:ff9b::/96 are not).
var global6 = netip.MustParsePrefix("2000::/3")

// unreachable6 are the exceptions within.
var unreachable6 = prefixes(`
	2001::/23          protocols, Teredo and benchmarks
	2001:db8::/32      documentation
	2002::/16          carries an IPv4 address
	3fff::/20          documentation
`)

func prefixes(table string) []netip.Prefix {
	var list []netip.Prefix
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 0 {
			list = append(list, netip.MustParsePrefix(fields[0]))
		}
	}
	return list
}

// refused reports whether users must not reach an address.
func refused(a netip.Addr) bool {
	a = a.Unmap()
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	if a.Is4() {
		return slices.ContainsFunc(unreachable4, within)
	}
	return !global6.Contains(a) || // nor does it contain an address with a zone
		slices.ContainsFunc(unreachable6, within)
}

// control refuses connections, each before it is made: address is what a name has led to.
func (c *Client) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	if c.refuses == nil {
		return nil
	}
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if c.refuses(a.Addr()) {
		return errRefused
	}
	return nil
}

// same reports whether both ends of a connection have one IP address.
func same(a, b net.Addr) bool {
	x, ok := a.(*net.TCPAddr)
	y, ok2 := b.(*net.TCPAddr)
	return ok && ok2 && x.IP.Equal(y.IP)
}
