package gofunc

import (
	"context"
	"sync/atomic"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A Function is a Go function that a YAML may name. It has Run or Answer,
// never both.
type Function struct {
	// Run is for open, on_message, on_pong and on_close. Functions of one
	// connection run one at a time, in the order of what happened.
	//
	// ctx ends when the connection has closed, and when the server stops
	// waiting for functions; messages that came before the close are run also
	// after it. That of on_close ends 30 s after that has begun, instead.
	//
	// An error or a panic is a failure: it is logged, the connection closes
	// with CloseInternal, messages that are behind it are not run, and on_close
	// is. The error of a ctx that has ended is no failure, but for on_close.
	Run func(ctx context.Context, c Call) error

	// Answer is for select_subprotocol and function. ctx ends when nobody
	// waits for the value any more; what it does after that is ignored.
	Answer func(ctx context.Context, c Call) (call.Value, error)

	// NeverWaits says that Run never blocks: not on locks that others hold for
	// long, nor on channels, files or the network. It may then run on a loop
	// that serves thousands of connections. Call.Data is only valid until such
	// a function returns, and it must not call runtime.Goexit, which would end
	// the loop.
	NeverWaits bool
}

// A Call is what a function is called with: its connection, whose methods act
// on it, and what has happened.
type Call struct {
	*Conn
	Hook call.Hook

	Kind parley.Kind // of on_message
	Data []byte      // of on_message and on_pong; the function's own, unless it never waits

	Code   parley.CloseCode // of on_close; CloseNoStatus if the peer gave none, CloseAbnormal if it vanished
	Reason string           // likewise

	// Info is what is known at the start; nil but for open, select_subprotocol
	// and function. It is valid until the function returns.
	Info *call.Info
}

// A Conn is one connection, or one request of a FunctionHandler, as its
// functions see it. Its methods are those of call.Effects, and like them safe
// for every goroutine. They do nothing once on_close has returned, or nobody
// waits for the answer any more.
type Conn struct {
	// State is for what functions keep with the connection. It is theirs: they
	// run one at a time. What select_subprotocol has left, open finds.
	State any

	id       parley.ConnID // set when it is made, then read-only, as are the next three
	endpoint string
	session  parley.SharedSession
	effects  call.Effects

	over atomic.Bool // nothing that it does counts any more
	skip atomic.Bool // a function failed, or has closed: no more messages
}

// ID is the connection's id.
func (c *Conn) ID() parley.ConnID { return c.id }

// Endpoint is its endpoint's name.
func (c *Conn) Endpoint() string { return c.endpoint }

// Session is the browser's session, to read. SetSession changes it.
func (c *Conn) Session() parley.SharedSession { return c.session }

// Write sends one message to the peer.
func (c *Conn) Write(kind parley.Kind, data []byte) {
	if !c.over.Load() {
		c.effects.Write(kind, data)
	}
}

// Close starts the close handshake; 0 means CloseNormal. Messages that wait are
// not run.
func (c *Conn) Close(code parley.CloseCode, reason string) {
	if !c.over.Load() {
		c.skip.Store(true)
		c.effects.Close(code, reason)
	}
}

// Ping sends a ping with up to 125 bytes of data.
func (c *Conn) Ping(data []byte) {
	if !c.over.Load() {
		c.effects.Ping(data)
	}
}

// Subscribe makes the connection a member of channel.
func (c *Conn) Subscribe(channel string) {
	if !c.over.Load() {
		c.effects.Subscribe(channel)
	}
}

// Unsubscribe ends that.
func (c *Conn) Unsubscribe(channel string) {
	if !c.over.Load() {
		c.effects.Unsubscribe(channel)
	}
}

// Publish sends m to every member of channel.
func (c *Conn) Publish(channel string, m parley.Message) {
	if !c.over.Load() {
		c.effects.Publish(channel, m)
	}
}

// SetSession changes the session.
func (c *Conn) SetSession(change parley.SessionChange) {
	if !c.over.Load() {
		c.effects.SetSession(change, nil)
	}
}

// Log writes one line that the app printed.
func (c *Conn) Log(line string) {
	if !c.over.Load() {
		c.effects.Log(line)
	}
}

// WhenDrained calls fn once, when the peer has room for more.
func (c *Conn) WhenDrained(fn func()) {
	if c.over.Load() {
		fn()
		return
	}
	c.effects.WhenDrained(fn)
}
