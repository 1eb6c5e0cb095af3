package gofunc

import (
	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A builtinStream is a connection whose functions are all built-ins: everything
// happens inside the calls, and nothing is kept.
type builtinStream struct {
	hooks   *hooks
	effects call.Effects
	values  []string // of arguments that are computed; nil if there are none
	failed  bool     // they could not be
}

func openBuiltins(info call.Info, h *hooks, effects call.Effects) *builtinStream {
	s := &builtinStream{hooks: h, effects: effects}
	var failure *call.FunctionError
	if s.values, failure = h.values(info); failure != nil {
		s.failed = true
		effects.Fail(failure)
	}
	s.run(call.Open, parley.Message{})
	return s
}

// Message runs on_message, which is done then (see Runtime.Traits).
func (s *builtinStream) Message(kind parley.Kind, data []byte) {
	s.run(call.OnMessage, parley.Message{Kind: kind, Data: data})
}

// Pong does nothing: no built-in works in on_pong.
func (s *builtinStream) Pong([]byte) {}

// Close runs on_close, which is the end.
func (s *builtinStream) Close(parley.CloseCode, string) {
	s.run(call.OnClose, parley.Message{})
	s.effects.Ended()
}

// run runs the built-ins of hook one after the other, until one panics.
func (s *builtinStream) run(hook call.Hook, m parley.Message) {
	steps := s.hooks.at(hook).steps
	if s.failed {
		return
	}
	defer func() {
		if len(steps) > 0 {
			s.effects.Fail(steps[0].stopped(hook, len(m.Data), recover()))
		}
	}()
	for ; len(steps) > 0; steps = steps[1:] {
		steps[0].builtin(s.effects, steps[0].argOf(s.values), m)
	}
}
