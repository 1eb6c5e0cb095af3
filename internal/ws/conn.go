package ws

import "parley.example/parley"

// A Conn is one open WebSocket.
type Conn struct {
	id parley.ConnID // set before OnOpen, then read-only
}

// ID returns the connection's id.
func (c *Conn) ID() parley.ConnID { return c.id }
