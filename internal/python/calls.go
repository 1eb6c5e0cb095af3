package python

import (
	"context"
	"encoding/binary"
	"fmt"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// call asks the worker for the value of a hook and waits for it.
func (w *worker) call(ctx context.Context, info call.Info, endpoint string, hook call.Hook, effects call.Effects) (call.Value, error) {
	h := &holder{
		conn: info.Conn, endpoint: endpoint, session: info.Session, effects: effects,
		answer: make(chan reply, 1),
	}
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		return call.Value{}, errDied(endpoint)
	}
	w.lastCall = max(1, w.lastCall+1)
	h.calling = w.lastCall
	w.add(h)
	if hook == call.SelectSubprotocol {
		w.handshakes[info.Conn] = h
	}
	w.mu.Unlock()
	w.introduce(h, info, toCall, callHead(h.calling, hook))

	select {
	case r := <-h.answer:
		return r.result(endpoint, hook)
	case <-ctx.Done():
		w.giveUp(h, hook)
		return call.Value{}, fmt.Errorf("endpoint %s: %s did not answer in time: %w: %w",
			endpoint, hook, parley.ErrUnavailable, context.Cause(ctx))
	}
}

// callHead is what a CALL begins with.
func callHead(number uint32, hook call.Hook) []byte {
	head := binary.LittleEndian.AppendUint32(nil, number)
	switch {
	case hook == call.SelectSubprotocol:
		return append(head, 1)
	case hook.Judges():
		return appendStr16(append(head, 3), string(hook))
	}
	return append(head, 2)
}

// result is what the caller gets.
func (r reply) result(endpoint string, hook call.Hook) (call.Value, error) {
	switch {
	case r.workerEnded:
		return call.Value{}, errDied(endpoint)
	case r.status == replyRaised:
		return call.Value{}, &call.FunctionError{Hook: hook, Message: r.message, Traceback: r.traceback}
	case r.status == replyUnavailable:
		return call.Value{}, fmt.Errorf("endpoint %s: %s: %w", endpoint, r.message, parley.ErrUnavailable)
	}
	return r.value, nil
}

func errDied(endpoint string) error {
	return fmt.Errorf("endpoint %s: its worker ended: %w", endpoint, parley.ErrUnavailable)
}

// giveUp lets a call go on that nobody waits for. A function keeps its number
// and its session until it answers, so that both ends agree on the session; a
// handshake is over.
func (w *worker) giveUp(h *holder, hook call.Hook) {
	if hook == call.SelectSubprotocol {
		w.forget(h.conn)
		return
	}
	w.mu.Lock()
	h.effects = nil
	w.mu.Unlock()
}

// forget drops the handshake of conn, if there is one.
func (w *worker) forget(conn parley.ConnID) {
	w.mu.Lock()
	h := w.handshakes[conn]
	w.mu.Unlock()
	if h == nil {
		return
	}
	w.remove(h)
	w.link.send(toForget, h.number)
}

// answered hands a REPLY to who waits for it. Others are ignored: they come
// too late.
func (w *worker) answered(h *holder, r reply) {
	if h == nil {
		return
	}
	w.mu.Lock()
	mine := r.call == h.calling && h.calling != 0
	if mine {
		h.calling = 0
	}
	isHandshake := w.handshakes[h.conn] == h
	w.mu.Unlock()
	if !mine {
		return
	}
	if !isHandshake {
		w.remove(h)
	}
	select {
	case h.answer <- r:
	default: // the worker died in between, and said so
	}
}
