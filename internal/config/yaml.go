package config

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what the aliases of one file may expand to.
const maxNodes = 100_000

// parse reads one YAML document. It returns nil if the file is so broken that
// nothing in it can be told; why has then been reported.
func (r *report) parse(data []byte, name string) *node {
	if line, column, ok := invalidUTF8(data); ok {
		r.addf(ruleUTF8, Pos{name, line, column}, "", "is not UTF-8 text; save the file as UTF-8")
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		r.addf(ruleEmpty, Pos{File: name}, "", "the file is empty; an app that only serves its folder is written as  url: {}")
		return nil
	case err != nil:
		r.syntax(err, data, name)
		return nil
	}
	var next yaml.Node
	switch err := dec.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		r.syntax(err, data, name)
		return nil
	default:
		r.addf(ruleDocuments, Pos{name, next.Line, next.Column}, "", "a second document starts here; an app's file holds one")
	}

	c := &converter{r: r, file: name, open: map[*yaml.Node]bool{}}
	root := c.convert(doc.Content[0], "")
	switch root.kind {
	case mapping:
		return root
	case null:
		r.addf(ruleEmpty, Pos{File: name}, "", "the file is empty; an app that only serves its folder is written as  url: {}")
	case broken:
	default:
		r.addf(ruleRoot, root.pos, "", "the file must be a mapping with keys such as url: and app:, not %s", root.kind)
	}
	return nil
}

// invalidUTF8 finds the first octet that is not UTF-8.
func invalidUTF8(data []byte) (line, column int, found bool) {
	line, column = 1, 1
	for len(data) > 0 {
		c, n := utf8.DecodeRune(data)
		if c == utf8.RuneError && n == 1 {
			return line, column, true
		}
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
		data = data[n:]
	}
	return 0, 0, false
}

// A converter makes nodes of one file: it follows aliases, applies merge keys
// and reports duplicate keys.
type converter struct {
	r     *report
	file  string
	nodes int                 // made so far
	open  map[*yaml.Node]bool // anchors being converted
}

func (c *converter) convert(n *yaml.Node, path string) *node {
	out := &node{kind: broken, pos: Pos{c.file, n.Line, n.Column}}
	if c.nodes++; c.nodes > maxNodes {
		if c.nodes == maxNodes+1 {
			c.r.addf(ruleTooLarge, out.pos, path, "the file's aliases expand to more than %d values", maxNodes)
		}
		return out
	}
	tag := n.ShortTag()
	switch n.Kind {
	case yaml.AliasNode:
		if c.open[n.Alias] {
			c.r.addf(ruleCycle, out.pos, path, "*%s stands inside its own anchor", n.Value)
			return out
		}
		target := c.convert(n.Alias, path)
		return target.at(out.pos, target.written)
	case yaml.ScalarNode:
		c.scalar(out, n, tag, path)
	case yaml.SequenceNode:
		if tag != "!!seq" {
			c.tag(out, tag, path)
			return out
		}
		c.open[n] = true
		defer delete(c.open, n)
		out.kind = list
		for i, v := range n.Content {
			out.items = append(out.items, c.convert(v, item(path, i)))
		}
	case yaml.MappingNode:
		if tag != "!!map" {
			c.tag(out, tag, path)
			return out
		}
		c.open[n] = true
		defer delete(c.open, n)
		out.kind = mapping
		c.mapping(out, n, path)
	}
	return out
}

func (c *converter) tag(out *node, tag, path string) {
	if secretPlace.MatchString(path) {
		c.r.addf(ruleTag, out.pos, path, "a YAML tag means nothing here; put a text that begins with ! in quotes")
		return
	}
	c.r.addf(ruleTag, out.pos, path, "the YAML tag %s means nothing here", tag)
}

func (c *converter) scalar(out *node, n *yaml.Node, tag, path string) {
	out.text, out.written, out.begin = n.Value, n.Value, out.pos
	switch {
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		out.begin.Column++
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		out.begin.Line, out.begin.Column = out.begin.Line+1, 1
	}
	switch tag {
	case "!!str", "!!timestamp", "!!merge":
		out.kind = text
		return
	case "!!null":
		out.kind = null
		return
	case "!!bool":
		out.kind = boolean
	case "!!int":
		out.kind = integer
	case "!!float":
		out.kind = float
	default:
		c.tag(out, tag, path)
		return
	}
	if err := n.Decode(&out.value); err != nil {
		out.kind = broken
		value := strconv.Quote(n.Value)
		if secretPlace.MatchString(path) {
			value = "the value"
		}
		c.r.addf(ruleTag, out.pos, path, "%s is not what its tag %s says", value, tag)
		return
	}
	if f, ok := out.value.(float64); ok && out.kind == integer {
		out.kind, out.value = float, f // !!int of a number too large for 64 bits
	}
}

// mapping fills out with the entries of n: its own, then those of merge keys
// that it has not itself.
func (c *converter) mapping(out *node, n *yaml.Node, path string) {
	var merges []*yaml.Node
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		pos := Pos{c.file, k.Line, k.Column}
		if k.ShortTag() == "!!merge" {
			merges = append(merges, v)
			continue
		}
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode || k.ShortTag() == "!!null" {
			c.r.addf(ruleKeyText, pos, path, "a key must be text")
			continue
		}
		key := join(path, k.Value)
		if first, ok := lines[k.Value]; ok {
			c.r.addf(ruleDuplicate, pos, key, "given twice, first in line %d", first)
			continue
		}
		lines[k.Value] = k.Line
		out.entries = append(out.entries, &entry{key: k.Value, pos: pos, value: c.convert(v, key)})
	}
	for _, m := range merges {
		c.merge(out, m, path)
	}
}

func (c *converter) merge(out *node, m *yaml.Node, path string) {
	from := c.convert(m, path)
	sources := []*node{from}
	if from.kind == list {
		sources = from.items
	}
	for _, source := range sources {
		switch source.kind {
		case mapping:
			for _, e := range source.entries {
				if out.get(e.key) == nil {
					out.entries = append(out.entries, e)
				}
			}
		case broken:
		default:
			c.r.addf(ruleMerge, source.pos, join(path, "<<"), "takes mappings, not %s", source.kind)
		}
	}
}
