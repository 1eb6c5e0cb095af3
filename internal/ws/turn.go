package ws

import (
	"bytes"
	"slices"
	"time"
)

// turn works on b, octets that were just read or held back by the last turn,
// and returns those that the connection, paused, does not take now. Only the
// reader calls it, and endTurn after it; what is sent meanwhile waits for
// endTurn. read is how many of the octets are new.
func (c *Conn) turn(now time.Duration, b []byte, read int) (held []byte) {
	if c.beginTurn(now, read) {
		c.handler.OnDrain(c)
	}
	messages := uint64(0)
	for len(b) > 0 || c.waiting != nil {
		s := c.state.Load()
		if s&stateFinishing != 0 {
			b = nil
			break
		}
		if s&stateClosing != 0 {
			c.in.skip, c.in.message = true, nil
		} else if s&(statePaused|stateUnread|stateHeld) != 0 {
			break
		}
		var ev event
		if c.waiting != nil {
			ev, c.waiting = *c.waiting, nil
		} else {
			ev, b = c.in.next(b)
			if c.hold(now, ev) {
				break
			}
		}
		if ev.what == eventMessage {
			messages++
		}
		c.hear(ev)
	}
	c.engine.counters.messagesIn.Add(messages)
	c.engine.counters.bytesIn.Add(uint64(read))
	return b
}

// beginTurn reports whether OnDrain is due.
func (c *Conn) beginTurn(now time.Duration, read int) bool {
	c.mu.Lock()
	c.out.turn = true
	c.out.hint = read
	if read > 0 {
		c.clock.heard = now
	}
	drain := c.has(stateDrained)
	c.clear(stateDrained)
	c.unlock()
	return drain
}

// endTurn reports whether there is something to write and the caller has got
// the right to: it goes on with output.
func (c *Conn) endTurn() bool {
	c.mu.Lock()
	c.out.turn = false
	c.out.hint = 0
	write := c.out.claim()
	c.unlock()
	return write
}

func (c *Conn) hear(ev event) {
	switch ev.what {
	case eventMessage:
		c.handler.OnMessage(c, ev.kind, ev.data)
	case eventPing:
		c.mu.Lock()
		if !c.has(stateClosing) && c.out.answer(ev.data) {
			c.set(stateUnread)
		}
		c.unlock()
	case eventPong:
		if c.pongFor(ev.data) {
			c.handler.OnPong(c, ev.data)
		}
	case eventClose:
		c.peerClosed(ev.code, ev.reason)
	case eventFault:
		c.fail(ev.code, ev.reason)
	}
}

// pongFor reports whether data answers a ping of the application's. It answers
// all earlier ones too.
func (c *Conn) pongFor(data []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.pings, func(p []byte) bool { return bytes.Equal(p, data) })
	if i < 0 || c.has(stateClosing) {
		return false
	}
	c.pings = append(c.pings[:0], c.pings[i+1:]...)
	return true
}

// output returns octets to write. Without any, the right to write is gone.
// Only who has that right calls it, and wrote and writeFailed.
func (c *Conn) output() []byte {
	c.mu.Lock()
	b := c.out.next()
	if b == nil {
		c.yield()
	}
	c.unlock()
	return b
}

// wrote says that the socket has taken n octets of what output or wrote
// returned, and is output otherwise.
func (c *Conn) wrote(now time.Duration, n int) []byte {
	c.engine.counters.bytesOut.Add(uint64(n))
	c.mu.Lock()
	if n > 0 {
		c.clock.progress = now
		if c.has(stateUnread) {
			c.clear(stateUnread)
			c.clock.heard = now
			c.look = true
		}
	}
	if c.out.advance(n) && !c.has(stateClosing) {
		c.set(stateDrained)
		c.look = true
	}
	b := c.out.next()
	if b == nil {
		c.yield()
	}
	c.unlock()
	return b
}

// writeFailed says that nothing can be written any more, and gives the right
// to write back. What the peer sent before it went is still worth reading.
func (c *Conn) writeFailed(now time.Duration) {
	c.mu.Lock()
	c.out.drop()
	c.set(stateMute)
	c.clock.closeAt = now
	c.rearm(now)
	c.yield()
	c.unlock()
}

// yield gives the right to write back; mu is held.
func (c *Conn) yield() {
	c.out.writing = false
	c.engine.counters.messagesOut.Add(c.out.messages)
	c.out.messages = 0
	if c.has(stateClosing) {
		c.look = true
	}
}
