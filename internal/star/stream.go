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
	fn    *function      // of a hook, if there is one
	data  starlark.Value // of on_message and on_pong; the reason of on_close
	timer *timer         // that rings; nil if none does

	size   int // octets of on_message; -1 for others
	closed bool
	code   parley.CloseCode // of on_close
}

func (r *Runtime) openStream(info call.Info, compiled *hooks, effects call.Effects) *stream {
	var h *handler
	if compiled.functions[call.SelectSubprotocol] != nil {
		h = r.takeKept(info.Conn)
	}
	if h == nil {
		h = newHandler(r, compiled, info, effects, ofSocket)
	}
	h.effects = effects
	if info.Subprotocol != "" {
		h.subprotocol = starlark.String(info.Subprotocol)
	}
	s := &stream{handler: h}
	h.stream = s
	if fn := compiled.functions[call.Open]; fn != nil {
		s.put(happening{fn: fn, size: -1})
	}
	return s
}

func (s *stream) put(what happening) { s.queue.Put(&s.handler.runtime.group, s, what) }

// Message has on_message run.
func (s *stream) Message(kind parley.Kind, data []byte) {
	what := happening{fn: s.handler.hooks.message, size: len(data)}
	if what.fn == nil && s.queue.Idle() {
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
	if fn := s.handler.hooks.functions[call.OnPong]; fn != nil {
		s.put(happening{fn: fn, data: starlark.Bytes(data), size: -1})
	}
}

// Close has on_close run.
func (s *stream) Close(code parley.CloseCode, reason string) {
	s.put(happening{fn: s.handler.hooks.functions[call.OnClose], data: starlark.String(reason), size: -1, closed: true, code: code})
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
	case what.closed:
		s.end(what)
		return
	case what.fn != nil && !s.skip:
		s.runFunction(what.fn, max(what.size, 0), what.data)
	}
	if what.size >= 0 {
		h.effects.Done(what.size)
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
	if what.data != starlark.String("") {
		h.closeReason = what.data
	}
	if what.fn != nil {
		s.runFunction(what.fn, 0, nil)
	}
	h.over.Store(true)
	h.effects.Ended()
}

func (s *stream) runTimer(t *timer) {
	if t.stopped {
		return
	}
	h := s.handler
	_, err := h.value(h.runtime.runners.Get().(*runner), nil, t.ring, nil)
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

// runFunction runs the function of a hook; data is what it gets besides the
// handler, if anything.
func (s *stream) runFunction(fn *function, size int, data starlark.Value) {
	h := s.handler
	run := h.runtime.runners.Get().(*runner)
	vars := run.room(fn.all)
	vars[0] = h
	if data != nil {
		vars[1] = data
	}
	_, err := h.value(run, nil, fn.run, vars)
	if err != nil && !h.saysGone(err) {
		s.skip = true
		h.effects.Fail(failure(fn.hook, size, err))
	}
}

// saysGone reports whether err only says that the peer has left meanwhile.
func (h *handler) saysGone(err error) bool { return errors.Is(err, errClosed) && h.gone }

// value has run run fn, and then sends what it has changed of the session. done
// ends it early when it is closed.
func (h *handler) value(run *runner, done <-chan struct{}, fn evaluation, vars []starlark.Value) (starlark.Value, error) {
	value, err := run.do(done, h, h.runtime.opt.MaxSteps, fn, vars)
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
