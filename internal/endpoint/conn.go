package endpoint

import (
	"sync/atomic"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// A conn is one connection of an endpoint, from its handshake on. It hears the
// engine (ws.Handler, in this file), does what functions ask for
// (call.Effects, in effects.go) and receives publications (hub.Member).
type conn struct {
	endpoint *WebSocket    // set by the handshake, then read-only
	id       parley.ConnID // likewise

	// Set by the handshake, then read-only; safe for every goroutine, as are the
	// fields up to info. It is nil if functions cannot look at it, and nobody has
	// logged in in it.
	session *session.Session

	rights *rights // set by the handshake, then read-only; nil without an end to them

	socket   atomic.Pointer[ws.Conn] // nil until OnOpen
	closed   atomic.Bool             // OnClose has been called, or the handshake was refused
	closing  atomic.Bool             // a function or the runtime has asked for the end
	ended    atomic.Bool             // the stream has
	failures atomic.Uint32           // functions that raised

	sessionEnded atomic.Bool
	rightEnded   atomic.Bool // to be there; the peer was told

	// Owned by the handshake, then by the connection's loop or goroutine.
	info   *call.Info // dropped by OnOpen
	stream call.Stream
}

var _ ws.Handler = (*conn)(nil)

// OnOpen begins the connection's life in the runtime.
func (c *conn) OnOpen(s *ws.Conn) {
	c.socket.Store(s)
	info := c.info
	c.info = nil
	// Numbers as numbers: slog prints those without a detour.
	args := []any{"endpoint", c.endpoint.opt.Name, "conn", uint64(c.id), "remote", info.Request.RemoteAddr}
	if origin := info.Request.Header.Get("Origin"); origin != "" {
		args = append(args, "origin", cut(origin))
	}
	if c.endpoint.guard.any() {
		if user := call.CurrentUser(info.User, info.Session).ID(); user != "" {
			args = append(args, "user", cut(user))
		}
	}
	c.endpoint.log.Info("connection opened", args...)
	p := c.endpoint.opt.Program
	c.stream = p.Runtime.Open(*info, p.Hooks, c)
	if c.rights != nil {
		c.rights.check()
	}
	if c.sessionEnded.Load() {
		c.unauthorized(sessionEnded)
	}
}

// OnMessage hands one message over.
func (c *conn) OnMessage(s *ws.Conn, kind parley.Kind, data []byte) {
	if c.rights != nil && c.rights.message(kind, data) {
		return
	}
	if !c.endpoint.traits.Prompt {
		s.Hold(len(data))
	}
	c.stream.Message(kind, data)
}

// OnPong hands a pong over if anybody wants it.
func (c *conn) OnPong(_ *ws.Conn, data []byte) {
	if c.endpoint.opt.Program.Has(call.OnPong) {
		c.stream.Pong(data)
	}
}

// OnClose ends the connection's memberships and then its stream.
func (c *conn) OnClose(_ *ws.Conn, code parley.CloseCode, reason string) {
	c.leave()
	if c.rights != nil {
		c.rights.stop()
	}
	args := []any{"endpoint", c.endpoint.opt.Name, "conn", uint64(c.id), "code", int(code)}
	if n := c.failures.Load(); n > 1 {
		args = append(args, "failures", n)
	}
	c.endpoint.log.Info("connection closed", args...)
	c.stream.Close(code, reason)
}

// leave ends all memberships. One that is being made meanwhile is ended by
// Subscribe.
func (c *conn) leave() {
	c.closed.Store(true)
	c.endpoint.opt.Hub.Leave(c)
}
