package calltest

import (
	"context"
	"fmt"
	"sync"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// Runtime is a call.Runtime whose on_message answers each message with itself,
// at once. It remembers what it heard, one line a call: `open 1 echo`,
// `message 1 text "hi"`, `pong 1 "x"`, `close 1 1000 "bye"`, `forget 1`. It is
// safe for concurrent use.
type Runtime struct {
	Unready error                                          // what Ready returns
	Answer  func(call.Info, call.Hook) (call.Value, error) // what Call returns; nil means None

	mu    sync.Mutex
	lines []string
}

// Lines returns what was heard so far.
func (r *Runtime) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

func (r *Runtime) addf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// Compile implements call.Runtime, as do the other methods: the functions are
// their own compiled form.
func (r *Runtime) Compile(f call.Functions) (call.Hooks, error) { return f, nil }

// Ready returns r.Unready.
func (r *Runtime) Ready(context.Context, call.Info, call.Hooks) error { return r.Unready }

// Open returns a stream that echoes.
func (r *Runtime) Open(info call.Info, _ call.Hooks, effects call.Effects) call.Stream {
	r.addf("open %s %s", info.Conn, info.Endpoint)
	return &stream{runtime: r, conn: info.Conn, effects: effects}
}

// Call returns what r.Answer says.
func (r *Runtime) Call(_ context.Context, info call.Info, _ call.Hooks, hook call.Hook, _ call.Effects) (call.Value, error) {
	r.addf("call %s %s", info.Conn, hook)
	if r.Answer == nil {
		return call.Value{}, nil
	}
	return r.Answer(info, hook)
}

// Forget remembers conn.
func (r *Runtime) Forget(conn parley.ConnID) { r.addf("forget %s", conn) }

type stream struct {
	runtime *Runtime
	conn    parley.ConnID
	effects call.Effects
}

func (s *stream) Message(kind parley.Kind, data []byte) {
	s.runtime.addf("message %s %s %q", s.conn, kind, data)
	_ = s.effects.Write(kind, data)
	s.effects.Done(len(data))
}

func (s *stream) Pong(data []byte) { s.runtime.addf("pong %s %q", s.conn, data) }

func (s *stream) Close(code parley.CloseCode, reason string) {
	s.runtime.addf("close %s %s %q", s.conn, code, reason)
	s.effects.Ended()
}
