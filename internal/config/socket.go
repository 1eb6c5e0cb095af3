package config

import (
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// A Socket is a WebSocketHandler that a program adds. It is checked as if it
// stood under url:, with its pattern as its name.
type Socket struct {
	Pattern string
	Pos     Pos            // what problems name
	Kwargs  map[string]any // of values as YAML has them; variables are not substituted
}

// sockets adds those of the program to the endpoints of the files. Those whose
// name stands in urls are reported.
func (l *loader) sockets(urls []*entry) []*entry {
	for _, s := range l.opt.Sockets {
		if !slices.Contains(l.r.files, s.Pos.File) {
			l.r.files = append(l.r.files, s.Pos.File)
		}
		path := join("url", s.Pattern)
		if first := entryOf(urls, s.Pattern); first != nil {
			l.r.addf(ruleSameURL, s.Pos, path, "an endpoint of this name is there already, at %s", first.pos)
			continue
		}
		kwargs := &entry{key: "kwargs", pos: s.Pos, value: &node{kind: mapping, pos: s.Pos}}
		for _, key := range slices.Sorted(maps.Keys(s.Kwargs)) {
			value, err := nodeOf(s.Kwargs[key], s.Pos)
			if err != nil {
				l.r.addf(ruleType, s.Pos, join(join(path, "kwargs"), key), "cannot be a setting: %v", err)
				continue
			}
			kwargs.value.entries = append(kwargs.value.entries, &entry{key: key, pos: s.Pos, value: value})
		}
		urls = append(urls, &entry{key: s.Pattern, pos: s.Pos, value: &node{kind: mapping, pos: s.Pos, entries: []*entry{
			{key: "pattern", pos: s.Pos, value: textNode(s.Pattern, s.Pos)},
			{key: "handler", pos: s.Pos, value: textNode(webSocketHandler, s.Pos)},
			kwargs,
		}}})
	}
	return urls
}

func textNode(s string, pos Pos) *node { return &node{kind: text, pos: pos, text: s, written: s} }

// nodeOf makes a value of a Go program what it would be if YAML said it; all of
// it stands at pos.
func nodeOf(value any, pos Pos) (n *node, err error) {
	defer func() {
		if cause := recover(); cause != nil { // how yaml says that a type is none of its own
			n, err = nil, fmt.Errorf("%v", cause)
		}
	}()
	written, err := yaml.Marshal(map[string]any{"value": value})
	if err != nil {
		return nil, err
	}
	scratch := &report{}
	root := scratch.parse(written, pos.File)
	if root == nil || len(scratch.problems) > 0 {
		return nil, scratch.err()
	}
	return place(root.get("value").value, pos), nil
}
