package gofunc

import (
	"bytes"
	"context"
	"errors"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/serial"
)

// closeGrace is how long the context of on_close lives.
const closeGrace = 30 * time.Second

var errCloseGrace = errors.New("on_close has had its time")

// A stream is a connection with Go functions. A call is run by whoever brings
// it if its functions never wait and nothing is before it, else by the
// goroutine of its queue.
//
// The endpoint's window bounds the queue: it hands over no message while so
// many are not done. Pongs are only those of pings that functions have sent.
type stream struct {
	runtime *Runtime                // set by openStream, then read-only, as are the next four
	hooks   *hooks                  //
	ctx     context.Context         // of all functions but on_close
	cancel  context.CancelCauseFunc // ends ctx
	conn    Conn
	values  []string // of arguments of built-ins that are computed; nil if there are none

	queue serial.Queue[Call]
}

func (r *Runtime) openStream(info call.Info, h *hooks, effects call.Effects) *stream {
	s := &stream{runtime: r, hooks: h}
	s.ctx, s.cancel = context.WithCancelCause(r.life)
	s.conn.set(s.ctx, info, effects)
	if len(h.selectSubprotocol.steps) > 0 {
		s.conn.state = r.takeKept(info.Conn)
	}
	var failure *call.FunctionError
	if s.values, failure = h.values(info); failure != nil {
		s.fail(failure)
		return s
	}
	if len(h.open.steps) == 0 {
		return s
	}
	c := s.newCall(call.Open)
	if h.open.waits {
		s.put(c)
	} else {
		s.Run(c)
	}
	return s
}

func (s *stream) newCall(hook call.Hook) Call { return Call{Conn: &s.conn, Hook: hook} }

// Message runs on_message, or has it run.
func (s *stream) Message(kind parley.Kind, data []byte) {
	c := s.newCall(call.OnMessage)
	c.Kind, c.Data = kind, data
	if s.mayRun(&s.hooks.message) {
		s.Run(c)
		return
	}
	c.Data = bytes.Clone(data)
	s.put(c)
}

// Pong runs on_pong, or has it run.
func (s *stream) Pong(data []byte) {
	if len(s.hooks.pong.steps) == 0 {
		return
	}
	c := s.newCall(call.OnPong)
	c.Kind, c.Data = parley.Binary, data
	if s.mayRun(&s.hooks.pong) {
		s.Run(c)
		return
	}
	c.Data = bytes.Clone(data)
	s.put(c)
}

// Close ends the context of the functions before on_close, and runs that, or
// has it run.
func (s *stream) Close(code parley.CloseCode, reason string) {
	s.conn.closed.Store(true)
	s.cancel(parley.ErrClosed)
	c := s.newCall(call.OnClose)
	c.Code, c.Reason = code, reason
	if s.mayRun(&s.hooks.close) {
		s.Run(c)
		return
	}
	s.put(c)
}

// mayRun reports whether p may run now, by whoever has brought its call. Nobody
// else brings one meanwhile.
func (s *stream) mayRun(p *pipeline) bool { return !p.waits && s.queue.Idle() }

// put has c run after those before it.
func (s *stream) put(c Call) { s.queue.Put(&s.runtime.group, s, c) }

// Run runs the functions of c and answers it, whatever they do.
func (s *stream) Run(c Call) {
	switch c.Hook {
	case call.OnMessage:
		defer s.conn.effects.Done(len(c.Data))
	case call.OnClose:
		defer s.end()
		s.runClose(c)
		return
	}
	if !s.conn.skip.Load() {
		s.runSteps(s.ctx, c)
	}
}

func (s *stream) runClose(c Call) {
	if len(s.hooks.close.steps) == 0 {
		return
	}
	ctx, cancel := context.WithTimeoutCause(s.runtime.life, closeGrace, errCloseGrace)
	defer cancel()
	s.runSteps(ctx, c)
}

// end is the stream's last word.
func (s *stream) end() {
	s.conn.over.Store(true)
	s.conn.effects.Ended()
}

// runSteps runs the functions of c one after the other, until one fails.
func (s *stream) runSteps(ctx context.Context, c Call) {
	steps, size := s.hooks.at(c.Hook).steps, 0
	if c.Hook == call.OnMessage {
		size = len(c.Data)
	}
	running := true
	defer func() {
		if running && len(steps) > 0 {
			s.fail(steps[0].stopped(c.Hook, size, recover()))
		}
	}()
	for ; len(steps) > 0; steps = steps[1:] {
		if err := steps[0].run(ctx, c, s.values); err != nil {
			running = false
			if !s.saysGone(ctx, c.Hook, err) {
				s.fail(steps[0].failed(c.Hook, size, err))
			}
			return
		}
	}
}

// saysGone reports whether err only says that the peer has left meanwhile.
func (s *stream) saysGone(ctx context.Context, hook call.Hook, err error) bool {
	if hook == call.OnClose { // whose ctx ends when it has had its time
		return errors.Is(err, parley.ErrClosed)
	}
	return told(ctx, err)
}

func (st *step) run(ctx context.Context, c Call, values []string) error {
	if st.builtin != nil {
		st.builtin(c.effects, st.argOf(values), parley.Message{Kind: c.Kind, Data: c.Data})
		return nil
	}
	return st.Run(ctx, c)
}

func (s *stream) fail(err *call.FunctionError) {
	s.conn.skip.Store(true)
	s.conn.effects.Fail(err)
}
