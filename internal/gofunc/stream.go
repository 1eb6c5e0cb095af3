package gofunc

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// closeGrace is how long the context of on_close lives.
const closeGrace = 30 * time.Second

var errCloseGrace = errors.New("on_close has had its time")

// A stream is a connection with Go functions. A call is run by whoever brings
// it if its functions never wait and nothing is before it, else by the
// goroutine of the connection, which is there while calls wait in the queue.
//
// The endpoint's window bounds the queue: it hands over no message while so
// many are not done. Pongs are only those of pings that functions have sent.
type stream struct {
	runtime *Runtime                // set by openStream, then read-only, as are the next three
	hooks   *hooks                  //
	ctx     context.Context         // of all functions but on_close
	cancel  context.CancelCauseFunc // ends ctx
	conn    Conn

	working atomic.Bool // the goroutine is there, and runs all calls; changed under mu

	mu    sync.Mutex // guards what follows
	queue []Call     // wait for those before them; nil if there are none
}

func (r *Runtime) openStream(info call.Info, h *hooks, effects call.Effects) *stream {
	s := &stream{runtime: r, hooks: h}
	s.ctx, s.cancel = context.WithCancelCause(r.life)
	s.conn.set(info, effects)
	if len(h.selectSubprotocol.steps) > 0 {
		s.conn.State = r.takeKept(info.Conn)
	}
	if len(h.open.steps) == 0 {
		return s
	}
	c := s.newCall(call.Open)
	own := info
	c.Info = &own
	if h.open.waits {
		own.Request = info.Request.Clone(s.ctx)
		s.put(c)
	} else {
		s.run(c)
	}
	return s
}

func (s *stream) newCall(hook call.Hook) Call { return Call{Conn: &s.conn, Hook: hook} }

// Message runs on_message, or has it run.
func (s *stream) Message(kind parley.Kind, data []byte) {
	c := s.newCall(call.OnMessage)
	c.Kind, c.Data = kind, data
	if s.mayRun(&s.hooks.message) {
		s.run(c)
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
	c.Data = data
	if s.mayRun(&s.hooks.pong) {
		s.run(c)
		return
	}
	c.Data = bytes.Clone(data)
	s.put(c)
}

// Close ends the context of the functions before on_close, and runs that, or
// has it run.
func (s *stream) Close(code parley.CloseCode, reason string) {
	s.cancel(parley.ErrClosed)
	c := s.newCall(call.OnClose)
	c.Code, c.Reason = code, reason
	if s.mayRun(&s.hooks.close) {
		s.run(c)
		return
	}
	s.put(c)
}

// mayRun reports whether p may run now, by whoever has brought its call. Nobody
// else brings one meanwhile, so the goroutine cannot come back.
func (s *stream) mayRun(p *pipeline) bool { return !p.waits && !s.working.Load() }

// put has c run after those before it.
func (s *stream) put(c Call) {
	s.mu.Lock()
	s.queue = append(s.queue, c)
	start := !s.working.Swap(true)
	s.mu.Unlock()
	if start {
		s.runtime.begins()
		go s.work()
	}
}

// next takes the first call of the queue. If there is none, the goroutine that
// asks is the connection's no more.
func (s *stream) next() (c Call, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil
		s.working.Store(false)
		return Call{}, false
	}
	c = s.queue[0]
	s.queue[0] = Call{}
	s.queue = s.queue[1:]
	return c, true
}

// work is the goroutine of the connection. If a function ends it, another goes
// on.
func (s *stream) work() {
	over := false
	defer func() {
		if over {
			s.runtime.ends()
		} else {
			go s.work()
		}
	}()
	for {
		c, ok := s.next()
		if !ok {
			over = true
			return
		}
		s.run(c)
	}
}

// run runs the functions of c and answers it, whatever they do.
func (s *stream) run(c Call) {
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
		if err := steps[0].run(ctx, c); err != nil {
			running = false
			if c.Hook == call.OnClose || !told(ctx, err) {
				s.fail(steps[0].failed(c.Hook, size, err))
			}
			return
		}
	}
}

func (st *step) run(ctx context.Context, c Call) error {
	if st.builtin != nil {
		st.builtin(c.effects, parley.Message{Kind: c.Kind, Data: c.Data})
		return nil
	}
	return st.Run(ctx, c)
}

func (s *stream) fail(err *call.FunctionError) {
	s.conn.skip.Store(true)
	s.conn.effects.Fail(err)
}

func (c *Conn) set(info call.Info, effects call.Effects) {
	c.id, c.endpoint, c.session, c.effects = info.Conn, info.Endpoint, info.Session, effects
}
