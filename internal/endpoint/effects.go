package endpoint

import (
	"bytes"
	"fmt"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/hub"
)

var (
	_ call.Effects = (*conn)(nil)
	_ hub.Member   = (*conn)(nil)
)

// errNoSocket is what writing comes to before OnOpen, and for a request.
var errNoSocket = fmt.Errorf("no socket is open: %w", parley.ErrClosed)

// Write sends to the peer. What happens if the outbox is full is the engine's
// affair; a handshake has nobody to send to.
func (c *conn) Write(kind parley.Kind, data []byte) error {
	if s := c.socket.Load(); s != nil {
		return s.Send(kind, data)
	}
	return errNoSocket
}

// Close starts the close handshake.
func (c *conn) Close(code parley.CloseCode, reason string) {
	s := c.socket.Load()
	if s == nil {
		return
	}
	if code == 0 {
		code = parley.CloseNormal
	}
	if !code.Sendable() {
		c.endpoint.log.Warn("close code cannot be sent; closing with 1011",
			"endpoint", c.endpoint.opt.Name, "conn", c.id, "code", code)
		code = parley.CloseInternal
	}
	c.closing.Store(true)
	s.Close(code, reason)
}

// Ping sends a ping.
func (c *conn) Ping(data []byte) error {
	s := c.socket.Load()
	if s == nil {
		return errNoSocket
	}
	if len(data) > 125 { // RFC 6455 §5.5
		c.endpoint.log.Warn("ping not sent: more than 125 bytes", "endpoint", c.endpoint.opt.Name, "conn", c.id, "bytes", len(data))
	}
	return s.Ping(data)
}

// Subscribe makes the connection a member of channel. It may run at the same
// time as leave: whichever comes second sees what the first has done.
func (c *conn) Subscribe(channel string) {
	if c.closed.Load() {
		return
	}
	c.endpoint.opt.Hub.Subscribe(channel, c)
	if c.closed.Load() {
		c.endpoint.opt.Hub.Unsubscribe(channel, c)
	}
}

// Unsubscribe ends a membership.
func (c *conn) Unsubscribe(channel string) { c.endpoint.opt.Hub.Unsubscribe(channel, c) }

// Publish sends to all members of channel.
func (c *conn) Publish(channel string, m parley.Message) { publish(c.endpoint.opt.Hub, channel, m) }

func publish(h *hub.Hub, channel string, m parley.Message) {
	m.Data = bytes.Clone(m.Data)
	h.Publish(channel, m, nil)
}

// Deliver sends publications to the peer.
func (c *conn) Deliver(fs []hub.Frame) {
	if s := c.socket.Load(); s != nil {
		s.SendPrepared(fs...)
	}
}

// Home is the loop that the connection lives on, once it has one.
func (c *conn) Home() hub.Home {
	if s := c.socket.Load(); s != nil {
		if l := s.Loop(); l != nil {
			return l
		}
	}
	return nil
}

// SetSession changes the session.
func (c *conn) SetSession(change parley.SessionChange, by parley.SessionWatcher) {
	if c.session != nil {
		c.session.Update(change, by)
	}
}

// Log writes what the app printed.
func (c *conn) Log(line string) {
	c.endpoint.log.Info(line, "endpoint", c.endpoint.opt.Name, "conn", c.id)
}

// Done gives the window its credit back.
func (c *conn) Done(n int) {
	if s := c.socket.Load(); s != nil {
		s.Release(n)
	}
}

// Fail logs the connection's first failure with its traceback, and that of
// on_close; of messages that were under way and fail like the first, the log
// gets the number. What a timer or task raised is logged each time.
func (c *conn) Fail(err *call.FunctionError) {
	if err.Hook == "" {
		logRaised(c.endpoint.log, c.endpoint.opt.Name, c.id, err)
		return
	}
	if c.failures.Add(1) == 1 || err.Hook == call.OnClose {
		logRaised(c.endpoint.log, c.endpoint.opt.Name, c.id, err)
	}
	if err.Hook != call.OnClose {
		c.Close(parley.CloseInternal, "")
	}
}

// WhenDrained calls fn when there is room in the outbox.
func (c *conn) WhenDrained(fn func()) {
	if s := c.socket.Load(); s != nil {
		s.WhenDrained(fn)
		return
	}
	fn()
}

// Ended lets go of what the connection held. A runtime that ends a stream
// before the connection has closed should have closed it.
func (c *conn) Ended() {
	if c.ended.Swap(true) {
		return
	}
	if !c.closed.Load() && !c.closing.Load() {
		c.Close(parley.CloseInternal, "")
	}
	if c.session != nil {
		c.session.Release()
	}
	c.endpoint.streamEnded()
}
