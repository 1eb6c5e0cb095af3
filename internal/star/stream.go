package star

import (
	"errors"

	"go.starlark.net/starlark"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/serial"
)

// A stream is a connection with Starlark functions. They run one at a time, on
// the goroutine of its queue.
//
// The endpoint's window bounds the messages in the queue. Pongs are only those
// of pings that functions have sent; a timer rings again only when it has been
// called.
type stream struct {
	handler *handler // set by openStream, then read-only
	queue   serial.Queue[happening]
	skip    bool // a function failed, or has closed: no more messages; owned by the queue's calls
}

// A happening is what a function is called for.
type happening struct {
	hook call.Hook // "" for a timer

	data starlark.Value // of on_message and on_pong
	size int            // octets of on_message

	code   parley.CloseCode // of on_close
	reason string

	timer *timer
}

func (r *Runtime) openStream(info call.Info, compiled *hooks, effects call.Effects) *stream {
	var h *handler
	if compiled.functions[call.SelectSubprotocol] != nil {
		h = r.takeKept(info.Conn)
	}
	if h == nil {
		h = newHandler(r, compiled, info, effects, true)
	}
	h.effects = effects
	if info.Subprotocol != "" {
		h.subprotocol = starlark.String(info.Subprotocol)
	}
	s := &stream{handler: h}
	h.stream = s
	if compiled.functions[call.Open] != nil {
		s.put(happening{hook: call.Open})
	}
	return s
}

func (s *stream) put(what happening) { s.queue.Put(&s.handler.runtime.group, s, what) }

// Message has on_message run.
func (s *stream) Message(kind parley.Kind, data []byte) {
	what := happening{hook: call.OnMessage, size: len(data)}
	if s.handler.hooks.functions[call.OnMessage] == nil && s.queue.Idle() {
		s.handler.effects.Done(len(data))
		return
	}
	if kind == parley.Text {
		what.data = starlark.String(data)
	} else {
		what.data = starlark.Bytes(data)
	}
	s.put(what)
}

// Pong has on_pong run.
func (s *stream) Pong(data []byte) {
	if s.handler.hooks.functions[call.OnPong] != nil {
		s.put(happening{hook: call.OnPong, data: starlark.Bytes(data)})
	}
}

// Close has on_close run.
func (s *stream) Close(code parley.CloseCode, reason string) {
	s.put(happening{hook: call.OnClose, code: code, reason: reason})
}

// ring has a timer's function run.
func (s *stream) ring(t *timer) { s.put(happening{timer: t}) }

// Run implements serial.Runner.
func (s *stream) Run(what happening) {
	h := s.handler
	switch {
	case what.timer != nil:
		s.runTimer(what.timer)
		return
	case what.hook == call.OnClose:
		s.end(what)
		return
	case what.hook == call.OnMessage:
		defer h.effects.Done(what.size)
	}
	if !s.skip {
		s.runHook(what.hook, what.size, what.data)
	}
}

// end runs on_close, the last function of all.
func (s *stream) end(what happening) {
	h := s.handler
	h.gone, h.left = true, true
	for t := range h.timers {
		t.stop()
	}
	if what.code != parley.CloseNoStatus {
		h.closeCode = starlark.MakeInt(int(what.code))
	}
	if what.reason != "" {
		h.closeReason = starlark.String(what.reason)
	}
	s.runHook(call.OnClose, 0, nil)
	h.over.Store(true)
	h.effects.Ended()
}

func (s *stream) runTimer(t *timer) {
	if t.stopped {
		return
	}
	h := s.handler
	err := h.run(func(thread *starlark.Thread) (starlark.Value, error) {
		return starlark.Call(thread, t.fn, nil, nil)
	})
	if err != nil && !h.saysGone(err) {
		h.effects.Fail(failure("", 0, err))
	}
	switch {
	case t.stopped:
	case t.again:
		t.set()
	default:
		t.stop()
	}
}

// runHook runs the functions of hook; data is what they get besides the
// handler, if anything.
func (s *stream) runHook(hook call.Hook, size int, data starlark.Value) {
	h := s.handler
	fn := h.hooks.functions[hook]
	if fn == nil {
		return
	}
	err := h.run(func(thread *starlark.Thread) (starlark.Value, error) {
		vars := make([]starlark.Value, fn.all)
		vars[0] = h
		if data != nil {
			vars[1] = data
		}
		return fn.call(thread, vars)
	})
	if err != nil && !h.saysGone(err) {
		s.skip = true
		h.effects.Fail(failure(hook, size, err))
	}
}

// saysGone reports whether err only says that the peer has left meanwhile.
func (h *handler) saysGone(err error) bool { return errors.Is(err, errClosed) && h.gone }

// run runs fn and then sends what it has changed of the session.
func (h *handler) run(fn func(*starlark.Thread) (starlark.Value, error)) error {
	_, err := h.value(nil, fn)
	return err
}

// value is run with a value. done ends it early when it is closed.
func (h *handler) value(done <-chan struct{}, fn func(*starlark.Thread) (starlark.Value, error)) (starlark.Value, error) {
	run := h.runtime.runners.Get().(*runner)
	value, err := run.do(done, h, h.runtime.opt.MaxSteps, fn)
	h.runtime.runners.Put(run)
	if h.values != nil {
		change, changed, failed := h.values.changes()
		if changed && !h.over.Load() {
			h.effects.SetSession(change, nil)
		}
		if err == nil {
			err = failed
		}
	}
	return value, err
}
