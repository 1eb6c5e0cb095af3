package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (d *dumper) access(a Access) {
	d.auth(1, "auth", a.Auth)
	for _, v := range a.Validate {
		d.functionAt(1, fmt.Sprintf("validate code=%d reason=%q", v.Code, v.Reason), v.Function)
	}
}

func (d *dumper) auth(indent int, what string, a *Auth) {
	if a == nil {
		return
	}
	d.line(indent, "%s: %s implied=%t login_url=%s query=%s methods=%s", what, a.Pos, a.Implied, a.LoginURL, a.Query, strings.Join(a.Methods, ","))
	for _, g := range a.Membership {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(g)) {
			parts = append(parts, fmt.Sprintf("%s=%q", name, g[name]))
		}
		d.line(indent+1, "member: %s", strings.Join(parts, " "))
	}
	d.functionAt(indent+1, "condition", a.Condition)
}

func (d *dumper) token(indent int, what string, t *Token) {
	if t == nil {
		return
	}
	d.line(indent, "%s: %s header=%t query=%t subprotocol=%t grace=%v ticket=%v", what, t.Pos, t.Header, t.Query, t.Subprotocol, t.Grace, t.Ticket)
	for _, s := range t.Secrets {
		d.line(indent+1, "secret: %s %v", s.Pos, s)
	}
	for _, k := range t.Keys {
		d.line(indent+1, "key: %s %s", k.Pos, k.Path)
	}
	if t.JWKS != "" {
		d.line(indent+1, "jwks: %s %s", t.JWKSPos, t.JWKS)
	}
	d.line(indent+1, "algorithms=%s issuer=%s audience=%q", strings.Join(t.Algorithms, ","), t.Issuer, t.Audience)
	for _, c := range t.User {
		d.line(indent+1, "user: %s=%s", c.Attribute, c.Path)
	}
}

func (d *dumper) login(l *Login) {
	for _, c := range l.Credentials {
		d.line(1, "user: %s %s password=%v attributes=%s", c.Pos, c.Name, c.Password, c.Attributes)
	}
	d.line(1, "template=%s delay=%v user=%s password=%s", l.Template, l.Delay, l.UserField, l.PasswordField)
	d.line(1, "session_expiry=%v session_inactive=%v", l.SessionExpiry, l.SessionInactive)
	d.redirect(l.Redirect)
}

func (d *dumper) redirect(r Redirect) {
	d.line(1, "redirect: query=%s header=%s url=%s", r.Query, r.Header, r.URL)
}
