package call

import (
	"regexp"
	"slices"
	"strings"
)

// IsBuiltin reports whether text is a name under parley. or a call of one.
func IsBuiltin(text string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "parley")
	return ok && strings.HasPrefix(strings.TrimSpace(rest), ".")
}

var (
	dottedName = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)+$`)
	calledName = regexp.MustCompile(`^([\pL_][\pL\pN_]*(?:\.[\pL_][\pL\pN_]*)+)\s*\(`)
)

// pathOf returns the names of a text that is module.function, or a call of it;
// nil if it is something else, or begins with one of the variables.
func pathOf(variables []string, text string) (path []string, called bool) {
	if m := calledName.FindStringSubmatch(text); m != nil {
		text, called = m[1], true
	}
	if !dottedName.MatchString(text) {
		return nil, false
	}
	path = strings.Split(text, ".")
	if slices.Contains(variables, path[0]) {
		return nil, false
	}
	return path, called
}

// short is text for an error message: one line, not long.
func short(text string) string {
	const most = 40 // characters
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
