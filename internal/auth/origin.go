package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// An origin is where a page comes from (RFC 6454), in a form in which equal
// origins are equal values.
type origin struct {
	scheme string // lower case
	host   host
	port   string // the scheme's own if none was given, noPort if it has none
}

// A host is a name or an address, in a form in which equal hosts are equal
// values: lower case, names in ASCII without a last dot, addresses as short as
// they can be written.
type host struct {
	name    string
	address bool
}

// under reports whether h is a name some labels below parent.
func (h host) under(parent host) bool {
	return !h.address && !parent.address && strings.HasSuffix(h.name, "."+parent.name)
}

// maxOrigin is the size in bytes from which an Origin is not looked at: four
// times the longest host name that there is.
const maxOrigin = 1024

// parseOrigin reads exactly scheme://host[:port].
func parseOrigin(text string) (origin, error) {
	if len(text) > maxOrigin {
		return origin{}, errors.New("is too long for an origin")
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return origin{}, errors.New("is not scheme://host")
	}
	scheme = strings.ToLower(scheme)
	if !isScheme(scheme) {
		return origin{}, errors.New("its scheme is none")
	}
	h, port, err := parseHostPort(rest)
	if err != nil {
		return origin{}, err
	}
	if port == "" {
		port = defaultPort(scheme)
	}
	return origin{scheme: scheme, host: h, port: port}, nil
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return noPort
}

// isScheme reports whether s, in lower case, is one (RFC 3986 §3.1).
func isScheme(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// parseHostPort reads host[:port] and nothing more: port is "" if none is
// given.
func parseHostPort(text string) (h host, port string, err error) {
	if i := strings.IndexAny(text, "/?#@\\ \t\r\n"); i >= 0 {
		return host{}, "", fmt.Errorf("has %q, which is no part of a host", text[i])
	}
	var name string
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return host{}, "", errors.New("its [ has no ]")
		}
		name, text = text[:end+1], text[end+1:]
		if text != "" && text[0] != ':' {
			return host{}, "", errors.New("has something other than a port after ]")
		}
	} else {
		if strings.Count(text, ":") > 1 {
			return host{}, "", errors.New("has more than one colon; an IPv6 address stands in brackets: [::1]")
		}
		name, text = cutBefore(text, ':')
	}
	if text != "" {
		port = text[1:]
		// Not "080": a browser never says it so.
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port != strconv.FormatUint(n, 10) {
			return host{}, "", fmt.Errorf("%q is no port", port)
		}
	}
	h, err = parseHost(name)
	return h, port, err
}

// cutBefore is strings.Cut, but sep stays at the beginning of after.
func cutBefore(s string, sep byte) (before, after string) {
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func parseHost(text string) (host, error) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !a.Is6() || a.Zone() != "" {
			return host{}, fmt.Errorf("%s is no IPv6 address", text)
		}
		return host{name: a.String(), address: true}, nil
	}
	name, err := asciiName(text)
	if err != nil {
		return host{}, err
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if !isNumber(last) {
		return host{name: name}, nil
	}
	a, err := netip.ParseAddr(name)
	if err != nil || !a.Is4() {
		return host{}, fmt.Errorf("%q ends with a number and is no IPv4 address", text)
	}
	return host{name: a.String(), address: true}, nil
}

// isNumber reports whether browsers take the last label of a host for a part
// of an IPv4 address (WHATWG URL, "ends in a number").
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// asciiName returns a host name as browsers compare it: lower case, without a
// last dot, its labels in ASCII (UTS #46).
func asciiName(text string) (string, error) {
	name, err := idnaProfile().ToASCII(text)
	if err != nil {
		return "", fmt.Errorf("%q is no host name", text)
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if len(name) > 253 { // RFC 1035 §2.3.4
		return "", errors.New("is too long for a host name")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return "", fmt.Errorf("%q has an empty label", text)
		}
		if len(label) > 63 {
			return "", fmt.Errorf("%q has a label of more than 63 characters", text)
		}
		if i := strings.IndexFunc(label, notInName); i >= 0 {
			return "", fmt.Errorf("has %q, which is no part of a host", label[i])
		}
	}
	return name, nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// idnaProfile maps names as browsers do: hyphens stand anywhere, ß stays ß.
func idnaProfile() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckJoiners(true), idna.CheckHyphens(false),
		idna.StrictDomainName(false), idna.Transitional(false))
}
