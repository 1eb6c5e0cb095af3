package config

import (
	"encoding/json"
	"os"
	"time"
)

func (b *builder) simpleAuth(at *entry, kwargs *node, endpoint, path string) *Login {
	to := &Login{UserField: "user", PasswordField: "password"}
	f := b.fields(kwargs, simpleAuth, endpoint, path)
	if !b.partial && !hasKey(kwargs, "credentials") && kwargs.kind == mapping {
		b.r.addf(ruleMissing, at.pos, join(path, "credentials"), "missing; it has the users and their passwords")
	}
	to.Credentials = b.credentials(f["credentials"], join(path, "credentials"))
	if e := f["template"]; b.text(&to.Template, e, join(path, "template")) {
		to.Template = b.absolute(to.Template)
		if info, err := os.Stat(to.Template); err != nil || !info.Mode().IsRegular() {
			b.r.addf(ruleTemplate, e.value.pos, join(path, "template"), "no such file in the app's folder: %s", e.value.shown())
		}
	}
	to.Delay = b.delay(f["delay"], join(path, "delay"))
	to.Redirect = b.redirect(f["redirect"], endpoint, join(path, "redirect"))
	b.sessionTime(&to.SessionExpiry, f["session_expiry"], join(path, "session_expiry"))
	if to.SessionExpiry > b.cfg.App.Session.Expiry {
		b.r.warnf(ruleWarnExpiry, f["session_expiry"].value.pos, join(path, "session_expiry"),
			"is longer than app.session.expiry: a browser that loads no page for so long is logged out before")
	}
	b.sessionTime(&to.SessionInactive, f["session_inactive"], join(path, "session_inactive"))
	b.field(&to.UserField, f["user"], endpoint, join(path, "user"))
	b.field(&to.PasswordField, f["password"], endpoint, join(path, "password"))
	if to.UserField == to.PasswordField {
		at, name := f["password"], "password"
		if at == nil {
			at, name = f["user"], "user"
		}
		b.r.addf(ruleName, at.value.pos, join(path, name), "user: and password: need fields of different names")
	}
	return to
}

// logout reads the kwargs of a LogoutHandler.
func (b *builder) logout(kwargs *node, endpoint, path string) *Logout {
	f := b.fields(kwargs, logoutHandler, endpoint, path)
	return &Logout{Redirect: b.redirect(f["redirect"], endpoint, join(path, "redirect"))}
}

func (b *builder) credentials(e *entry, path string) []Credential {
	n := b.mappingOf(e, path)
	if e != nil && e.value.kind == mapping && len(n.entries) == 0 {
		b.r.addf(ruleNoValue, e.value.pos, path, "is empty, and nobody can log in; name a user")
	}
	var all []Credential
	for _, user := range n.entries {
		all = append(all, b.credential(user, join(path, user.key)))
	}
	return all
}

// credential reads one user: a password, or a mapping with password: and
// attributes.
func (b *builder) credential(e *entry, path string) Credential {
	to := Credential{Name: e.key, Attributes: json.RawMessage("{}"), Pos: e.pos}
	if !isLine(e.key) {
		b.r.addf(ruleCredential, e.pos, path, "cannot be a user's name: it is empty, or has spaces at its ends or control characters")
	} else if len(e.key) > maxUserName {
		b.r.addf(ruleCredential, e.pos, path, "cannot be a user's name: it is longer than %d bytes", maxUserName)
	}
	if e.value.kind != mapping {
		b.password(&to.Password, e, path)
		return to
	}
	attributes := &node{kind: mapping, pos: e.value.pos}
	for _, a := range e.value.entries {
		switch a.key {
		case "password":
			b.password(&to.Password, a, join(path, a.key))
		case "id", "user":
			b.r.addf(ruleCredential, a.pos, join(path, a.key), "is Parley's own to set: it is the user's name")
		default:
			attributes.entries = append(attributes.entries, a)
		}
	}
	if !hasKey(e.value, "password") {
		b.r.addf(ruleMissing, e.pos, join(path, "password"), "missing; a user without one cannot log in")
	}
	to.Attributes = b.r.json(attributes, path)
	return to
}

// password wants a text that is not empty, and shows it to nobody but
// Options.CheckPassword.
func (b *builder) password(to *Secret, e *entry, path string) {
	to.Pos = e.value.pos
	switch e.value.kind {
	case null:
		b.r.addf(ruleNoValue, e.pos, path, "has no value; a user needs a password")
		return
	case boolean, integer, float:
		b.r.addf(ruleType, e.value.pos, path, "must be text, not %s: put it in quotes", e.value.kind)
		return
	}
	switch {
	case !b.text(&to.Text, e, path) || b.l.opt.CheckPassword == nil:
		return
	case len(to.Text) > maxPassword:
		b.r.addf(rulePassword, e.value.pos, path, "is longer than %d bytes, and no login page takes it", maxPassword)
		return
	}
	switch weakness, err := b.l.opt.CheckPassword(to.Text); {
	case err != nil:
		b.r.addf(rulePassword, e.value.pos, path, "%v", err)
	case weakness != "":
		b.r.warnf(ruleWarnPassword, e.value.pos, path, "%s; write the hash that  parley hash-password  makes", weakness)
	}
}

// delay wants a time, or one for each failure.
func (b *builder) delay(e *entry, path string) []time.Duration {
	if e == nil {
		return nil
	}
	if e.value.kind == list && len(e.value.items) == 0 {
		b.r.addf(ruleNoValue, e.value.pos, path, "is empty; write a time, such as 5, or remove the key")
	}
	var all []time.Duration
	items, paths := oneOrMany(e.value, path)
	for i, v := range items {
		var d time.Duration
		b.durationOrNone(&d, &entry{value: v, pos: v.pos}, paths[i])
		if d > maxDelay {
			b.r.addf(ruleDuration, v.pos, paths[i], "%s is longer than a minute, which is the most", v.shown())
		}
		all = append(all, d)
	}
	if n := len(all); n > 0 && all[n-1] == 0 {
		b.r.warnf(ruleWarnDelay, items[n-1].pos, paths[n-1], "nothing slows down who guesses passwords; remove the key, or write some seconds")
	}
	return all
}

// redirect wants a page, or a mapping. Without one it is ?next= and then /.
func (b *builder) redirect(e *entry, endpoint, path string) Redirect {
	to := Redirect{URL: "/"}
	switch {
	case e == nil:
		to.Query = defaultQuery
	case e.value.kind == text:
		b.page(&to.URL, e, path)
	default:
		f := b.fields(e.value, redirectKwarg, endpoint, path)
		b.name(&to.Query, f["query"], join(path, "query"))
		b.name(&to.Header, f["header"], join(path, "header"))
		b.page(&to.URL, f["url"], join(path, "url"))
	}
	return to
}

// sessionTime wants a number of days, or a duration.
func (b *builder) sessionTime(to *time.Duration, e *entry, path string) {
	if e != nil && (e.value.kind == mapping || e.value.kind == boolean) {
		b.r.addf(ruleGramex, e.value.pos, path, "not supported yet in this form: write a number of days, or a duration such as 30m")
		return
	}
	b.duration(to, e, path, day)
}

// field wants the name of a form's field.
func (b *builder) field(to *string, e *entry, endpoint, path string) {
	if e != nil {
		b.name(to, b.fields(e.value, fieldKwarg, endpoint, path)["arg"], join(path, "arg"))
	}
}
