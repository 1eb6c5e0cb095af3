package config

import (
	"slices"
	"strings"
)

// An Override is one --key=value of the command line. log.* and python.* set
// those sections, and any other key sets one under app:.
type Override struct {
	Key   string // without dashes: "listen.port"
	Value string // read as YAML: a number, a text, [a, list]
}

// override puts the overrides into the settings, over what the files say.
func (l *loader) override(settings *node) {
	for _, o := range l.opt.Overrides {
		flag := "--" + o.Key
		if !slices.Contains(l.r.files, flag) {
			l.r.files = append(l.r.files, flag)
		}
		pos := Pos{File: flag}
		path := o.Key
		if top, _, _ := strings.Cut(o.Key, "."); top != "log" && top != "python" {
			path = "app." + o.Key
		}
		dot := strings.LastIndexByte(path, '.')
		if dot < 0 || !known(path[:dot], path[dot+1:]) || isSection(path) {
			l.unknownOverride(o, path, dot, pos)
			continue
		}
		put(settings, strings.Split(path, "."), pos, overrideValue(o.Value, pos))
	}
}

func isSection(path string) bool { return len(sections[path].keys) > 0 }

func (l *loader) unknownOverride(o Override, path string, dot int, pos Pos) {
	if dot >= 0 {
		in, name := path[:dot], path[dot+1:]
		_, gramex := gramexKeys[in][name]
		if _, guards := guardKeys[name]; gramex || guards || contains(accessKeys, name) {
			l.r.unknownKey(&entry{key: name, pos: pos, value: overrideValue(o.Value, pos)}, in, "", "")
			return
		}
	}
	hint := didYouMean(o.Key, overrideKeys(), "--")
	if rest, ok := strings.CutPrefix(o.Key, "app."); ok {
		hint = " (did you mean --" + rest + "?)"
	}
	l.r.addf(ruleOverride, pos, "", "unknown setting%s", hint)
}

// overrideKeys returns every key that an Override may have.
func overrideKeys() []string {
	var list []string
	for in, s := range sections {
		top, _, _ := strings.Cut(in, ".")
		if top != "app" && in != "log" && in != "python" {
			continue
		}
		for _, k := range s.keys {
			if path := join(in, k.name); !isSection(path) {
				list = append(list, strings.TrimPrefix(path, "app."))
			}
		}
	}
	slices.Sort(list)
	return list
}

// overrideValue reads a value as YAML; what is none is text.
func overrideValue(value string, pos Pos) *node {
	scratch := &report{}
	n := scratch.parse([]byte("value: "+value), pos.File)
	if n == nil || len(scratch.problems) > 0 || len(n.entries) != 1 {
		return &node{kind: text, pos: pos, text: value, written: value}
	}
	return place(n.entries[0].value, pos)
}

// place returns n with every position in it set to pos.
func place(n *node, pos Pos) *node {
	out := n.at(pos, n.written)
	out.items, out.entries = nil, nil
	for _, v := range n.items {
		out.items = append(out.items, place(v, pos))
	}
	for _, e := range n.entries {
		out.entries = append(out.entries, &entry{key: e.key, pos: pos, value: place(e.value, pos)})
	}
	return out
}

// put sets the value at path, and makes the mappings that lead there.
func put(n *node, path []string, pos Pos, value *node) {
	e := n.get(path[0])
	if e == nil {
		e = &entry{key: path[0], pos: pos, value: &node{kind: null, pos: pos}}
		n.entries = append(n.entries, e)
	}
	if len(path) == 1 {
		e.pos, e.value = pos, value
		return
	}
	if e.value.kind == null {
		e.value = &node{kind: mapping, pos: pos}
	}
	if e.value.kind == mapping { // anything else is a problem of its own
		put(e.value, path[1:], pos, value)
	}
}
