package ws

import "parley.example/parley"

// A Handler hears what happens on one connection. The engine calls its methods
// one after the other, never two at once, and always in the order OnOpen, any
// number of OnMessage and OnPong, OnClose. They run on the
// connection's loop or goroutine and must not block: while one runs, that
// connection is not read.
type Handler interface {
	// OnOpen is called once, before the 101 response is written and anything
	// is read; what it sends goes out behind the 101. So when a peer sees its
	// socket open, OnOpen has been called.
	OnOpen(c *Conn)

	// OnMessage is called for each whole data message; text has been checked
	// to be UTF-8. data is only valid until OnMessage returns. It is not
	// called after OnClose, nor once either side has begun to close.
	OnMessage(c *Conn, kind parley.Kind, data []byte)

	// OnPong is called for each pong that answers a Ping of the application's
	// (not the engine's own). data is only valid until it returns.
	OnPong(c *Conn, data []byte)

	// OnClose is called exactly once for every connection whose OnOpen was
	// called, when nothing more will be read or written. code and reason are
	// those of the side whose close frame came first: CloseNoStatus if that
	// frame had none, CloseAbnormal if the connection ended without one.
	OnClose(c *Conn, code parley.CloseCode, reason string)
}
