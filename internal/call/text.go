package call

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// isBuiltin reports whether text is a name under parley. or a call of one.
func isBuiltin(text string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "parley")
	return ok && strings.HasPrefix(strings.TrimSpace(rest), ".")
}

var dottedName = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)+$`)

// describe says in a few words what a hook's function is.
func describe(hook Hook, pipeline Pipeline) string {
	if len(pipeline) != 1 {
		return fmt.Sprintf("pipeline of %d", len(pipeline))
	}
	text := strings.TrimSpace(pipeline[0].Function)
	if isBuiltin(text) {
		return "built-in"
	}
	if dottedName.MatchString(text) {
		first, _, _ := strings.Cut(text, ".")
		if !slices.Contains(hook.Vars(), first) {
			return "module " + text[:strings.LastIndexByte(text, '.')]
		}
	}
	return "expression"
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
