package apptest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"parley.example/parley/internal/peer"
)

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// text reads a scalar as it is written: 5 is the text "5".
func (r *reader) text(key string, n *yaml.Node) string {
	switch {
	case isNull(n):
		r.addf(n, `%s: has no value; an empty text is written ""`, key)
	case n.Kind != yaml.ScalarNode:
		r.addf(n, "%s: takes a text", key)
	}
	return n.Value
}

// texts reads one text, or a list of them.
func (r *reader) texts(key string, n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		return []string{r.text(key, n)}
	}
	var list []string
	for _, item := range n.Content {
		list = append(list, r.text(key, r.resolve(item)))
	}
	return list
}

func (r *reader) mapping(key string, n *yaml.Node) []entry {
	if n.Kind != yaml.MappingNode {
		r.addf(n, "%s: takes a mapping", key)
		return nil
	}
	return r.entries(n)
}

// oneOf reads a mapping with one key, one of the words. It returns "" after a
// mistake.
func (r *reader) oneOf(key string, n *yaml.Node, words ...string) (word string, value *yaml.Node) {
	entries := r.entries(n)
	if len(entries) == 1 {
		e := entries[0]
		for _, word := range words {
			if word == e.key.Value {
				return word, e.value
			}
		}
		r.addf(e.key, "%s: unknown key of %s%s; it takes a text, or one of %s, as in  %s: {json: {…}}",
			e.key.Value, key, didYouMean(e.key.Value, words), strings.Join(words, ", "), key)
		return "", nil
	}
	r.addf(n, "%s: takes a text, or one of %s, as in  %s: {json: {…}}", key, strings.Join(words, ", "), key)
	return "", nil
}

// number reads a whole number; what says what it is. It returns 0 after a
// mistake.
func (r *reader) number(key string, n *yaml.Node, least, most int, what string) int {
	number, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || number < least || number > most {
		r.addf(n, "%s: takes %s", key, what)
		return 0
	}
	return number
}

// duration reads 200ms, 5s or 1m30s, at least so long; a plain number is
// seconds.
func (r *reader) duration(key string, n *yaml.Node, least time.Duration) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if seconds, plain := strconv.ParseFloat(n.Value, 64); plain == nil {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if n.Kind != yaml.ScalarNode || err != nil || d < least || d > time.Hour {
		r.addf(n, "%s: takes a duration such as 200ms, 5s or 1m30s", key)
	}
	return d
}

// defaultWithin is how long a step waits.
const defaultWithin = 5 * time.Second

// timeout reads how long a step waits; nil is the default.
func (r *reader) timeout(n *yaml.Node) time.Duration {
	if n == nil {
		return defaultWithin
	}
	return r.duration("timeout", n, time.Millisecond)
}

// expression reads a regular expression. After a mistake it is one that matches
// everything.
func (r *reader) expression(key string, n *yaml.Node) *regexp.Regexp {
	re, err := regexp.Compile(r.text(key, n))
	if err != nil {
		r.addf(n, "%s: no regular expression: %s", key, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return regexp.MustCompile("")
	}
	return re
}

// octets reads hex, in which there may be blanks, or base64.
func (r *reader) octets(key string, n *yaml.Node) []byte {
	text := strings.Join(strings.Fields(r.text(key, n)), "")
	var data []byte
	var err error
	if key == "hex" {
		data, err = hex.DecodeString(text)
	} else {
		data, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil {
		r.addf(n, "%s: %q is no %s", key, n.Value, key)
	}
	return data
}

// json reads a value that JSON can carry. With matchers, {any: …} and {match: …}
// stand for what need not be equal.
func (r *reader) json(n *yaml.Node, matchers bool) any {
	switch n.Kind {
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, r.json(r.resolve(item), matchers))
		}
		return list
	case yaml.MappingNode:
		entries := r.entries(n)
		if matchers && len(entries) == 1 {
			if m, ok := r.matcher(entries[0]); ok {
				return m
			}
		}
		object := map[string]any{}
		for _, e := range entries {
			object[e.key.Value] = r.json(e.value, matchers)
		}
		return object
	}
	return r.scalar(n)
}

// matcher makes a matcher of the only key of a mapping; ok is false if it is
// none.
func (r *reader) matcher(e entry) (value any, ok bool) {
	switch e.key.Value {
	case "any":
		m, ok := peer.Any(e.value.Value)
		if e.value.Kind != yaml.ScalarNode || !ok {
			r.addf(e.value, "any: takes one of %s%s", strings.Join(peer.Kinds, ", "), didYouMean(e.value.Value, peer.Kinds))
		}
		return m, true
	case "match":
		return peer.Matching(r.expression("match", e.value)), true
	}
	return nil, false
}

func (r *reader) scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!str", "!!timestamp", "!!merge":
		return n.Value
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) { // 1.0 stays 1.0
			return json.Number(n.Value)
		}
		var number any
		if n.Decode(&number) == nil {
			if text, err := json.Marshal(number); err == nil {
				return json.Number(text)
			}
		}
	}
	r.addf(n, "%s is nothing that JSON can carry", n.Value)
	return nil
}
