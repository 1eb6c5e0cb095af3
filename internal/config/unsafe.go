package config

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// What has to be told once all of the app is known: where people log in, and
// what is not as safe as it looks.

// plainPath returns the only path that a pattern matches, escaped; "" if it
// matches others, too.
func plainPath(pattern string) string {
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	re, err := regexp.Compile(pattern)
	if err != nil {
		return ""
	}
	path, whole := re.LiteralPrefix()
	if !whole {
		return ""
	}
	return (&url.URL{Path: path}).EscapedPath()
}

// loginPages gives every Auth without a login_url: its login page, and warns
// once if there is none.
func (b *builder) loginPages() {
	page := cmp.Or(b.cfg.App.Settings.LoginURL, b.loginPage)
	logins := false
	for _, e := range b.cfg.Endpoints {
		logins = logins || e.Login != nil
	}
	advice := "nobody can log in here, and everybody gets 401: add a SimpleAuth endpoint, or name a login page in login_url:"
	if logins {
		advice = "browsers that have not logged in get 401, since no SimpleAuth has a plain path for its pattern: name the login page in login_url:"
	}
	var without []Problem
	b.guarded(func(a *Auth, token *Token) {
		if a.LoginURL == "" && !a.noLogin {
			a.LoginURL = page
		}
		known := a.LoginURL != "" || a.noLogin && (logins || page != "")
		if !known && (token == nil || !token.HasJWT()) {
			without = append(without, newProblem(ruleWarnLogin, a.Pos, a.path, advice))
		}
	})
	if len(without) > 0 {
		b.r.warnings = append(b.r.warnings, inFileOrder(without, b.r.files)[0])
	}
	b.guarded(func(a *Auth, _ *Token) {
		if a.LoginURL != "" && b.asksForLogin(a.LoginURL) {
			b.r.warnf(ruleWarnPage, a.Pos, a.path,
				"the login page it sends browsers to asks for a login itself, so that nobody gets there; write  auth: false  for that page")
		}
	})
}

// guarded calls fn for every Auth of the app, with the token: of its endpoint.
func (b *builder) guarded(fn func(a *Auth, token *Token)) {
	for _, e := range b.cfg.Endpoints {
		switch {
		case e.Auth == nil:
		case e.WebSocket != nil:
			fn(e.Auth, e.WebSocket.Token)
		default:
			fn(e.Auth, nil)
		}
	}
	if a := b.cfg.FolderAccess.Auth; a != nil {
		fn(a, nil)
	}
}

// asksForLogin reports whether a page of this server is for users only.
func (b *builder) asksForLogin(page string) bool {
	u, err := url.Parse(page)
	if err != nil || u.Host != "" {
		return false
	}
	access := b.cfg.FolderAccess
	for _, e := range b.cfg.Endpoints {
		if e.Regexp != nil && e.Regexp.MatchString(u.Path) {
			access = e.Access
			break
		}
	}
	return access.Auth != nil && access.Auth.asks("GET")
}

// asks reports whether a request with the method needs a user.
func (a *Auth) asks(method string) bool { return a.Methods == nil || contains(a.Methods, method) }

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
