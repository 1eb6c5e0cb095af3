package config

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
)

// page wants somewhere a browser can be sent to: a path of this server, or a
// URL.
func (b *builder) page(to *string, e *entry, path string) {
	var text string
	if !b.text(&text, e, path) {
		return
	}
	page, ok := pageURL(text)
	if !ok {
		b.r.addf(rulePage, e.value.pos, path,
			"%s is neither a path of this server, which begins with one /, nor a URL that begins with https:// or http://",
			e.value.shown())
		return
	}
	*to = page
}

// pageURL returns a path or URL escaped. What browsers take for another host
// than it seems to be is none.
func pageURL(text string) (string, bool) {
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' || c == '#' }) {
		return "", false
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.User != nil:
		return "", false
	case strings.HasPrefix(text, "/"):
		if strings.HasPrefix(text, "//") {
			return "", false
		}
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "", false
	}
	return u.String(), true
}

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
	page, _ := pageURL((&url.URL{Path: path}).EscapedPath())
	return page
}

// loginPages gives every Auth without a login_url: its login page, and warns
// once if there is none.
func (b *builder) loginPages() {
	page := cmp.Or(b.cfg.App.Settings.LoginURL, b.loginPage)
	logins := false
	for _, e := range b.cfg.Endpoints {
		logins = logins || e.Login != nil
	}
	var without []Problem
	b.guarded(func(a *Auth, socket *WebSocket) {
		if a.LoginURL == "" && !a.noLogin {
			a.LoginURL = page
		}
		switch {
		case a.LoginURL != "" || socket != nil && socket.Token != nil && socket.Token.HasJWT():
		case !logins && page == "":
			without = append(without, newProblem(ruleWarnLogin, a.Pos, a.path,
				"nobody can log in here, and everybody gets 401: add a SimpleAuth endpoint, or name a login page in login_url:"))
		case !a.noLogin && socket == nil:
			without = append(without, newProblem(ruleWarnLogin, a.Pos, a.path,
				"browsers that have not logged in get 401, since no SimpleAuth has a plain path for its pattern: name the login page in login_url:"))
		}
	})
	if len(without) > 0 {
		b.r.warnings = append(b.r.warnings, inFileOrder(without, b.r.files)[0])
	}
	b.guarded(func(a *Auth, socket *WebSocket) {
		if socket == nil && a.LoginURL != "" && b.asksForLogin(a.LoginURL) {
			b.r.warnf(ruleWarnPage, a.Pos, a.path,
				"the login page it sends browsers to asks for a login itself, so that nobody gets there; write  auth: false  for that page")
		}
	})
}

// guarded calls fn for every Auth of the app, with the WebSocket that it
// guards; that is nil for pages.
func (b *builder) guarded(fn func(a *Auth, socket *WebSocket)) {
	for _, e := range b.cfg.Endpoints {
		if e.Auth != nil {
			fn(e.Auth, e.WebSocket)
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
	return access.Auth != nil && access.Auth.asksGET()
}

// asksGET reports whether a request with GET needs a user.
func (a *Auth) asksGET() bool { return a.Methods == nil || contains(a.Methods, "GET") }
