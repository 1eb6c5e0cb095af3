package config

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// A key is one key that may be written in a section.
type key struct {
	name    string
	mapping bool // it holds a mapping, and without a value an empty one
}

// A section is a mapping with a fixed set of keys.
type section struct {
	path string // as it is shown: "app.listen", "url.NAME.kwargs"
	keys []key
}

// sections are all mappings with fixed keys: by name, which is their path, or
// for kwargs the handler they belong to. What stands deeper has a name of its
// own.
var sections = map[string]section{
	"": {"", []key{
		{"app", true},
		{"url", true},
		{"variables", true},
		{"import", true},
		{"log", true},
		{"python", true},
		{"starlark", true},
		{"handlers", true},
		{"runtime", false},
	}},
	"app": {"app", []key{
		{"listen", true},
		{"session", true},
		{"settings", true},
		{"limits", true},
		{"drain", true},
		{"shutdown_timeout", false},
		{"auth", false},
		{"token", false},
	}},
	"app.listen":     {"app.listen", keys("port", "address", "trusted_proxies", "tls", "driver", "loops")},
	"app.listen.tls": {"app.listen.tls", keys("cert", "key")},
	"app.session":    {"app.session", keys("type", "path", "cookie", "domain", "expiry")},
	"app.settings":   {"app.settings", keys("cookie_secret", "login_url")},
	"app.limits":     {"app.limits", keys("connections", "connections_per_address", "handshakes")},
	"app.drain":      {"app.drain", keys("over")},
	"log":            {"log", keys("level", "format")},
	"python":         {"python", keys("executable", "workers", "hang_timeout", "path")},
	"starlark":       {"starlark", keys("max_steps", "timeout")},
	"handlers": {"handlers", []key{
		{baseHandler, true},
		{webSocketHandler, true},
		{functionHandler, true},
		{fileHandler, true},
		{simpleAuth, true},
		{logoutHandler, true},
	}},
	"url": {"url.NAME", []key{
		{"pattern", false},
		{"handler", false},
		{"service", false},
		{"priority", false},
		{"runtime", false},
		{"kwargs", true},
	}},
	webSocketHandler: {"url.NAME.kwargs", keys("open", "on_message", "on_close", "on_pong", "select_subprotocol",
		"origins", "max_message_size", "ping_interval", "ping_timeout", "idle_timeout",
		"slow", "outbox", "compression", "rate", "headers", "auth", "validate", "token")},
	compressionKwarg: {"url.NAME.kwargs.compression", keys("threshold", "level", "context_takeover")},
	rateKwarg:        {"url.NAME.kwargs.rate", keys("messages", "bytes", "burst", "over")},
	functionHandler:  {"url.NAME.kwargs", keys("function", "args", "kwargs", "headers", "auth", "validate")},
	fileHandler:      {"url.NAME.kwargs", keys("path", "default_filename", "ignore", "allow", "headers", "auth", "validate")},
	simpleAuth: {"url.NAME.kwargs", keys("credentials", "template", "delay", "redirect",
		"session_expiry", "session_inactive", "user", "password")},
	logoutHandler: {"url.NAME.kwargs", keys("redirect")},
	authKwarg:     {"url.NAME.kwargs.auth", keys("login_url", "query", "membership", "condition", "methods")},
	validateKwarg: {"url.NAME.kwargs.validate", keys("function", "code", "reason")},
	tokenKwarg: {"url.NAME.kwargs.token", keys("from", "secret", "key", "jwks", "algorithms", "issuer", "audience",
		"user", "grace", "ticket")},
	redirectKwarg: {"url.NAME.kwargs.redirect", keys("query", "header", "url")},
	fieldKwarg:    {"url.NAME.kwargs.user", keys("arg")},
	"step":        {"", keys("name", "function", "args", "kwargs")},
}

// Sections inside kwargs.
const (
	compressionKwarg = "compression"
	rateKwarg        = "rate"
	authKwarg        = "auth"
	validateKwarg    = "validate"
	tokenKwarg       = "token"
	redirectKwarg    = "redirect"
	fieldKwarg       = "user and password"
)

func keys(names ...string) []key {
	list := make([]key, len(names))
	for i, name := range names {
		list[i].name = name
	}
	return list
}

func known(section, name string) bool {
	return slices.ContainsFunc(sections[section].keys, func(k key) bool { return k.name == name })
}

// namesIn returns the keys of a section. Under handlers.BaseHandler stand those
// of every handler.
func namesIn(in string) []string {
	var names []string
	if in == baseHandler {
		for _, handler := range handlers {
			names = append(names, namesIn(handler)...)
		}
	}
	for _, k := range sections[in].keys {
		names = append(names, k.name)
	}
	return names
}

// conditional reports whether key is one of Gramex's "key if condition".
func conditional(key string) bool { return strings.Contains(key, " if ") }

// unknownKey reports a key that its section does not have. endpoint is the
// name of the endpoint it stands in, "" for none.
func (r *report) unknownKey(e *entry, in, endpoint, path string) {
	hint, gramex := gramexKey(in, e.key)
	home, guards := guardKeys[e.key]
	switch {
	case opensAccess(e):
	case e.key == "auth" && isLogin(in):
		r.warnf(ruleWarnLoginAuth, e.pos, path, "ignored: a %s is for everybody, since who comes to it is not logged in", in)
	case contains(accessKeys, e.key):
		what := "this app"
		if endpoint != "" {
			what = "this endpoint"
		}
		r.addf(ruleAccess, e.pos, path, "not supported yet; refusing to serve %s unprotected", what)
	case conditional(e.key):
		r.addf(ruleCondition, e.pos, path, "conditions in keys are not supported yet")
	case gramex:
		if hint != "" {
			hint = "; " + hint
		}
		r.addf(ruleGramex, e.pos, path, "not supported yet%s", hint)
	case guards:
		r.addf(ruleAccess, e.pos, path, "protects nothing here; it belongs in %s", home)
	default:
		hint := didYouMean(e.key, namesIn(in), "")
		if alias, ok := handlerAliases[e.key]; ok && in == "handlers" {
			hint = " (write " + alias + ")"
		}
		if hint == "" {
			hint = elsewhere(e.key)
		}
		r.addf(ruleUnknown, e.pos, path, "unknown key%s", hint)
	}
}

// gramexKey reports whether a key is one of Gramex's that Parley does not have
// in this section, with a hint if there is one.
func gramexKey(in, name string) (hint string, ok bool) {
	places := []string{in}
	if in == baseHandler {
		places = handlers
	}
	for _, place := range places {
		if hint, ok = gramexKeys[place][name]; ok {
			return hint, true
		}
	}
	switch {
	case in == "handlers":
		return "", contains(gramexHandlers, name)
	case in == "url", in == baseHandler, contains(handlers, in):
		hint, ok = baseHandlerKeys[name]
	}
	return hint, ok
}

// opensAccess reports whether a key that restricts access says itself that it
// does not.
func opensAccess(e *entry) bool {
	return e.value.kind == boolean && e.value.value == false && contains(switchableKeys, e.key)
}

// isLogin reports whether a handler is one that everybody may use.
func isLogin(handler string) bool { return handler == simpleAuth || handler == logoutHandler }

// elsewhere returns a hint that names the one place where a key may stand; ""
// if it is unknown or there are several.
func elsewhere(name string) string {
	hint := ""
	for in, s := range sections {
		switch {
		case in == "step" || in == validateKwarg || !known(in, name):
			continue
		case hint != "":
			return ""
		case contains(handlers, in):
			hint = " (it belongs in the kwargs of a " + in + ")"
		case s.path == "":
			hint = " (it belongs at the top level)"
		default:
			hint = " (it belongs in " + s.path + ")"
		}
	}
	return hint
}

// DidYouMean returns " (did you mean x?)" for the name that is like the given
// one; "" if none is.
func DidYouMean(name string, names []string) string { return didYouMean(name, names, "") }

// didYouMean is DidYouMean with before before both names.
func didYouMean(name string, names []string, before string) string {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	most := max(2, len(name)/3)
	if len(name) < 4 {
		most = 1
	}
	best, least := "", most+1
	for _, n := range names {
		if d := levenshtein.ComputeDistance(plain(name), plain(n)); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + before + best + "?)"
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
