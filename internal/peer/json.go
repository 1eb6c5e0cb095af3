package peer

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Matcher stands in a JSON value for what need not be equal. It is shown as
// test files write it: {"any": "number"}, {"match": "^a"}.
type Matcher struct {
	word, argument string
	matches        func(got any) bool
}

// MarshalJSON implements json.Marshaler.
func (m Matcher) MarshalJSON() ([]byte, error) {
	return []byte(jsonText(map[string]string{m.word: m.argument})), nil
}

// A Part stands in a JSON value for a mapping that may have more keys than
// those of Value; so may the mappings in it.
type Part struct{ Value any }

// MarshalJSON implements json.Marshaler.
func (p Part) MarshalJSON() ([]byte, error) { return json.Marshal(p.Value) }

// Kinds are the words that Any takes.
var Kinds = []string{"text", "number", "boolean", "list", "mapping", "value"}

// Any matches every value of a kind; ok is false if there is no such kind.
func Any(kind string) (m Matcher, ok bool) {
	return Matcher{"any", kind, func(got any) bool {
		return kind == "value" || kindOf(got) == kind
	}}, slices.Contains(Kinds, kind)
}

// Matching matches texts in which the expression is found.
func Matching(re *regexp.Regexp) Matcher {
	return Matcher{"match", re.String(), func(got any) bool {
		text, ok := got.(string)
		return ok && re.MatchString(text)
	}}
}

// kindOf names what is left of a value after decoding; "" is null.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case json.Number:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "list"
	case map[string]any:
		return "mapping"
	}
	return ""
}

// normal returns a value as decoding would give it, with Matchers and Parts as
// they are.
func normal(v any) any {
	switch v := v.(type) {
	case Matcher:
		return v
	case Part:
		return Part{normal(v.Value)}
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = normal(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = normal(value)
		}
		return out
	}
	dec := json.NewDecoder(strings.NewReader(jsonText(v)))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		panic(fmt.Sprintf("a value that is not JSON: %v", err))
	}
	return out
}

// mostFound is how many differences are told.
const mostFound = 5

// A comparison gathers the differences of two values.
type comparison struct {
	partial bool // mappings may have more keys than wanted
	found   []string
}

func (c *comparison) addf(path, format string, args ...any) {
	if len(c.found) == mostFound {
		return
	}
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + ": " + text
	}
	c.found = append(c.found, text)
}

func (c *comparison) compare(path string, want, got any) {
	switch want := want.(type) {
	case Part:
		outer := c.partial
		c.partial = true
		c.compare(path, want.Value, got)
		c.partial = outer
		return
	case Matcher:
		if !want.matches(got) {
			c.addf(path, "%s, wanted %s", short(got), short(want))
		}
		return
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			c.mappings(path, want, got)
			return
		}
	case []any:
		if got, ok := got.([]any); ok {
			c.lists(path, want, got)
			return
		}
	case json.Number:
		if got, ok := got.(json.Number); ok && sameNumber(want, got) {
			return
		}
	default:
		if want == got {
			return
		}
	}
	c.addf(path, "%s, wanted %s", short(got), short(want))
}

func (c *comparison) mappings(path string, want, got map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, ok := got[key]
		if !ok {
			c.addf(join(path, key), "missing, wanted %s", short(want[key]))
			continue
		}
		c.compare(join(path, key), want[key], value)
	}
	if c.partial {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			c.addf(join(path, key), "%s, wanted no such key", short(got[key]))
		}
	}
}

func (c *comparison) lists(path string, want, got []any) {
	if len(want) != len(got) {
		c.addf(path, "%d elements, wanted %d", len(got), len(want))
		return
	}
	for i := range want {
		c.compare(path+"["+strconv.Itoa(i)+"]", want[i], got[i])
	}
}

// sameNumber compares by value: 1 is 1.0. Whole numbers are compared digit by
// digit, since a float64 does not hold all of them.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	if isWhole(a) && isWhole(b) {
		return false
	}
	x, err1 := a.Float64()
	y, err2 := b.Float64()
	return err1 == nil && err2 == nil && x == y
}

func isWhole(n json.Number) bool { return !strings.ContainsAny(n.String(), ".eE") }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// short returns a value in one short line.
func short(v any) string {
	const most = 80
	text := []rune(jsonText(v))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
