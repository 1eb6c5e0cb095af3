package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A file is one YAML file of the app.
type file struct {
	path   string // absolute
	real   string // path without symbolic links
	name   string // relative to the app's folder, with slashes: as in Pos
	root   *node
	parent *file // the file that imports it; nil for the main file
	at     Pos   // where it is imported
	vars   []*variable

	// How it is imported.
	passed       []*variable // what it and its imports see besides vars
	url          *node       // its $YAMLURL; nil is the usual one
	urlPrefix    string      // goes before the names of its endpoints
	importPrefix string      // goes before the names of its imports, where these begin prefixes
	special      bool        // it, or a file that leads to it, is imported with any of these
	globbed      bool        // as one of those that a pattern matches
}

// A variable is one entry under variables: of one file, or one that an import
// passes on.
type variable struct {
	name     string
	key      string // "variables.ROOM"
	pos      Pos
	file     *file // nil if it is passed on: then it is done
	source   *node // as written
	fallback bool  // written as {default: …}: the environment and other definitions win

	used       bool // somebody looked it up
	busy, done bool
	value      *node // once done; broken if it could not be told
}

// define collects the variables of f.
func (l *loader) define(f *file) {
	section := f.root.get("variables")
	if section == nil || section.value.kind == null || section.value.kind == broken {
		return
	}
	if section.value.kind != mapping {
		l.r.addf(ruleType, section.value.pos, "variables", "must be a mapping of names to values, not %s", section.value.kind)
		return
	}
	for _, e := range section.value.entries {
		path := join("variables", e.key)
		v := &variable{name: e.key, key: path, pos: e.pos, file: f, source: e.value}
		switch {
		case conditional(e.key):
			l.r.addf(ruleCondition, e.pos, path, "conditions in keys are not supported yet")
			continue
		case !isName(e.key):
			l.r.addf(ruleVariable, e.pos, path, "not a name: use letters, digits and _, and no digit first")
			continue
		case builtin(e.key):
			l.r.addf(ruleVariable, e.pos, path, "is set by Parley for each file; choose another name")
			continue
		case e.value.kind == null:
			l.r.addf(ruleNoValue, e.pos, path, "has no value")
			v.done, v.value = true, &node{kind: broken}
		case e.value.kind == mapping && e.value.get("function") != nil:
			l.r.addf(ruleVariable, e.value.get("function").pos, join(path, "function"), "not supported yet: write the value itself")
			v.done, v.value = true, &node{kind: broken}
		case e.value.kind == mapping && e.value.get("default") != nil:
			v.source, v.fallback = e.value.get("default").value, true
			for _, other := range e.value.entries {
				if other.key != "default" {
					l.r.addf(ruleUnknown, other.pos, join(path, other.key), "unknown key beside default:")
				}
			}
		}
		f.vars = append(f.vars, v)
	}
}

func builtin(name string) bool {
	return name == "YAMLPATH" || name == "YAMLURL" || name == "YAMLFILE"
}

// lookup finds what name means in f. A definition of f comes first, or one
// that it was passed, or one of the files that import it; then one of any
// other file, then the environment, then a {default: …}. except is not found:
// a definition that names itself means the one that it hides.
func (l *loader) lookup(name string, f *file, except *variable) (found []*variable, env string, ok bool) {
	plain := l.definitions(name, f, except, false)
	if len(plain) > 0 {
		return plain, "", true
	}
	if env, ok = l.opt.Env(name); ok {
		return nil, env, true
	}
	fallback := l.definitions(name, f, except, true)
	return fallback, "", len(fallback) > 0
}

// definitions returns the nearest definition, or all of those that are equally
// far.
func (l *loader) definitions(name string, f *file, except *variable, fallback bool) []*variable {
	fits := func(v *variable) bool { return v.name == name && v.fallback == fallback && v != except }
	above := map[*file]bool{}
	for g := f; g != nil; g = g.parent {
		above[g] = true
		for _, v := range slices.Concat(g.vars, g.passed) {
			if fits(v) {
				v.used = true
				return []*variable{v}
			}
		}
	}
	var found []*variable
	again := func(v *variable) bool { // a file that is read twice defines its variables twice
		return except != nil && v.pos == except.pos ||
			slices.ContainsFunc(found, func(other *variable) bool { return v.pos == other.pos })
	}
	for _, g := range l.files {
		for _, v := range g.vars {
			if !above[g] && fits(v) && !again(v) {
				found = append(found, v)
			}
		}
	}
	return found
}

// value returns what v stands for; broken if that could not be told, and has
// been reported.
func (l *loader) value(v *variable) *node {
	if v.done {
		return v.value
	}
	if v.busy {
		l.r.addf(ruleVarCycle, v.pos, v.key, "its value needs itself")
		return &node{kind: broken}
	}
	v.busy = true
	x := &expander{l: l, file: v.file, except: v}
	value := x.expand(v.source, v.key)
	v.busy, v.done, v.value = false, true, value
	return value
}

// An expander substitutes variables as they are seen from one file.
type expander struct {
	l      *loader
	file   *file
	except *variable // see lookup
	quote  bool      // $YAMLURL stands in a regular expression
}

// expand returns n with $NAME and ${NAME} substituted in every text, and $$
// made $. Keys stay as they are.
func (x *expander) expand(n *node, path string) *node {
	switch n.kind {
	case text:
		if passwordHash.MatchString(n.text) {
			return n
		}
		if name, ok := onlyVariable(n.text); ok {
			return x.whole(n, name, path)
		}
		if !strings.Contains(n.text, "$") {
			return n
		}
		s, ok := x.substitute(n.text, n.pos, path)
		out := *n
		if out.text = s; !ok {
			out.kind = broken
		}
		return &out
	case list:
		out := *n
		out.items = make([]*node, len(n.items))
		for i, v := range n.items {
			out.items[i] = x.expand(v, item(path, i))
		}
		return &out
	case mapping:
		out := *n
		out.entries = make([]*entry, len(n.entries))
		for i, e := range n.entries {
			out.entries[i] = &entry{key: e.key, pos: e.pos, value: x.expand(e.value, join(path, e.key))}
		}
		return &out
	}
	return n
}

// passwordHash is how hashes of argon2 and bcrypt begin: no variables.
var passwordHash = regexp.MustCompile(`^\$(argon2(id|i|d)\$v=[0-9]+\$|2[abxy]?\$[0-9][0-9]\$)`)

// secretPlace is a path where a text may be a password or secret, of which
// problems show nothing.
var secretPlace = regexp.MustCompile(`(?i)credentials|password|secret`)

// whole returns the value of a text that is nothing but one variable: it keeps
// its type.
func (x *expander) whole(n *node, name, path string) *node {
	v := x.resolve(name, n.pos, path)
	if v.kind == broken {
		return &node{kind: broken, pos: n.pos}
	}
	return v.at(n.pos, n.written)
}

// resolve returns the value of a variable; broken if there is none, which it
// reports at pos.
func (x *expander) resolve(name string, pos Pos, path string) *node {
	nothing := &node{kind: broken}
	if builtin(name) {
		return x.builtin(name, pos, path)
	}
	found, env, ok := x.l.lookup(name, x.file, x.except)
	switch {
	case !ok && secretPlace.MatchString(path):
		x.l.r.addf(ruleUndefined, pos, path, "a $ in it begins a variable that is neither in variables: nor in the environment; write $$ for a dollar")
		return nothing
	case !ok:
		x.l.r.addf(ruleUndefined, pos, path, "$%s is neither in variables: nor in the environment%s; write $$ for a dollar",
			name, didYouMean(name, x.l.names(), "$"))
		return nothing
	case len(found) == 0:
		return &node{kind: text, text: env}
	case len(found) > 1:
		x.l.r.addf(ruleVarTwice, pos, path, "$%s is defined both in %s and in %s; define it in %s as well, to choose",
			name, found[0].pos, found[1].pos, x.file.name)
		return nothing
	}
	return x.l.value(found[0])
}

func (x *expander) builtin(name string, pos Pos, path string) *node {
	dir := filepath.Dir(x.file.path)
	switch name {
	case "YAMLPATH":
		return &node{kind: text, text: dir}
	case "YAMLFILE":
		return &node{kind: text, text: x.file.path}
	}
	if x.file.url != nil {
		return x.file.url
	}
	rel, err := filepath.Rel(x.l.dir, dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		x.l.r.addf(ruleYAMLURL, pos, path, "$YAMLURL: %s lies outside the app's folder and has no URL there; give it one with YAMLURL: where it is imported", x.file.name)
		return &node{kind: broken}
	}
	return &node{kind: text, text: filepath.ToSlash(rel)}
}

// names returns the names that problems may suggest. Those of the environment
// are nobody's business.
func (l *loader) names() []string {
	names := []string{"YAMLPATH", "YAMLURL", "YAMLFILE"}
	for _, f := range l.files {
		for _, v := range slices.Concat(f.vars, f.passed) {
			names = append(names, v.name)
		}
	}
	return names
}
