package ws

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"time"

	"parley.example/parley"
)

// Accept is what a connection is opened with. Handler must be set.
type Accept struct {
	ID       parley.ConnID // 0: the engine makes one
	Handler  Handler
	Settings *Settings // nil means those of the zero value

	Subprotocol string      // one that the peer offered; "" for none
	Header      http.Header // more headers of the 101, such as Set-Cookie

	// Extensions are the lines of the peer's Sec-WebSocket-Extensions header, for
	// Adopt; Accept takes those of the request.
	Extensions []string

	// Loop is where the connection is to live, if it can live on a loop; nil
	// means any.
	Loop *Loop

	// Address is whose connection it is, for Options.MaxPerAddress. The zero
	// value is not counted.
	Address netip.Addr
}

// Accept takes w's connection over, queues the 101 that answers the opening
// handshake r, calls OnOpen and starts the driver: the 101 and what OnOpen has
// sent leave together. Once it has returned without an error, w is of no use.
// The error is a *HandshakeError: nothing has been answered yet.
func (e *Engine) Accept(w http.ResponseWriter, r *http.Request, a Accept) (*Conn, error) {
	if err := checkUpgrade(r); err != nil {
		return nil, e.refuse(err)
	}
	if err := e.reserve(a.Address); err != nil {
		return nil, e.refuse(err)
	}
	nc, buffered, err := hijack(w)
	if err != nil {
		e.giveBack(a.Address)
		e.log.Error("cannot take over a connection", "err", err)
		return nil, e.refuse(&HandshakeError{
			Status: http.StatusInternalServerError, Message: "internal error", Refusal: RefusedFault, cause: err,
		})
	}
	key, _ := keyOf(r)
	a.Settings = settingsOf(a.Settings)
	params, extensions, _ := negotiate(r.Header["Sec-Websocket-Extensions"], a.Settings.Compression) // checkUpgrade has looked at them
	return e.start(nc, response(key, a.Subprotocol, extensions, a.Header), buffered, params, a), nil
}

func (e *Engine) giveBack(address netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.release(address)
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
	_ = nc.SetDeadline(time.Time{}) // net/http has set some
	if len(early) == 0 {
		return nc, nil, nil
	}
	return nc, bytes.Clone(early), nil
}

// Adopt starts a connection on nc, as if its 101 had just been written;
// buffered are octets that have been read from it already, and are the
// engine's from now on. nc's deadlines must work; its CloseWrite, if it has
// one, is used. The error is a *HandshakeError if the engine takes no new
// connection; nc is still the caller's then.
func (e *Engine) Adopt(nc net.Conn, buffered []byte, a Accept) (*Conn, error) {
	a.Settings = settingsOf(a.Settings)
	params, _, refusal := negotiate(a.Extensions, a.Settings.Compression)
	if refusal != nil {
		return nil, e.refuse(refusal)
	}
	if err := e.reserve(a.Address); err != nil {
		return nil, e.refuse(err)
	}
	return e.start(nc, nil, buffered, params, a), nil
}

// start makes the connection of a reserved place and starts its reader. What
// goes out first is greeting.
func (e *Engine) start(nc net.Conn, greeting, buffered []byte, params *deflateParams, a Accept) *Conn {
	c, run := e.drive(nc, buffered, a.Loop)
	c.id = a.ID
	if c.id == 0 {
		c.id = e.NewID()
	}
	c.engine = e
	c.settings = a.Settings
	c.deflate = e.compressing(params)
	c.handler = a.Handler
	if e.addresses != nil && a.Address.IsValid() {
		c.rarely().address = a.Address
	}
	c.out = outbox{buffers: e.buffers, limit: uint32(c.settings.Outbox), droppable: c.settings.Slow == DropOldest, turn: true}

	now := e.now()
	c.mu.Lock()
	c.clock.heard, c.clock.pinged, c.clock.progress = now, now, now
	c.moved(now)
	c.mu.Unlock()
	c.out.write(greeting)
	e.add(c)
	c.handler.OnOpen(c)
	run()
	return c
}

// drive makes a connection with the driver that nc gets. run starts it.
func (e *Engine) drive(nc net.Conn, buffered []byte, l *Loop) (c *Conn, run func()) {
	if len(e.loops) > 0 {
		if l == nil {
			l = e.Loop(int(e.lastLoop.Add(1)))
		}
		if c, run := l.take(nc, buffered); c != nil {
			return c, run
		}
	}
	d := newGoroutine(e, nc, buffered)
	return &d.conn, func() { go d.readLoop() }
}
