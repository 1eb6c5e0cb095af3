package gofunc

import (
	"context"
	"fmt"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A Runtime runs built-ins. It has no state of its own: all of it is in the
// streams.
type Runtime struct{}

// New returns the runtime of built-ins.
func New() *Runtime { return &Runtime{} }

var _ call.Runtime = (*Runtime)(nil)

// hooks are the compiled functions of one endpoint; read-only.
type hooks struct {
	open, message, close []action
}

// An action does what one built-in does at one hook. m is empty but for
// on_message.
type action func(effects call.Effects, m parley.Message)

// Compile implements call.Runtime, as do the other methods. Its error is
// call.Problems, one for each step that is no built-in, does not fit its hook
// or has other arguments than one literal.
func (r *Runtime) Compile(f call.Functions) (call.Hooks, error) {
	h := &hooks{}
	into := map[call.Hook]*[]action{call.Open: &h.open, call.OnMessage: &h.message, call.OnClose: &h.close}
	var problems call.Problems
	for hook, pipeline := range f.Hooks {
		for _, step := range pipeline {
			act, err := compile(hook, step)
			if err != nil {
				problems = append(problems, call.Problem{
					Where: step.Where, Endpoint: f.Endpoint, Hook: hook, Text: err.Error(),
				})
				continue
			}
			*into[hook] = append(*into[hook], act)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return h, nil
}

// Ready has nothing to wait for.
func (r *Runtime) Ready(context.Context, call.Hooks) error { return nil }

// Traits implements call.Describer.
func (r *Runtime) Traits(call.Hooks) call.Traits { return call.Traits{NoSession: true, Prompt: true} }

// Open runs the open functions and returns the connection's stream.
func (r *Runtime) Open(_ call.Info, compiled call.Hooks, effects call.Effects) call.Stream {
	h := compiled.(*hooks)
	run(h.open, effects, parley.Message{})
	return &stream{hooks: h, effects: effects}
}

// Call answers nothing: no built-in works at a hook that must be answered.
func (r *Runtime) Call(_ context.Context, info call.Info, _ call.Hooks, hook call.Hook, _ call.Effects) (call.Value, error) {
	return call.Value{}, fmt.Errorf("%s of %s: no built-in answers it", hook, info.Endpoint)
}

// Forget has nothing to drop.
func (r *Runtime) Forget(parley.ConnID) {}

// A stream is one connection's life: everything happens inside the calls.
type stream struct {
	hooks   *hooks
	effects call.Effects
}

func (s *stream) Message(kind parley.Kind, data []byte) {
	run(s.hooks.message, s.effects, parley.Message{Kind: kind, Data: data})
}

func (s *stream) Pong([]byte) {}

func (s *stream) Close(parley.CloseCode, string) {
	run(s.hooks.close, s.effects, parley.Message{})
	s.effects.Ended()
}

func run(actions []action, effects call.Effects, m parley.Message) {
	for _, act := range actions {
		act(effects, m)
	}
}
