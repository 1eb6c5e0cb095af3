package config

import "strings"

// merge puts the files of the app together: the settings of all of them, where
// the file read first wins, and all their endpoints in the order of reading.
func (l *loader) merge() (settings *node, urls []*entry) {
	settings = &node{kind: mapping}
	var unused []*entry
	for _, f := range l.files {
		for _, e := range f.root.entries {
			switch {
			case e.key == "variables" || e.key == "import":
				// read when the file was
			case e.key == "url":
				urls = append(urls, l.expandURL(f, e, urls)...)
			case contains(unusedSections, e.key):
				unused = append(unused, e)
			case !known("", e.key):
				l.r.unknownKey(e, "", "", e.key)
			default:
				x := &expander{l: l, file: f}
				l.add(settings, &entry{key: e.key, pos: e.pos, value: x.expand(e.value, e.key)}, e.key)
			}
		}
		for _, v := range f.vars {
			l.value(v)
		}
	}
	for _, v := range l.passed {
		if !v.used {
			l.r.warnf(ruleWarnPassed, v.pos, v.key, "a variable that the imported files do not use%s",
				didYouMean(v.name, []string{"path", "namespace", "YAMLURL"}, ""))
		}
	}
	if len(unused) > 0 {
		var names []string
		for _, e := range unused {
			if !contains(names, e.key) {
				names = append(names, e.key)
			}
		}
		l.r.warnf(ruleWarnSections, unused[0].pos, "", "ignored, since Parley has no use for these sections of Gramex: %s",
			strings.Join(names, ", "))
	}
	return settings, urls
}

// add puts e, at path, into the mapping n, unless it is there already.
func (l *loader) add(n *node, e *entry, path string) {
	old := n.get(e.key)
	switch {
	case old == nil:
		c := *e
		if e.value.kind == mapping { // it may take in more, and others share it
			c.value = &node{kind: mapping, pos: e.value.pos}
			for _, sub := range e.value.entries {
				l.add(c.value, sub, join(path, sub.key))
			}
		}
		n.entries = append(n.entries, &c)
	case old.value.kind == mapping && e.value.kind == mapping:
		for _, sub := range e.value.entries {
			l.add(old.value, sub, join(path, sub.key))
		}
	case old.value.kind == null:
		old.value = e.value
	case e.value.kind != null && old.pos != e.pos: // one file may be read twice
		l.r.warnf(ruleWarnShadowed, e.pos, path, "not used: %s sets it too", old.pos)
	}
}

// expandURL returns the endpoints of f with variables substituted, in their
// names too. Those whose name stands in before are reported.
func (l *loader) expandURL(f *file, section *entry, before []*entry) []*entry {
	switch section.value.kind {
	case null, broken:
		return nil
	case mapping:
	default:
		l.r.addf(ruleType, section.value.pos, "url", "must be a mapping of names to endpoints, not %s", section.value.kind)
		return nil
	}
	x := &expander{l: l, file: f}
	var out []*entry
	for _, e := range section.value.entries {
		name, _ := x.substitute(e.key, e.pos, join("url", e.key))
		name = f.urlPrefix + name
		path := join("url", name)
		if conditional(e.key) {
			l.r.addf(ruleCondition, e.pos, path, "conditions in keys are not supported yet")
			continue
		}
		if e.key == "import" && e.value.get("handler") == nil {
			l.r.addf(ruleImport, e.pos, path, "import: stands at the top level of a file, not under url:")
			continue
		}
		if first := entryOf(before, name); first != nil {
			l.r.addf(ruleSameURL, e.pos, path, "%s has an endpoint of this name already, at %s; rename one of them, or import a file with  namespace: url", first.pos.File, first.pos)
			continue
		}
		if first := entryOf(out, name); first != nil {
			l.r.addf(ruleDuplicate, e.pos, path, "given twice, first in line %d", first.pos.Line)
			continue
		}
		out = append(out, &entry{key: name, pos: e.pos, value: x.endpoint(e.value, path)})
	}
	return out
}

func entryOf(list []*entry, key string) *entry {
	for _, e := range list {
		if e.key == key {
			return e
		}
	}
	return nil
}

// endpoint expands one entry of url:; in its pattern, $YAMLURL is no regular
// expression.
func (x *expander) endpoint(n *node, path string) *node {
	if n.kind != mapping {
		return x.expand(n, path)
	}
	out := *n
	out.entries = nil
	for _, e := range n.entries {
		part := *x
		part.quote = e.key == "pattern"
		out.entries = append(out.entries, &entry{key: e.key, pos: e.pos, value: part.expand(e.value, join(path, e.key))})
	}
	return &out
}
