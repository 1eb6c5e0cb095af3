package config

import (
	"net/netip"
	"strings"
)

// unsafe warns about settings that protect less than it seems.
func (b *builder) unsafe() {
	people := false // who have passwords or cookies to lose
	for _, e := range b.cfg.Endpoints {
		people = people || e.Login != nil || e.Auth != nil
		if e.WebSocket != nil && e.Auth != nil {
			b.unsafeSocket(e)
		}
	}
	people = people || b.cfg.FolderAccess.Auth != nil
	listen := b.cfg.App.Listen
	if people && listen.TLS == nil && !isLoopback(listen.Address) && !behindProxy(listen.TrustedProxies) {
		b.r.warnf(ruleWarnPlain, b.addressPos, "app.listen.address",
			"logins over plain HTTP can be read on their way; set app.listen.tls, or name the proxy that speaks HTTPS in app.listen.trusted_proxies")
	}
}

// behindProxy reports whether proxies elsewhere are trusted.
func behindProxy(proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Bits() > 0 && !p.Addr().IsLoopback() {
			return true
		}
	}
	return false
}

func (b *builder) unsafeSocket(e *Endpoint) {
	path := join(join("url", e.Name), "kwargs")
	if !e.Auth.asks("GET") {
		b.r.warnf(ruleWarnMethods, e.Auth.methodsPos, join(e.Auth.path, "methods"),
			"a WebSocket opens with GET, which is not in it: its endpoints are open to everybody")
	}
	for _, o := range e.WebSocket.Origins {
		switch {
		case o.Text == anyOrigin:
			b.r.warnf(ruleWarnOrigins, o.Pos, join(path, "origins"),
				"lets the pages of every site open this WebSocket as the user whose browser shows them; name the sites")
		case withSubdomains(o.Text):
			b.r.warnf(ruleWarnOrigins, o.Pos, join(path, "origins"),
				"lets every subdomain open this WebSocket as the user, and one that is taken over is enough; a full origin, such as https://example.com, is only itself")
		}
	}
}

// withSubdomains reports whether an entry of origins: stands for hosts below
// the one that it names, too. Those of localhost are this machine.
func withSubdomains(origin string) bool {
	if strings.Contains(origin, "://") || origin == "null" {
		return false
	}
	host := origin
	if i := strings.LastIndexByte(origin, ':'); i >= 0 && !strings.HasSuffix(origin, "]") {
		host = origin[:i]
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	return err != nil && !isLoopback(strings.TrimPrefix(host, "*."))
}
