package config

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

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
