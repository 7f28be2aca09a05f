package wire

import "strings"

// maxDomain is how many bytes a domain name may have.
const maxDomain = 253

// DomainRule says in words what IsDomain asks for.
const DomainRule = "a domain name of two labels or more, such as img.example.com: 1 to 63 of a-z, 0-9 and - between dots, " +
	"neither beginning nor ending with -, the last one beginning with a letter, 253 bytes in all; names in other alphabets in their form xn--…"

// IsDomain reports whether a name in lower case can be a domain that leads to a bucket. An IP address in whatever form is none, since
// the last label begins with a letter; nor is a name without a dot, which only a local network knows.
func IsDomain(name string) bool {
	if len(name) > maxDomain {
		return false
	}
	begin := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if !isLabel(name[begin:i]) {
				return false
			}
			begin = i + 1
		case (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-':
			return false
		}
	}
	last := name[begin:]
	return begin > 0 && isLabel(last) && last[0] >= 'a'
}

// isLabel reports whether s, of the right characters, is as long as a label and does not begin or end with a hyphen.
func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
}

// Foreign returns the name in a Host header, and whether it can be a domain that was bound to a bucket: one that is not ours.
func (h *Hosts) Foreign(host string) (name string, ok bool) {
	name = Hostname(host)
	return name, IsDomain(name) && !h.Owns(name)
}

// Owns reports whether a host name is the service's own, or below it.
func (h *Hosts) Owns(name string) bool { return within(name, h.Domain) || within(name, localhost) }

// within reports whether name is domain or below it.
func within(name, domain string) bool {
	n := len(name) - len(domain)
	return strings.HasSuffix(name, domain) && (n == 0 || n > 0 && name[n-1] == '.')
}
