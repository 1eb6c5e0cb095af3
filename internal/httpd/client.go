package httpd

import (
	"net/http"
	"net/netip"
	"time"
)

// cameKey is the context key of a request's *came.
type cameKey struct{}

// came is how a request reached the server. It does not change.
type came struct {
	server *Server
	peer   string     // the direct peer's "ip:port" as net/http gave it
	client netip.Addr // the client; the zero Addr if it has no IP address
	proxy  bool       // client is a trusted proxy: it has named nobody
}

// ClientAddr returns the address by which a client's share of a limit is
// counted: what trusted proxies say it is, and of an IPv6 address the network
// of 64 bits, since whoever has one address of it has all. ok is false if there
// is none to count: r did not come through a Server or not over IP; or it came
// from a trusted proxy that names no client, whose own address stands for many.
// The log then says so, once an hour for each proxy.
func ClientAddr(r *http.Request) (addr netip.Addr, ok bool) {
	if c := cameOf(r); c != nil && c.proxy {
		c.server.logSilentProxy(c.client)
	}
	return QuietClientAddr(r)
}

// QuietClientAddr is ClientAddr for what does well without an address: it logs
// nothing. At a developer's machine, loopback is such a proxy.
func QuietClientAddr(r *http.Request) (addr netip.Addr, ok bool) {
	c := cameOf(r)
	if c == nil || !c.client.IsValid() || c.proxy {
		return netip.Addr{}, false
	}
	return countedAs(c.client), true
}

// cameOf is how r reached the server, or nil if it did not.
func cameOf(r *http.Request) *came {
	c, _ := r.Context().Value(cameKey{}).(*came)
	return c
}

// countedAs returns addr, or the first of its network if that is IPv6.
func countedAs(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

func (s *Server) logSilentProxy(proxy netip.Addr) {
	if s.silentProxies.due(proxy.String(), time.Now()) {
		s.log.Warn("a trusted proxy does not say whom it asks for: what comes through it is not limited by address; "+
			"let it set X-Real-Ip, or take it out of app.listen.trusted_proxies", "proxy", proxy)
	}
}

// cameBy returns how a request from peer came, which is believed to come from
// the given origin.
func (s *Server) cameBy(peer string, from origin) *came {
	c := &came{server: s, peer: peer}
	if at, err := netip.ParseAddrPort(from.addr); err == nil {
		c.client = at.Addr().Unmap().WithZone("")
		c.proxy = within(s.opt.TrustedProxies, c.client)
	}
	return c
}
