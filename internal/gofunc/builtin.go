package gofunc

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// An action does what one built-in does at one hook. name is its argument, "" if
// it takes none. m is empty but for on_message.
type action func(effects call.Effects, name string, m parley.Message)

// A builtin is one function under parley.
type builtin struct {
	takesName bool // one argument, a channel's name; otherwise it takes none
	at        map[call.Hook]action
}

// builtins returns all built-ins by name. What one does depends on the hook.
func builtins() map[string]builtin {
	return map[string]builtin{
		"echo": {at: map[call.Hook]action{
			call.OnMessage: func(effects call.Effects, _ string, m parley.Message) { _ = effects.Write(m.Kind, m.Data) },
		}},
		"room": {takesName: true, at: map[call.Hook]action{
			call.Open:      func(effects call.Effects, room string, _ parley.Message) { effects.Subscribe(room) },
			call.OnMessage: func(effects call.Effects, room string, m parley.Message) { effects.Publish(room, m) },
			call.OnClose:   func(effects call.Effects, room string, _ parley.Message) { effects.Unsubscribe(room) },
		}},
	}
}

// compileBuiltin makes a step of a built-in. Its error says what is wrong with
// the text, and at which column of it.
func (r *Runtime) compileBuiltin(h *hooks, hook call.Hook, text call.Step) (step, error) {
	e, err := parse(text.Function)
	if err != nil {
		return step{}, err
	}
	all := builtins()
	b, ok := all[e.name]
	if !ok {
		return step{}, unknownBuiltin(e.name, all)
	}
	do, ok := b.at[hook]
	if !ok {
		return step{}, fmt.Errorf("parley.%s does not work here, only in %s", e.name, hookNames(b))
	}
	switch {
	case text.Args != nil || text.Kwargs != nil:
		return step{}, fmt.Errorf("parley.%s takes no args: or kwargs:; write arguments in the call", e.name)
	case b.takesName && e.arg == "" && e.expr == "":
		return step{}, fmt.Errorf(`parley.%s needs a name: parley.%s("lobby")`, e.name, e.name)
	case !b.takesName && (e.arg != "" || e.expr != ""):
		return step{}, fmt.Errorf("parley.%s takes no argument", e.name)
	}
	if err := call.CheckChannel(e.arg); err != nil {
		return step{}, fmt.Errorf("parley.%s: %w", e.name, err)
	}
	st := step{name: "parley." + e.name, builtin: do, arg: e.arg, computed: -1}
	if e.expr != "" {
		if r.evaluate == nil {
			return step{}, fmt.Errorf("column %d: the argument of parley.%s must be one text in quotes", e.at, e.name)
		}
		if st.computed, err = r.compute(h, e.expr, text); err != nil {
			return step{}, fmt.Errorf("the argument of parley.%s: %w", e.name, err)
		}
	}
	return st, nil
}

// compute makes an argument ready that is an expression, and returns which one
// of the connection's it will be. Equal ones are one: what open joins,
// on_message publishes to.
func (r *Runtime) compute(h *hooks, expr string, text call.Step) (int, error) {
	for i, other := range h.computed {
		if other.text == expr {
			return i, nil
		}
	}
	value, err := r.evaluate(call.Step{Function: expr, Where: text.Where, Begin: text.Begin})
	if err != nil {
		return 0, err
	}
	h.computed = append(h.computed, computed{expr, value})
	h.session = h.session || strings.Contains(expr, "session") || strings.Contains(expr, "current_user")
	return len(h.computed) - 1, nil
}

// computed is an argument that each connection has its own value of.
type computed struct {
	text  string
	value func(call.Info) (string, error)
}

// values computes the arguments of one connection. Its error is a failure of
// open.
func (h *hooks) values(info call.Info) ([]string, *call.FunctionError) {
	if len(h.computed) == 0 {
		return nil, nil
	}
	values := make([]string, len(h.computed))
	for i, c := range h.computed {
		var err error
		switch values[i], err = c.value(info); {
		case err != nil:
		case values[i] == "":
			err = errors.New("it is an empty text, which is no channel's name")
		default:
			err = call.CheckChannel(values[i])
		}
		if err != nil {
			return nil, &call.FunctionError{Hook: call.Open, Message: oneLine(c.text + ": " + err.Error())}
		}
	}
	return values, nil
}

// argOf is the argument of a built-in on a connection with these values.
func (st *step) argOf(values []string) string {
	if st.computed >= 0 {
		return values[st.computed]
	}
	return st.arg
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
