package gofunc

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// An action does what one built-in does at one hook. m is empty but for
// on_message.
type action func(effects call.Effects, m parley.Message)

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

// compileBuiltin makes a step of a built-in. Its error says what is wrong with
// the text, and at which column of it.
func compileBuiltin(hook call.Hook, text call.Step) (step, error) {
	e, err := parse(text.Function)
	if err != nil {
		return step{}, err
	}
	all := builtins()
	b, ok := all[e.name]
	if !ok {
		return step{}, unknownBuiltin(e.name, all)
	}
	newAction, ok := b.at[hook]
	if !ok {
		return step{}, fmt.Errorf("parley.%s does not work here, only in %s", e.name, hookNames(b))
	}
	switch {
	case text.Args != nil || text.Kwargs != nil:
		return step{}, fmt.Errorf("parley.%s takes no args: or kwargs:; write arguments in the call", e.name)
	case b.takesName && (e.arg == nil || *e.arg == ""):
		return step{}, fmt.Errorf(`parley.%s needs a name: parley.%s("lobby")`, e.name, e.name)
	case !b.takesName && e.arg != nil:
		return step{}, fmt.Errorf("parley.%s takes no argument", e.name)
	}
	arg := ""
	if e.arg != nil {
		arg = *e.arg
	}
	return step{name: "parley." + e.name, builtin: newAction(arg)}, nil
}

// unknownBuiltin says which built-ins there are, or which may have been meant.
func unknownBuiltin(name string, all map[string]builtin) error {
	names := slices.Sorted(maps.Keys(all))
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("parley.%s is no built-in (did you mean parley.%s?)", name, near)
	}
	return fmt.Errorf("parley.%s is no built-in; there are parley.%s", name, strings.Join(names, ", parley."))
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
