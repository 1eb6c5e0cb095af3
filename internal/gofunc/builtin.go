package gofunc

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A builtin makes the actions of one function under parley.
type builtin struct {
	takesName bool // one argument, a channel's name; otherwise it takes none
	at        map[call.Hook]func(name string) action
}

// builtins returns all built-ins by name. What one does depends on the hook.
func builtins() map[string]builtin {
	return map[string]builtin{
		"echo": {at: map[call.Hook]func(string) action{
			call.OnMessage: func(string) action {
				return func(effects call.Effects, m parley.Message) { effects.Write(m.Kind, m.Data) }
			},
		}},
		"room": {takesName: true, at: map[call.Hook]func(string) action{
			call.Open: func(room string) action {
				return func(effects call.Effects, _ parley.Message) { effects.Subscribe(room) }
			},
			call.OnMessage: func(room string) action {
				return func(effects call.Effects, m parley.Message) { effects.Publish(room, m) }
			},
			call.OnClose: func(room string) action {
				return func(effects call.Effects, _ parley.Message) { effects.Unsubscribe(room) }
			},
		}},
	}
}

// compile makes the action of one step. Its error says what is wrong with the
// step's text, and at which column of it.
func compile(hook call.Hook, step call.Step) (action, error) {
	e, err := parse(step.Function)
	if err != nil {
		return nil, err
	}
	all := builtins()
	b, ok := all[e.name]
	if !ok {
		return nil, fmt.Errorf("parley.%s is no built-in%s", e.name, nearest(e.name, all))
	}
	newAction, ok := b.at[hook]
	if !ok {
		return nil, fmt.Errorf("parley.%s does not work here, only in %s", e.name, hookNames(b))
	}
	switch {
	case step.Args != nil || step.Kwargs != nil:
		return nil, fmt.Errorf("parley.%s takes no args: or kwargs:; write arguments in the call", e.name)
	case b.takesName && (e.arg == nil || *e.arg == ""):
		return nil, fmt.Errorf(`parley.%s needs a name: parley.%s("lobby")`, e.name, e.name)
	case !b.takesName && e.arg != nil:
		return nil, fmt.Errorf("parley.%s takes no argument", e.name)
	}
	if e.arg == nil {
		return newAction(""), nil
	}
	return newAction(*e.arg), nil
}

// nearest suggests a built-in whose name is much like name.
func nearest(name string, all map[string]builtin) string {
	best, distance := "", 3 // more than two letters apart is another word
	for _, other := range slices.Sorted(maps.Keys(all)) {
		if d := levenshtein.ComputeDistance(name, other); d < distance && d < len(other) {
			best, distance = other, d
		}
	}
	if best != "" {
		return fmt.Sprintf(" (did you mean parley.%s?)", best)
	}
	return fmt.Sprintf("; there are parley.%s", strings.Join(slices.Sorted(maps.Keys(all)), ", parley."))
}

// hookNames lists where b works, in the order of a connection's life.
func hookNames(b builtin) string {
	var names []string
	for _, hook := range []call.Hook{call.Open, call.OnMessage, call.OnClose} {
		if b.at[hook] != nil {
			names = append(names, string(hook))
		}
	}
	return strings.Join(names, ", ")
}
