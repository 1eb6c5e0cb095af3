package config

import (
	"slices"
	"strings"
)

// access reads who may use an endpoint with these kwargs. own is the token:
// that they have, or nil.
func (b *builder) access(kwargs *node, own *Token, endpoint, path string) Access {
	a := Access{Auth: b.cfg.App.Auth}
	switch e := kwargs.get("auth"); {
	case e != nil:
		a.Auth = b.auth(e, endpoint, join(path, "auth"))
	case a.Auth == nil && own != nil:
		a.Auth = &Auth{Pos: own.Pos, Implied: true, Query: defaultQuery, path: join(path, "token")}
	}
	if e := kwargs.get("validate"); e != nil {
		a.Validate = b.validate(e.value, endpoint, join(path, "validate"))
	}
	return a
}

// auth returns nil for false. true is all defaults.
func (b *builder) auth(e *entry, endpoint, path string) *Auth {
	if e == nil || e.value.kind == null { // which was reported
		return nil
	}
	to := &Auth{Pos: e.pos, Query: defaultQuery, path: path}
	if e.value.kind != mapping {
		if on := false; !b.boolean(&on, e, path) || !on {
			return nil
		}
		return to
	}
	f := b.fields(e.value, authKwarg, endpoint, path)
	if u := f["login_url"]; u != nil && u.value.kind == boolean && u.value.value == false {
		to.noLogin = true
	} else {
		b.loginURL(&to.LoginURL, u, join(path, "login_url"))
	}
	b.name(&to.Query, f["query"], join(path, "query"))
	if m := f["membership"]; m != nil {
		to.Membership = b.membership(m.value, join(path, "membership"))
	}
	if c := f["condition"]; c != nil {
		to.Condition = b.function(c.value, endpoint, join(path, "condition"))
	}
	if m := f["methods"]; m != nil {
		to.methodsPos = m.value.pos
		to.Methods = b.methods(m.value, join(path, "methods"))
	}
	return to
}

// membership wants a mapping of attributes to values, or a list of such.
func (b *builder) membership(n *node, path string) []Group {
	if n.kind == list && len(n.items) == 0 {
		b.r.addf(ruleMembership, n.pos, path, "is empty and admits nobody; name attributes, such as  role: admin, or remove the key")
	}
	var groups []Group
	items, paths := oneOrMany(n, path)
	for i, v := range items {
		switch {
		case v.kind == broken:
		case v.kind != mapping:
			b.r.addf(ruleType, v.pos, paths[i], "must be a mapping of a user's attributes to values, not %s", v.kind)
		case len(v.entries) == 0:
			b.r.addf(ruleMembership, v.pos, paths[i], "names no attribute; name some, such as  role: admin, or remove it")
		default:
			groups = append(groups, b.group(v, paths[i]))
		}
	}
	return groups
}

func (b *builder) group(n *node, path string) Group {
	g := Group{}
	for _, e := range n.entries {
		at := join(path, e.key)
		if !isDotted(e.key) {
			b.r.addf(ruleMembership, e.pos, at, "is no attribute: write its name, or names with a dot between them")
		}
		if e.value.kind == list && len(e.value.items) == 0 {
			b.r.addf(ruleMembership, e.value.pos, at, "names no value and admits nobody; name some, or remove the key")
		}
		items, paths := oneOrMany(e.value, at)
		for i, v := range items {
			switch v.kind {
			case broken:
			case text:
				g[e.key] = append(g[e.key], v.text)
			case boolean, integer, float:
				g[e.key] = append(g[e.key], string(b.r.json(v, paths[i])))
			default:
				b.r.addf(ruleType, v.pos, paths[i], "must be text, a number, or true or false, not %s", v.kind)
			}
		}
	}
	return g
}

// isDotted reports whether s is a name, or several with dots between them.
func isDotted(s string) bool { return !slices.Contains(strings.Split(s, "."), "") }

// methods wants names of HTTP's methods.
func (b *builder) methods(n *node, path string) []string {
	known := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	return b.words(n, path, strings.ToUpper, known...)
}

// validate wants an expression, a mapping with function:, or a list of both.
func (b *builder) validate(n *node, endpoint, path string) []Validate {
	var all []Validate
	if n.kind == null { // which was reported
		return nil
	}
	items, paths := oneOrMany(n, path)
	for i, v := range items {
		if check := b.oneValidate(v, endpoint, paths[i]); check.Function != nil {
			all = append(all, check)
		}
	}
	return all
}

func (b *builder) oneValidate(n *node, endpoint, path string) Validate {
	to := Validate{Code: 400}
	switch n.kind {
	case broken:
	case text:
		to.Function = b.single(n, "", path)
	case mapping:
		f := b.fields(n, validateKwarg, endpoint, path)
		if e := f["function"]; e != nil {
			to.Function = b.call(e, nil, endpoint, path)
		} else if !hasKey(n, "function") {
			b.r.addf(ruleMissing, n.pos, join(path, "function"), "missing; it says what has to hold, such as  function: chat.may_enter")
		}
		b.number(&to.Code, f["code"], join(path, "code"), 400, 599)
		b.line(&to.Reason, f["reason"], join(path, "reason"))
	default:
		b.r.addf(ruleType, n.pos, path, "must be an expression, or a mapping with function:, not %s", n.kind)
	}
	return to
}
