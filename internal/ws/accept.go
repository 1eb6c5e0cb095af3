package ws

import (
	"bytes"
	"net"
	"net/http"
	"time"

	"parley.example/parley"
)

// Accept is what a connection is opened with. Handler must be set.
type Accept struct {
	ID      parley.ConnID // 0: the engine makes one
	Handler Handler

	Subprotocol string      // one that the peer offered; "" for none
	Header      http.Header // more headers of the 101, such as Set-Cookie

	MaxMessage int // octets; 0 means 1 MiB
	Outbox     int // octets; 0 means 1 MiB, or twice MaxMessage if that is more

	// 0 means the engine's, negative never.
	PingEvery, StaleAfter time.Duration
}

// Accept takes w's connection over, queues the 101 that answers the opening
// handshake r, calls OnOpen and starts the driver: the 101 and what OnOpen has
// sent leave together. Once it has returned without an error, w is of no use.
// The error is a *HandshakeError: nothing has been answered yet.
func (e *Engine) Accept(w http.ResponseWriter, r *http.Request, a Accept) (*Conn, error) {
	if err := checkUpgrade(r); err != nil {
		e.counters.refused.Add(1)
		return nil, err
	}
	if err := e.reserve(); err != nil {
		e.counters.refused.Add(1)
		return nil, err
	}
	nc, buffered, err := hijack(w)
	if err != nil {
		e.release()
		e.log.Error("cannot take over a connection", "err", err)
		return nil, &HandshakeError{Status: http.StatusInternalServerError, Message: "internal error", cause: err}
	}
	key, _ := keyOf(r)
	_ = nc.SetDeadline(time.Time{})
	return e.start(nc, response(key, a.Subprotocol, a.Header), buffered, a), nil
}

// hijack takes the connection over from net/http, with the octets that came
// after the request.
func hijack(w http.ResponseWriter) (nc net.Conn, buffered []byte, err error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return nc, bytes.Clone(early), nil
}

// Adopt starts a connection on nc, as if its 101 had just been written;
// buffered are octets that have been read from it already, and are the
// engine's from now on. nc's deadlines must work; its CloseWrite, if it has
// one, is used. The error is a *HandshakeError if the engine takes no new
// connection; nc is still the caller's then.
func (e *Engine) Adopt(nc net.Conn, buffered []byte, a Accept) (*Conn, error) {
	if err := e.reserve(); err != nil {
		e.counters.refused.Add(1)
		return nil, err
	}
	return e.start(nc, nil, buffered, a), nil
}

// start makes the connection of a reserved place and starts its reader. What
// goes out first is greeting.
func (e *Engine) start(nc net.Conn, greeting, buffered []byte, a Accept) *Conn {
	if a.ID == 0 {
		a.ID = e.NewID()
	}
	if a.MaxMessage == 0 {
		a.MaxMessage = 1 << 20
	}
	if a.Outbox == 0 {
		a.Outbox = max(1<<20, 2*a.MaxMessage)
	}
	c := &Conn{
		id:           a.ID,
		engine:       e,
		handler:      a.Handler,
		pingEvery:    interval(a.PingEvery, e.pingEvery),
		staleAfter:   interval(a.StaleAfter, e.staleAfter),
		closeTimeout: e.closeTimeout,
		in:           inbound{limit: a.MaxMessage},
		out:          outbox{buffers: e.buffers, limit: a.Outbox, turn: true},
	}
	d := &goroutine{conn: c, engine: e, socket: newSocket(nc, e.buffers), woken: make(chan struct{}, 1)}
	d.timer = time.AfterFunc(time.Hour, func() { c.tick(d.now()) })
	d.timer.Stop()
	c.driver = d

	now := d.now()
	c.mu.Lock()
	c.clock.heard, c.clock.pinged, c.clock.progress = now, now, now
	c.rearm(now)
	c.mu.Unlock()
	c.out.write(greeting)
	drain := e.add(c)
	c.handler.OnOpen(c)
	if drain != nil {
		drain.end(c)
	}
	go d.readLoop(buffered)
	return c
}

// interval is the first of the two that is not 0; negative becomes 0, never.
func interval(own, general time.Duration) time.Duration {
	if own == 0 {
		own = general
	}
	return max(own, 0)
}
