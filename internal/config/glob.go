package config

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Glob is a pattern of files.
type Glob struct {
	Text string // as written, variables substituted
	Pos  Pos

	// Regexp matches the path of a file, which has slashes and begins with
	// one, if its last steps fit Text, in any case of letters.
	Regexp *regexp.Regexp

	shown string // as problems show it
}

// globs reads a pattern, or a list of them.
func (b *builder) globs(e *entry, path string) []Glob {
	if e == nil {
		return nil
	}
	var list []Glob
	items, paths := oneOrMany(e.value, path)
	for i, v := range items {
		var pattern string
		if !b.text(&pattern, &entry{value: v}, paths[i]) {
			continue
		}
		if g, ok := b.glob(pattern, v.pos, paths[i]); ok {
			g.shown = v.shown()
			list = append(list, g)
		}
	}
	return list
}

// glob reads one pattern. As in Gramex it may begin at any folder, and its *
// matches slashes, too.
func (b *builder) glob(pattern string, pos Pos, path string) (Glob, bool) {
	for step := range strings.SplitSeq(pattern, "/") {
		if step == "" || step == "." || step == ".." {
			b.r.addf(ruleGlob, pos, path,
				"can match no file: a pattern has no / at its ends, and no empty, . or .. step; write data/* for all in the folder data")
			return Glob{}, false
		}
	}
	re, err := regexp.Compile(`(?is)\A.*/` + globRegexp(pattern) + `\z`)
	if err != nil {
		b.r.addf(ruleGlob, pos, path, "not a pattern of files: what stands in its brackets is no range")
		return Glob{}, false
	}
	return Glob{Text: pattern, Pos: pos, Regexp: re}, true
}

// globRegexp returns a glob as the source of a regular expression. * is any
// text, ? any character, [ab] one of these, and [!ab] none of them; a bracket
// that is not closed is itself.
func globRegexp(glob string) string {
	var b strings.Builder
	for glob != "" {
		r, n := utf8.DecodeRuneInString(glob)
		one, rest := glob[:n], glob[n:]
		class, after, isClass := cutClass(glob)
		switch {
		case r == '*':
			b.WriteString(`.*`)
		case r == '?':
			b.WriteString(`.`)
		case isClass:
			b.WriteString(class)
			rest = after
		default:
			b.WriteString(regexp.QuoteMeta(one))
		}
		glob = rest
	}
	return b.String()
}

var classEscapes = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`)

// cutClass cuts [ab] or [!ab] from the start of a glob. A ] that stands first
// is one of the characters.
func cutClass(glob string) (class, rest string, ok bool) {
	members, ok := strings.CutPrefix(glob, "[")
	if !ok {
		return "", glob, false
	}
	members, not := strings.CutPrefix(members, "!")
	if members == "" {
		return "", glob, false
	}
	end := strings.IndexByte(members[1:], ']') + 1
	if end == 0 {
		return "", glob, false
	}
	class = classEscapes.Replace(members[:end]) + "]"
	if not {
		return "[^" + class, members[end+1:], true
	}
	return "[" + class, members[end+1:], true
}

// wildcards are the parts of a glob that stand for something else.
var wildcards = regexp.MustCompile(`\[!?.[^\]]*\]|[*?]`)

// example returns a path that a glob matches.
func example(glob string) string { return wildcards.ReplaceAllString(glob, "x") }
