package httpd

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// origin is where a request comes from, as far as it can be believed.
type origin struct {
	addr   string // "ip:port"; the port is 0 if a header named the address
	scheme string // "http" or "https"
}

// believe finds out who sent r, and over what. Headers count only if the
// direct peer is a trusted proxy:
//
//   - X-Real-Ip names the client, as it does for Tornado: proxies replace it,
//     while X-Forwarded-For may also come from the client's own network. Of
//     several lines the last counts.
//   - X-Forwarded-For counts where X-Real-Ip is missing or only names another
//     trusted proxy. All its lines are one list, read from its end: the first
//     address that is no trusted proxy is the client. Reading stops at an entry
//     that is no address. If only proxies are named, the one furthest away is
//     the client.
//   - X-Scheme wins over X-Forwarded-Proto; of several values the last, which
//     the nearest proxy added, counts.
//
// A header that makes no sense is as good as none. X-Forwarded-Host,
// X-Forwarded-Port and Forwarded are not used.
func believe(r *http.Request, trusted []netip.Prefix) origin {
	from := origin{addr: r.RemoteAddr, scheme: "http"}
	if r.TLS != nil {
		from.scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return from
	}
	from.addr = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()).String()
	if !within(trusted, peer.Addr()) {
		return from
	}
	client, ok := headerAddr(last(r.Header.Values("X-Real-Ip")))
	if !ok || within(trusted, client) {
		if further, found := forwardedFor(r.Header.Values("X-Forwarded-For"), trusted); found {
			client, ok = further, true
		}
	}
	if ok {
		from.addr = netip.AddrPortFrom(client, 0).String()
	}
	if scheme, ok := headerScheme(r.Header.Values("X-Scheme")); ok {
		from.scheme = scheme
	} else if scheme, ok := headerScheme(r.Header.Values("X-Forwarded-Proto")); ok {
		from.scheme = scheme
	}
	return from
}

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func forwardedFor(lines []string, trusted []netip.Prefix) (client netip.Addr, ok bool) {
	rest := strings.Join(lines, ",")
	for more := true; more; {
		var entry string
		if i := strings.LastIndexByte(rest, ','); i >= 0 {
			rest, entry = rest[:i], rest[i+1:]
		} else {
			entry, more = rest, false
		}
		addr, valid := headerAddr(entry)
		if !valid {
			break
		}
		client, ok = addr, true
		if !within(trusted, addr) {
			break
		}
	}
	return client, ok
}

// headerAddr reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]"
// or "[2001:db8::1]:80".
func headerAddr(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(text); err == nil {
			addr = withPort.Addr()
		} else if inner, found := strings.CutPrefix(text, "["); found {
			if inner, found = strings.CutSuffix(inner, "]"); found {
				addr, err = netip.ParseAddr(inner)
			}
		}
	}
	if err != nil || addr.Zone() != "" || addr.IsUnspecified() {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

func headerScheme(lines []string) (scheme string, ok bool) {
	line := last(lines)
	if i := strings.LastIndexByte(line, ','); i >= 0 {
		line = line[i+1:]
	}
	switch strings.ToLower(strings.Trim(line, " \t")) {
	case "http", "ws":
		return "http", true
	case "https", "wss": // what some proxies say of a WebSocket
		return "https", true
	}
	return "", false
}

func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// viaProxy reports whether any proxy has left its mark on the headers.
func viaProxy(h http.Header) bool {
	for name := range h {
		switch name {
		case "X-Real-Ip", "X-Scheme", "Forwarded", "Via":
			return true
		}
		if strings.HasPrefix(name, "X-Forwarded") {
			return true
		}
	}
	return false
}
