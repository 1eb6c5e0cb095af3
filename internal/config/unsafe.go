package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// unsafe warns about settings that protect less than it seems.
func (b *builder) unsafe() {
	people := b.cfg.FolderAccess.Auth != nil // who have passwords, tokens or cookies to lose
	for _, e := range b.cfg.Endpoints {
		people = people || e.Login != nil || e.Auth != nil || e.WebSocket != nil && e.WebSocket.Token != nil
	}
	for _, e := range b.cfg.Endpoints {
		switch {
		case e.WebSocket == nil:
		case e.Auth != nil:
			b.unsafeSocket(e)
		case people:
			b.openToAllSites(e)
		}
	}
	if people {
		b.unsafeWays()
	}
}

// unsafeWays warns about ways on which what people have to lose is lost.
func (b *builder) unsafeWays() {
	listen := b.cfg.App.Listen
	if listen.TLS == nil && !isLoopback(listen.Address) && !behindProxy(listen.TrustedProxies) {
		b.r.warnf(ruleWarnPlain, b.addressPos, "app.listen.address",
			"logins over plain HTTP can be read on their way; set app.listen.tls, or name the proxy that speaks HTTPS in app.listen.trusted_proxies")
	}
	const most = 400 * day // no browser keeps a cookie for longer (RFC 6265bis)
	if b.cfg.App.Session.Expiry > most {
		b.r.warnf(ruleWarnLong, b.expiryPos, "app.session.expiry",
			"is longer than browsers keep a cookie, and whoever gets hold of one can use it for as long; 31 days is the default")
	}
}

// behindProxy reports whether proxies elsewhere are trusted.
func behindProxy(proxies []netip.Prefix) bool {
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return !tooWide(p) && !p.Addr().IsLoopback() })
}

// tooWide reports whether p holds a part of the Internet that nobody owns.
func tooWide(p netip.Prefix) bool { return p.Bits() < 8 && !p.Addr().IsPrivate() }

func (b *builder) unsafeSocket(e *Endpoint) {
	path := join(join("url", e.Name), "kwargs")
	if !e.Auth.asksGET() {
		b.r.warnf(ruleWarnMethods, e.Auth.methodsPos, join(e.Auth.path, "methods"),
			"a WebSocket opens with GET, which is not in it: its endpoints are open to everybody")
	}
	b.openToAllSites(e)
	for _, o := range e.WebSocket.Origins {
		switch {
		case withSubdomains(o.Text):
			b.r.warnf(ruleWarnOrigins, o.Pos, join(path, "origins"),
				"lets every subdomain open this WebSocket as the user, and one that is taken over is enough; a full origin, such as https://example.com, is only itself")
		case isPlain(o.Text):
			b.r.warnf(ruleWarnOrigins, o.Pos, join(path, "origins"),
				"pages that come over plain HTTP can be changed on their way, and then open this WebSocket as the user; write https://")
		}
	}
}

// openToAllSites warns about entries of origins: that stand for the pages of
// every site.
func (b *builder) openToAllSites(e *Endpoint) {
	path := join(join("url", e.Name), "kwargs.origins")
	instead := "name the sites"
	if e.Auth == nil {
		instead = "name the sites, or remove the key: others then come without the user's cookie"
	}
	for _, o := range e.WebSocket.Origins {
		switch o.Text {
		case anyOrigin:
			b.r.warnf(ruleWarnOrigins, o.Pos, path,
				"lets the pages of every site open this WebSocket as the user whose browser shows them; %s", instead)
		case nullOrigin:
			b.r.warnf(ruleWarnOrigins, o.Pos, path,
				"lets the pages of every site open this WebSocket as the user: each can have a frame without an origin; %s", instead)
		}
	}
}

// nullOrigin is the origin of sandboxed frames and local files.
const nullOrigin = "null"

// withSubdomains reports whether an entry of origins: stands for hosts below
// the one that it names, too. Those of localhost are this machine.
func withSubdomains(origin string) bool {
	if strings.Contains(origin, "://") || origin == nullOrigin || origin == anyOrigin {
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

// isPlain reports whether a URL, or an origin, is one of http: on another
// machine.
func isPlain(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http" && !isLoopback(u.Hostname())
}

// loginURL wants a page to log in.
func (b *builder) loginURL(to *string, e *entry, path string) {
	b.page(to, e, path)
	if isPlain(*to) {
		b.r.warnf(ruleWarnLoginURL, e.value.pos, path, "is a page over plain HTTP, where passwords can be read on their way; write https://")
	}
}
