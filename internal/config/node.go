package config

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A kind says what a YAML value is.
type kind uint8

const (
	null kind = iota
	boolean
	integer
	float
	text
	list
	mapping
	broken // a problem was reported for it: say no more about it
)

// String names the kind for people.
func (k kind) String() string {
	return [...]string{
		"nothing", "true or false", "a whole number", "a number", "text", "a list", "a mapping", "broken",
	}[k]
}

// A node is one YAML value, aliases and merge keys resolved. It does not
// change once it has been made.
type node struct {
	kind    kind
	pos     Pos
	begin   Pos      // of a scalar's text: behind its quotation mark, or on the line below | and >
	text    string   // a scalar as text
	written string   // a scalar as it stands in the file: what problems may show
	value   any      // bool, int, int64, uint64 or float64
	items   []*node  // of a list
	entries []*entry // of a mapping, in order, keys without repeats
}

// An entry is one key of a mapping.
type entry struct {
	key   string
	pos   Pos // of the key
	value *node
}

// get returns the entry of key, or nil.
func (n *node) get(key string) *entry {
	for _, e := range n.entries {
		if e.key == key {
			return e
		}
	}
	return nil
}

// at returns n as if it stood at pos and had been written so.
func (n *node) at(pos Pos, written string) *node {
	c := *n
	c.pos, c.begin, c.written = pos, pos, written
	return &c
}

// shown returns a scalar as problems show it: as written, so that the value of
// a variable stays unseen.
func (n *node) shown() string {
	const most = 60
	s := n.written
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	if n.kind == text {
		return strconv.Quote(s)
	}
	return s
}

// join returns the path of key within path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// floatJSON keeps a float a float: 1.0 is "1.0", not "1".
func floatJSON(f float64) (string, bool) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s, true
}
