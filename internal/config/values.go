package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const day = 24 * time.Hour

// fields returns the entries of the mapping n by key, and reports those that
// section in does not have and those without a value. n may be nil. endpoint
// is the name of the endpoint it belongs to, "" for none.
func (b *builder) fields(n *node, in, endpoint, path string) map[string]*entry {
	fields := map[string]*entry{}
	if n == nil || n.kind == null || n.kind == broken {
		return fields
	}
	if n.kind != mapping {
		b.r.addf(ruleType, n.pos, path, "must be a mapping, not %s", n.kind)
		return fields
	}
	mappings := map[string]bool{}
	for _, k := range sections[in].keys {
		mappings[k.name] = k.mapping
	}
	for _, e := range n.entries {
		switch isMapping, ok := mappings[e.key]; {
		case !ok:
			b.r.unknownKey(e, in, endpoint, join(path, e.key))
		case e.value.kind == null && !isMapping:
			b.r.addf(ruleNoValue, e.pos, join(path, e.key), "has no value; give it one, or remove the key")
		default:
			fields[e.key] = e
		}
	}
	return fields
}

// mappingOf returns the mapping that e holds; an empty one if it holds none,
// which is reported if it should not be so.
func (b *builder) mappingOf(e *entry, path string) *node {
	empty := &node{kind: mapping}
	switch {
	case e == nil || e.value.kind == null || e.value.kind == broken:
		return empty
	case e.value.kind != mapping:
		b.r.addf(ruleType, e.value.pos, path, "must be a mapping, not %s", e.value.kind)
		return empty
	}
	return e.value
}

// valueOf returns the value of an entry that may be missing.
func valueOf(e *entry) *node {
	if e == nil {
		return nil
	}
	return e.value
}

// The functions below set *to from e, if e is there and its value fits, and
// report it if it does not fit.

// text wants a text that is not empty.
func (b *builder) text(to *string, e *entry, path string) bool {
	switch {
	case e == nil || e.value.kind == broken:
		return false
	case e.value.kind != text:
		b.r.addf(ruleType, e.value.pos, path, "must be text, not %s", e.value.kind)
		return false
	case strings.TrimSpace(e.value.text) == "":
		b.r.addf(ruleNoValue, e.value.pos, path, "is empty; give it a value, or remove the key")
		return false
	}
	*to = e.value.text
	return true
}

// choice wants one of the words.
func (b *builder) choice(to *string, e *entry, path string, words ...string) {
	var word string
	if !b.text(&word, e, path) {
		return
	}
	if !contains(words, word) {
		b.r.addf(ruleChoice, e.value.pos, path, "%s is not one of: %s", e.value.shown(), strings.Join(words, ", "))
		return
	}
	*to = word
}

// words wants one or more of the words, each as form makes it.
func (b *builder) words(n *node, path string, form func(string) string, words ...string) []string {
	if n.kind == list && len(n.items) == 0 {
		b.r.addf(ruleNoValue, n.pos, path, "is empty; name some of %s, or remove the key", strings.Join(words, ", "))
	}
	var all []string
	items, paths := oneOrMany(n, path)
	for i, v := range items {
		var word string
		if !b.text(&word, &entry{value: v}, paths[i]) {
			continue
		}
		word = form(word)
		switch {
		case !contains(words, word):
			b.r.addf(ruleChoice, v.pos, paths[i], "%s is not one of: %s", v.shown(), strings.Join(words, ", "))
		case !contains(all, word):
			all = append(all, word)
		}
	}
	return all
}

// name wants the name of a parameter, field or header.
func (b *builder) name(to *string, e *entry, path string) {
	if b.text(to, e, path) && !isToken(*to) {
		b.r.addf(ruleName, e.value.pos, path, "%s cannot be a name here: use letters, digits, - and _", e.value.shown())
	}
}

// line wants one line of text.
func (b *builder) line(to *string, e *entry, path string) {
	if b.text(to, e, path) && !isLine(*to) {
		b.r.addf(ruleLine, e.value.pos, path, "must be one line, without spaces at its ends and control characters")
	}
}

// isLine reports whether s is one line that can be seen.
func isLine(s string) bool {
	unseen := func(c rune) bool { return !unicode.IsPrint(c) }
	return s != "" && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, unseen)
}

// texts wants one text or several.
func (b *builder) texts(e *entry, path string) []string {
	if e == nil {
		return nil
	}
	if e.value.kind == list && len(e.value.items) == 0 {
		b.r.addf(ruleNoValue, e.value.pos, path, "is empty; give it a value, or remove the key")
	}
	var all []string
	items, paths := oneOrMany(e.value, path)
	for i, v := range items {
		var s string
		if b.text(&s, &entry{value: v}, paths[i]) {
			all = append(all, s)
		}
	}
	return all
}

// secrets wants a text or a list of them, and shows none.
func (b *builder) secrets(n *node, path string) []Secret {
	if n.kind == list && len(n.items) == 0 {
		b.r.addf(ruleNoValue, n.pos, path, "is empty; give it a value, or remove the key")
	}
	var all []Secret
	items, paths := oneOrMany(n, path)
	for i, v := range items {
		s := Secret{Pos: v.pos}
		if b.text(&s.Text, &entry{value: v}, paths[i]) {
			all = append(all, s)
		}
	}
	return all
}

// number wants a whole number from least to most; a text of digits will do.
func (b *builder) number(to *int, e *entry, path string, least, most int) {
	if e == nil || !b.scalar(e.value, path, "a whole number") {
		return
	}
	n, err := strconv.ParseInt(fmt.Sprint(e.value.plain()), 10, 64)
	if err != nil || n < int64(least) || n > int64(most) {
		b.r.addf(ruleNumber, e.value.pos, path, "%s is not a whole number from %d to %d", e.value.shown(), least, most)
		return
	}
	*to = int(n)
}

// boolean wants true or false; a text of them, as the environment gives, will
// do.
func (b *builder) boolean(to *bool, e *entry, path string) bool {
	switch {
	case e == nil || e.value.kind == broken:
		return false
	case e.value.kind == boolean, e.value.text == "true", e.value.text == "false":
		*to = e.value.text == "true" || e.value.value == true
		return true
	}
	b.r.addf(ruleType, e.value.pos, path, "must be true or false, not %s", described(e.value))
	return false
}

// duration wants more than no time: a number of units, or a text as 1m30s.
func (b *builder) duration(to *time.Duration, e *entry, path string, unit time.Duration) {
	if e == nil || !b.scalar(e.value, path, "a duration") {
		return
	}
	d, ok := parseDuration(fmt.Sprint(e.value.plain()), unit)
	if !ok || d <= 0 {
		names := map[time.Duration]string{time.Second: "seconds", day: "days"}
		b.r.addf(ruleDuration, e.value.pos, path, "%s is not a duration above 0: write 10s, 5m, 12h, 31d or a number of %s",
			e.value.shown(), names[unit])
		return
	}
	*to = d
}

// durationOrNone wants a number of seconds, 0 among them, or a text as 1m30s.
func (b *builder) durationOrNone(to *time.Duration, e *entry, path string) {
	if !b.scalar(e.value, path, "a duration") {
		return
	}
	d, ok := parseDuration(fmt.Sprint(e.value.plain()), time.Second)
	if !ok {
		b.r.addf(ruleDuration, e.value.pos, path, "%s is not a duration: write 10s, 5m, a number of seconds, or 0 for none", e.value.shown())
		return
	}
	*to = d
}

// size wants a number of bytes from least to most, or a text as 64KB or 1MiB.
func (b *builder) size(to *int, e *entry, path string, least, most int) {
	if e == nil || !b.scalar(e.value, path, "a size") {
		return
	}
	n, ok := parseSize(fmt.Sprint(e.value.plain()))
	if !ok || n < float64(least) || n > float64(most) {
		b.r.addf(ruleSize, e.value.pos, path, "%s is not a size from %d to %d bytes: write 65536, 64KB or 1MiB",
			e.value.shown(), least, most)
		return
	}
	*to = int(n)
}

// scalar reports whether n is a text or number, and says that it must be what
// if it is not.
func (b *builder) scalar(n *node, path, what string) bool {
	switch n.kind {
	case text, integer, float:
		return true
	case broken:
	default:
		b.r.addf(ruleType, n.pos, path, "must be %s, not %s", what, n.kind)
	}
	return false
}

// plain returns a number as decimal digits, whichever way it was written, and
// a text as it is.
func (n *node) plain() any {
	switch v := n.value.(type) {
	case nil:
		return strings.TrimSpace(n.text)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return n.value
}

// oneOrMany returns the items of a list, or the value itself as the only one.
func oneOrMany(n *node, path string) (items []*node, paths []string) {
	if n.kind != list {
		return []*node{n}, []string{path}
	}
	for i := range n.items {
		paths = append(paths, item(path, i))
	}
	return n.items, paths
}

// parseDuration reads 0 or more units, or a text as 1m30s.
func parseDuration(s string, unit time.Duration) (time.Duration, bool) {
	days, isDays := strings.CutSuffix(s, "d")
	if isDays {
		s, unit = strings.TrimSpace(days), day
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		n *= float64(unit)
		return time.Duration(n), (n >= 1 || n == 0) && n < math.MaxInt64
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0 && !isDays
}

func parseSize(s string) (bytes float64, ok bool) {
	units := []struct {
		name  string
		bytes float64
	}{
		{"KIB", 1 << 10},
		{"MIB", 1 << 20},
		{"GIB", 1 << 30},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"B", 1},
		{"", 1},
	}
	s = strings.ToUpper(s)
	for _, unit := range units {
		digits, found := strings.CutSuffix(s, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		n *= unit.bytes
		return n, err == nil && n == math.Trunc(n)
	}
	return 0, false
}
