package gofunc

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// An expression is the name or call of a built-in.
type expression struct {
	name string // without parley.
	arg  string // the text that is its argument; "" if there is none
	expr string // its argument, if that is no literal; "" if there is none
	at   int    // the column in which the argument begins
}

var (
	namePattern  = regexp.MustCompile(`^\s*parley\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)\s*`)
	emptyPattern = regexp.MustCompile(`^\(\s*\)\s*$`)
	openPattern  = regexp.MustCompile(`^\(\s*`)
	closePattern = regexp.MustCompile(`^\s*,?\s*\)\s*$`)
)

// parse reads parley.name, parley.name() or parley.name(argument). Its error
// names the column in text, counted in characters from 1, where that ends to
// be true.
func parse(text string) (expression, error) {
	m := namePattern.FindStringSubmatch(text)
	if m == nil {
		return expression{}, fmt.Errorf("%q is no built-in: it should read parley.name or parley.name(…)", text)
	}
	e := expression{name: m[1]}
	at := len(m[0])
	rest := text[at:]
	if rest == "" || emptyPattern.MatchString(rest) {
		return e, nil
	}
	open := openPattern.FindString(rest)
	if open == "" {
		return e, fmt.Errorf("column %d: nothing may follow parley.%s but its argument in brackets", column(text, at), e.name)
	}
	at += len(open)
	e.at = column(text, at)
	arg, size, err := literal(text[at:])
	if err == nil && closePattern.MatchString(text[at+size:]) {
		e.arg = arg
		return e, nil
	}
	inner, ok := closed(text[at:])
	switch {
	case !ok && err == nil:
		return e, fmt.Errorf("column %d: parley.%s takes one text in quotes and nothing after it", column(text, at+size), e.name)
	case !ok || err != nil && strings.HasPrefix(inner, text[at:at+1]) && strings.ContainsAny(inner[:1], `"'`):
		return e, fmt.Errorf("column %d: the argument of parley.%s %w", e.at, e.name, err)
	}
	e.expr = inner
	return e, nil
}

// closed cuts the last bracket off s, which closes the call.
func closed(s string) (inner string, ok bool) {
	inner, ok = strings.CutSuffix(strings.TrimSpace(s), ")")
	return strings.TrimSpace(inner), ok && strings.TrimSpace(inner) != ""
}

// literal reads the quoted text at the start of s and returns it and how many
// bytes it took. It knows the escapes that Python and Go share for quotes and
// backslashes, and refuses the others rather than reading them wrongly.
func literal(s string) (text string, size int, err error) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return "", 0, fmt.Errorf("must be one text in quotes")
	}
	var out []byte
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case s[0]:
			return string(out), i + 1, nil
		case '\n':
			return "", 0, fmt.Errorf("must stand on one line")
		case '\\':
			i++
			if i == len(s) || s[i] != '\\' && s[i] != '"' && s[i] != '\'' {
				return "", 0, fmt.Errorf(`may only escape quotes and \`)
			}
			out = append(out, s[i])
		default:
			out = append(out, c)
		}
	}
	return "", 0, fmt.Errorf("has no closing quote")
}

func column(text string, at int) int { return utf8.RuneCountInString(text[:at]) + 1 }
