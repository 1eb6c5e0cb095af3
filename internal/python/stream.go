package python

import (
	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A stream is one connection inside a worker. Once its worker has died it does
// nothing.
type stream struct {
	worker *worker
	holder *holder
}

// open begins a connection's life, in place of the handshake that
// select_subprotocol left, if there is one. It reports false if w has died.
func (w *worker) open(info call.Info, endpoint string, effects call.Effects) (*stream, bool) {
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		return nil, false
	}
	h := w.handshakes[info.Conn]
	if h != nil {
		delete(w.handshakes, info.Conn)
	} else {
		h = &holder{conn: info.Conn, endpoint: endpoint, session: info.Session}
		w.add(h)
	}
	h.effects = effects
	h.isOpen = true
	w.mu.Unlock()

	w.introduce(h, info, toOpen, nil)
	return &stream{worker: w, holder: h}, true
}

// Message implements call.Stream, as do the other methods.
func (s *stream) Message(kind parley.Kind, data []byte) {
	typ := toText
	if kind == parley.Binary {
		typ = toBinary
	}
	s.worker.link.send(typ, s.holder.number, data)
}

// Pong tells the worker of a pong.
func (s *stream) Pong(data []byte) { s.worker.link.send(toPong, s.holder.number, data) }

// Close tells the worker that the connection has ended.
func (s *stream) Close(code parley.CloseCode, reason string) {
	s.worker.mu.Lock()
	s.holder.closing = true
	s.worker.mu.Unlock()
	s.worker.link.send(toClose, s.holder.number, encodeClose(code, reason))
}

// ended is the stream of a connection that no worker took.
type ended struct{}

func (ended) Message(parley.Kind, []byte) {}

func (ended) Pong([]byte) {}

func (ended) Close(parley.CloseCode, string) {}
