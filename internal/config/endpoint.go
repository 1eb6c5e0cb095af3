package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// endpoints builds every entry under url: and puts them in route order.
func (b *builder) endpoints(urls []*entry) {
	type place struct {
		pattern  string
		priority int
	}
	first := map[place]*Endpoint{}
	for _, e := range urls {
		end := b.endpoint(e)
		b.cfg.Endpoints = append(b.cfg.Endpoints, end)
		if end.Regexp == nil {
			continue
		}
		if end.Login != nil && b.loginPage == "" {
			b.loginPage = plainPath(end.Pattern)
		}
		at := place{end.Pattern, end.Priority}
		if other := first[at]; other != nil {
			pos := e.value.get("pattern").value.pos
			b.r.warnf(ruleWarnPattern, pos, join(join("url", e.key), "pattern"),
				"is never reached: url.%s, at %s, has the same pattern and comes first", other.Name, other.Pos)
		} else {
			first[at] = end
		}
	}
	slices.SortStableFunc(b.cfg.Endpoints, routeOrder)
}

// routeOrder is Gramex's order: first comes the higher priority, then the pattern
// with more slashes, then the one with fewer * and +.
func routeOrder(a, b *Endpoint) int {
	slashes := func(e *Endpoint) int { return strings.Count(e.Pattern, "/") }
	wildcards := func(e *Endpoint) int { return strings.Count(e.Pattern, "*") + strings.Count(e.Pattern, "+") }
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(slashes(b), slashes(a)),
		cmp.Compare(wildcards(a), wildcards(b)),
	)
}

// endpoint builds one entry under url:. Its Regexp is nil if it has no usable
// pattern.
func (b *builder) endpoint(e *entry) *Endpoint {
	path := join("url", e.key)
	end := &Endpoint{Name: e.key, Pos: e.pos, Kwargs: json.RawMessage("{}")}
	f := b.fields(e.value, "url", e.key, path)
	if e.value.kind != mapping && e.value.kind != null {
		return end
	}
	if _, ok := f["pattern"]; !ok && !hasKey(e.value, "pattern") {
		b.r.addf(ruleMissing, e.pos, join(path, "pattern"), "missing; it says which URL leads here, such as  pattern: /chat")
	} else if b.text(&end.Pattern, f["pattern"], join(path, "pattern")) {
		end.Regexp = b.pattern(end.Pattern, f["pattern"].value, join(path, "pattern"))
	}
	b.number(&end.Priority, f["priority"], join(path, "priority"), -maxPriority, maxPriority)
	b.runtime(&end.Runtime, f["runtime"], join(path, "runtime"))

	kwargs := &node{kind: mapping, pos: e.pos}
	if k := f["kwargs"]; k != nil && k.value.kind != null {
		kwargs = k.value
	}
	named, key := b.named(e, f, path)
	name := handlerName(named)
	if kwargs.kind == mapping {
		kwargs = overlay(kwargs, b.defaults[name])
		end.Kwargs = b.r.json(without(kwargs, "token", "credentials"), join(path, "kwargs"))
	}
	if named != nil && !b.readKwargs(end, name, e, kwargs, join(path, "kwargs")) {
		b.unknownHandler(named, name, join(path, key))
		b.accessOnly(kwargs, end.Name, join(path, "kwargs"))
	}
	return end
}

// without returns the mapping n without some of its keys.
func without(n *node, keys ...string) *node {
	out := &node{kind: mapping, pos: n.pos}
	for _, e := range n.entries {
		if !contains(keys, e.key) {
			out.entries = append(out.entries, e)
		}
	}
	return out
}

// hasKey reports whether the mapping n has the key, with or without a value.
func hasKey(n *node, key string) bool { return n.get(key) != nil }

// named returns the value of handler:, or of service: in its place, and which of
// the two it is; nil if it names nothing, which was reported.
func (b *builder) named(e *entry, f map[string]*entry, path string) (value *node, key string) {
	named, key := f["handler"], "handler"
	if service := f["service"]; service != nil {
		if named != nil {
			b.r.addf(ruleService, service.pos, join(path, "service"), "is another name for handler:; remove one of them")
		}
		named, key = service, "service"
	}
	var name string
	switch {
	case named != nil && b.text(&name, named, join(path, key)):
		return named.value, key
	case named == nil && !hasKey(e.value, "handler") && !hasKey(e.value, "service"):
		b.r.addf(ruleMissing, e.pos, join(path, "handler"), "missing; there are %s", strings.Join(handlers, ", "))
	}
	return nil, key
}

// handlerName returns the handler that a text names; v may be nil.
func handlerName(v *node) string {
	if v == nil {
		return ""
	}
	name := strings.TrimPrefix(v.text, "gramex.handlers.")
	if alias, ok := handlerAliases[name]; ok {
		return alias
	}
	return name
}

// readKwargs lets a handler read its kwargs into end. at is where what is
// missing is reported. It returns false if there is no such handler.
func (b *builder) readKwargs(end *Endpoint, handler string, at *entry, kwargs *node, path string) bool {
	switch handler {
	case webSocketHandler:
		end.WebSocket = b.webSocket(kwargs, end.Name, path)
		var own *Token
		if hasKey(kwargs, "token") {
			own = end.WebSocket.Token
		}
		end.Access = b.access(kwargs, own, end.Name, path)
		if end.Auth == nil && end.WebSocket.Token != nil && !hasKey(kwargs, "auth") && !b.partial {
			b.r.warnf(ruleWarnToken, at.pos, path, "takes the tokens of app.token and asks for none: everybody may open it; write  auth: true, or  auth: false  if that is meant")
		}
	case functionHandler:
		end.Function = b.functionHandler(at, kwargs, end.Name, path)
		end.Access = b.access(kwargs, nil, end.Name, path)
	case fileHandler:
		end.File = b.fileHandler(at, kwargs, end.Name, path)
		end.Access = b.access(kwargs, nil, end.Name, path)
	case simpleAuth:
		end.Login = b.simpleAuth(at, kwargs, end.Name, path)
	case logoutHandler:
		end.Logout = b.logout(kwargs, end.Name, path)
	default:
		return false
	}
	return true
}

func (b *builder) unknownHandler(v *node, name, path string) {
	have := "Parley has " + strings.Join(handlers, ", ")
	switch {
	case contains(gramexHandlers, name):
		b.r.addf(ruleGramexHandler, v.pos, path, "%s is not supported yet; %s", v.shown(), have)
	case strings.Contains(name, "."):
		b.r.addf(ruleHandler, v.pos, path, "unknown handler %s: handlers of one's own are not supported; %s", v.shown(), have)
	default:
		b.r.addf(ruleHandler, v.pos, path, "unknown handler %s%s; %s", v.shown(), didYouMean(name, handlers, ""), have)
	}
}

// accessOnly reports the keys of a handler that is unknown itself, if they
// restrict access.
func (b *builder) accessOnly(kwargs *node, endpoint, path string) {
	for _, e := range kwargs.entries {
		if contains(accessKeys, e.key) {
			b.r.unknownKey(e, "url", endpoint, join(path, e.key))
		}
	}
}

// pattern compiles a pattern so that it matches whole paths only.
func (b *builder) pattern(pattern string, at *node, path string) *regexp.Regexp {
	re, err := compilePattern(pattern)
	var bad *syntax.Error
	switch {
	case errors.As(err, &bad) && re2Lacks(pattern, bad) != "":
		b.r.addf(ruleRE2, at.pos, path, "%s is not possible: patterns are RE2, without lookaround and backreferences; use several endpoints, or priority:",
			re2Lacks(pattern, bad))
		return nil
	case errors.As(err, &bad):
		b.r.addf(rulePattern, at.pos, path, "not a regular expression: %s: %s", bad.Code, fragment(at, bad))
		return nil
	case err != nil:
		b.r.addf(rulePattern, at.pos, path, "not a regular expression: %s", at.shown())
		return nil
	}
	if prefix, _ := regexp.MustCompile(pattern).LiteralPrefix(); prefix != "" && prefix[0] != '/' {
		b.r.addf(rulePatternSlash, at.pos, path, "%s matches no URL, since paths begin with a /; write %q", at.shown(), "/"+at.written)
	}
	return re
}

// fragment returns the part of a pattern that is wrong; all of it, as written,
// if it has variables.
func fragment(at *node, err *syntax.Error) string {
	if at.text != at.written {
		return at.written
	}
	return err.Expr
}

// compilePattern binds a pattern to the whole path. It has to be an expression
// by itself: "a)(b" is none.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// re2Lacks returns what an expression of Python's has and RE2 has not; "" if
// that is not why it failed.
func re2Lacks(pattern string, err *syntax.Error) string {
	switch err.Code {
	case syntax.ErrInvalidEscape:
		if len(err.Expr) > 1 && '1' <= err.Expr[1] && err.Expr[1] <= '9' {
			return err.Expr
		}
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidNamedCapture:
		for _, start := range []string{"(?=", "(?!", "(?<=", "(?<!", "(?P=", "(?>", "(?("} {
			if strings.Contains(pattern, start) {
				return start
			}
		}
	}
	return ""
}
