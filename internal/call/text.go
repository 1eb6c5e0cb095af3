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

// moduleOf returns the module of a text that is module.function, or calls it if
// called may be; "" if it is another expression. A variable of hook is no
// module.
func moduleOf(hook Hook, text string, called bool) string {
	text = strings.TrimSpace(text)
	if m := calledName.FindStringSubmatch(text); called && m != nil {
		text = m[1]
	}
	if !dottedName.MatchString(text) {
		return ""
	}
	first, _, _ := strings.Cut(text, ".")
	if slices.Contains(hook.Vars(), first) {
		return ""
	}
	return text[:strings.LastIndexByte(text, '.')]
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
