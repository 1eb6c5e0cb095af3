package gofunc

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"parley.example/parley/internal/call"
)

// hooks are the compiled functions of one endpoint; read-only.
type hooks struct {
	open, message, pong, close  pipeline
	selectSubprotocol, function pipeline
	judges                      map[call.Hook]*pipeline
	builtins                    bool       // all of them are, if there are any
	computed                    []computed // arguments of built-ins
	session                     bool       // one of these may look at the session
}

// A pipeline is what one hook runs.
type pipeline struct {
	steps []step
	waits bool // one of them may
}

// A step is a built-in or a Go function.
type step struct {
	name     string
	builtin  action // nil if it is none
	arg      string // of the built-in
	computed int    // or which computed one that is; -1 for none
	Function
}

// at returns what runs at hook.
func (h *hooks) at(hook call.Hook) *pipeline {
	switch hook {
	case call.OnMessage:
		return &h.message
	case call.Open:
		return &h.open
	case call.OnPong:
		return &h.pong
	case call.OnClose:
		return &h.close
	case call.SelectSubprotocol:
		return &h.selectSubprotocol
	case call.Function:
		return &h.function
	}
	if p := h.judges[hook]; p != nil {
		return p
	}
	return &pipeline{}
}

// Compile makes an endpoint's functions ready. Its error is call.Problems, one
// for each step that is neither a built-in nor a registered function, does not
// fit its hook or has arguments that it cannot have.
func (r *Runtime) Compile(f call.Functions) (call.Hooks, error) {
	h := &hooks{builtins: true, judges: map[call.Hook]*pipeline{}}
	var problems call.Problems
	for hook, texts := range f.Hooks {
		if hook.Judges() {
			h.judges[hook] = &pipeline{}
		}
		p := h.at(hook)
		for _, text := range texts {
			st, err := r.compile(h, hook, text)
			if err != nil {
				problems = append(problems, call.Problem{
					Where: text.Where, Endpoint: f.Endpoint, Hook: hook, Text: err.Error(),
				})
				continue
			}
			p.steps = append(p.steps, st)
			if st.builtin == nil {
				h.builtins = false
				p.waits = p.waits || !st.NeverWaits
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return h, nil
}

// compile makes one step. Its error says what is wrong with it.
func (r *Runtime) compile(h *hooks, hook call.Hook, text call.Step) (step, error) {
	if call.IsBuiltin(text.Function) {
		return r.compileBuiltin(h, hook, text)
	}
	name := strings.TrimSpace(text.Function)
	f, ok := r.functions[name]
	if !ok {
		return step{}, r.unknown(name)
	}
	fits, hooks := f.fits(hook)
	wantsAnswer := slices.Contains(answers, hook) || hook.Judges()
	switch {
	case text.Args != nil || text.Kwargs != nil:
		return step{}, fmt.Errorf("args: and kwargs: do not reach %s, which is a Go function", name)
	case wantsAnswer && f.Answer == nil:
		return step{}, fmt.Errorf("%s returns no value, and %s needs one", name, hook)
	case !fits:
		return step{}, fmt.Errorf("%s does not work here, only in %s", name, hooks)
	}
	return step{name: cmp.Or(f.Name, name), Function: f}, nil
}

// unknown says what may have been meant by text.
func (r *Runtime) unknown(text string) error {
	if name, _, called := strings.Cut(text, "("); called {
		if name = strings.TrimSpace(name); r.functions[name].exists() {
			return fmt.Errorf("%s is a Go function: write its name alone, without brackets", name)
		}
	}
	if near := nearest(text, slices.Sorted(maps.Keys(r.functions))); near != "" {
		return fmt.Errorf("%q is no registered Go function (did you mean %s?)", text, near)
	}
	return fmt.Errorf("%q is neither a built-in, as parley.name or parley.name(…), nor a registered Go function", text)
}

func (f Function) exists() bool { return f.Run != nil || f.Answer != nil }

// nearest returns the one of names that is much like name, or "".
func nearest(name string, names []string) string {
	best, distance := "", 3 // more than two letters apart is another word
	for _, other := range names {
		if d := levenshtein.ComputeDistance(name, other); d < distance && d < len(other) {
			best, distance = other, d
		}
	}
	return best
}
