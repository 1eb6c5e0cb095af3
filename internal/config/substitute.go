package config

import (
	"regexp"
	"strings"
)

// substitute replaces the variables of s. A $ that is followed neither by a
// name nor by a brace nor by another $ is itself, as at the end of a regular
// expression.
func (x *expander) substitute(s string, pos Pos, path string) (string, bool) {
	var b strings.Builder
	ok := true
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			b.WriteString(s)
			return b.String(), ok
		}
		b.WriteString(s[:i])
		s = s[i:]
		if strings.HasPrefix(s, "$$") {
			b.WriteByte('$')
			s = s[2:]
			continue
		}
		name, n := variableAt(s)
		switch {
		case name != "":
			value, good := x.inText(name, pos, path)
			ok = ok && good
			s = s[n:]
			if name == "YAMLURL" {
				value, s = joinURL(b.String(), value, s)
				if x.quote {
					value = regexp.QuoteMeta(value)
				}
			}
			b.WriteString(value)
		case strings.HasPrefix(s, "${"):
			x.l.r.addf(ruleDollar, pos, path, "${ is not followed by a name and }; write $${ if no variable is meant")
			return b.String(), false
		default:
			b.WriteByte('$')
			s = s[1:]
		}
	}
}

// inText returns the value of a variable that stands within a longer text.
func (x *expander) inText(name string, pos Pos, path string) (string, bool) {
	v := x.resolve(name, pos, path)
	switch v.kind {
	case broken:
		return "", false
	case list, mapping:
		x.l.r.addf(ruleVarText, pos, path, "$%s is %s and cannot stand within a text", name, v.kind)
		return "", false
	}
	return v.text, true
}

// joinURL makes "/$YAMLURL/x" into "/x" where $YAMLURL is ".", the app's root.
func joinURL(before, value, after string) (string, string) {
	if value == "." && strings.HasSuffix(before, "/") {
		return "", strings.TrimPrefix(after, "/")
	}
	return value, after
}

// variableAt returns the name of the variable that s, which begins with a $,
// begins with, and how long that is; "" if none.
func variableAt(s string) (name string, n int) {
	if rest, ok := strings.CutPrefix(s, "${"); ok {
		name, _, ok := strings.Cut(rest, "}")
		if !ok || !isName(name) {
			return "", 0
		}
		return name, len(name) + 3
	}
	n = 1
	for n < len(s) && isNameByte(s[n], n == 1) {
		n++
	}
	return s[1:n], n
}

// onlyVariable returns the name of the variable that s is, if it is nothing
// else.
func onlyVariable(s string) (string, bool) {
	if !strings.HasPrefix(s, "$") {
		return "", false
	}
	name, n := variableAt(s)
	return name, name != "" && n == len(s)
}

func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}

func isNameByte(c byte, first bool) bool {
	switch {
	case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	}
	return !first && '0' <= c && c <= '9'
}
