package ws

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
)

// A Conn is one open WebSocket. Its methods are safe for every goroutine, also
// from within its Handler, and never block.
type Conn struct {
	// Set before OnOpen, then read-only.
	id       parley.ConnID
	engine   *Engine
	settings *Settings
	handler  Handler
	driver   driver
	counts   *counters // of its driver

	in      *inbound     // what is half here; nil for nothing. Owned by the driver's reader
	deflate *compressing // permessage-deflate; nil if it was not agreed on. Set before OnOpen

	unanswered atomic.Uint64 // messages between Hold and Release, and their octets: see hold.go
	state      atomic.Uint32 // bits of state.go; read by everyone, changed under mu

	mu     sync.Mutex // guards all that follows
	out    outbox
	clock  clock
	seldom *seldom          // what few connections need; nil until then
	code   parley.CloseCode // why it ends, once it is closing
	look   bool             // the reader is to be told that the state has changed
}

// seldom is what a Conn has only while it needs it.
type seldom struct {
	reason  string        // goes with Conn.code
	pings   [][]byte      // the application's that have had no pong, oldest first
	waiters []func()      // to be called when the outbox has drained
	moved   time.Duration // when a message last went either way; kept if Settings.IdleAfter is set
	bucket  *bucket       // of Settings.Rate
	address netip.Addr    // counted in Engine.addresses

	heldUntil   time.Duration // when what waits for answers goes on without them
	lingerUntil time.Duration // when the driver is to give up waiting for the peer's end of the stream; 0 until then
	limited     time.Duration // until when the peer is not read, because it was too fast
}

// rarely returns c.seldom; mu is held.
func (c *Conn) rarely() *seldom {
	if c.seldom == nil {
		c.seldom = &seldom{}
	}
	return c.seldom
}

// ID returns the connection's id.
func (c *Conn) ID() parley.ConnID { return c.id }

// Loop returns the loop that the connection lives on, or nil for none.
func (c *Conn) Loop() *Loop { return c.driver.loop() }

// Send queues one message, copying data. Text must be UTF-8; that is not
// checked. The error is parley.ErrClosed once either side has begun to close,
// and parley.ErrSlow if the message does not fit the outbox: what happens then
// says Settings.Slow. One message always fits an empty outbox.
//
// What was posted to the connection's loop before goes out before.
func (c *Conn) Send(kind parley.Kind, data []byte) error {
	if kind != parley.Text && kind != parley.Binary {
		return fmt.Errorf("send to connection %s: %s", c.id, kind)
	}
	if len(data) > math.MaxInt32 {
		return fmt.Errorf("send to connection %s: a message of %d octets, %d are possible", c.id, len(data), math.MaxInt32)
	}
	c.driver.settle()
	if c.deflate.worth(len(data)) {
		return c.sendDeflated(opcode(kind), data)
	}
	return c.sendFrame(opcode(kind), data)
}

func (c *Conn) sendFrame(op opcode, payload []byte) error {
	c.mu.Lock()
	err := c.admit(frameLen(len(payload)))
	if err == nil {
		c.out.message(op, payload)
		c.moved(0)
	}
	c.unlock()
	return err
}

// SendPrepared is Send for messages that go to many; each is a *Prepared. It
// returns how many were queued; of those that were not it tells nothing more.
// It may be called by what is posted to a loop.
func (c *Conn) SendPrepared(messages ...any) (queued int) {
	if c.deflate != nil {
		for _, m := range messages {
			c.deflate.frame(m.(*Prepared)) // compresses it now, not under mu
		}
	}
	c.mu.Lock()
	for _, m := range messages {
		p := m.(*Prepared)
		frame, deflated := p.frame, false
		if c.deflate != nil {
			frame, deflated = c.deflate.frame(p)
		}
		if c.admit(len(frame)) == nil {
			c.out.prepared(frame)
			if deflated {
				c.deflate.out.sent(p.payload())
			}
			queued++
		}
	}
	if queued > 0 {
		c.moved(0)
	}
	c.unlock()
	return queued
}

// maxPings is how many of the application's pings can wait for their pongs; of
// more, the oldest are forgotten.
const maxPings = 16

// Ping sends a ping with up to 125 octets of data; the handler's OnPong hears
// of its pong. As RFC 6455 §5.5.3 allows, a peer may answer only the latest of
// several. Errors are those of Send.
func (c *Conn) Ping(data []byte) error {
	if len(data) > maxControl {
		return fmt.Errorf("ping connection %s: %d octets of data, 125 are allowed", c.id, len(data))
	}
	c.driver.settle()
	c.mu.Lock()
	err := c.admit(frameLen(len(data)))
	if err == nil {
		c.out.frame(opPing, data)
		s := c.rarely()
		if len(s.pings) == maxPings {
			s.pings = append(s.pings[:0], s.pings[1:]...)
		}
		s.pings = append(s.pings, append([]byte(nil), data...))
	}
	c.unlock()
	return err
}

// Close begins the close handshake: what was sent before goes out first, then
// a close frame; the connection ends when the peer has answered, or some time
// later. A code that may not be sent becomes CloseInternal; reason is cut at
// 123 octets, between characters. Only the first call counts.
//
// The peer has Options.CloseTimeout to answer, from when it last took octets,
// and ten times as long in all. Then the TCP connection is cut.
func (c *Conn) Close(code parley.CloseCode, reason string) {
	if !code.Sendable() {
		code = parley.CloseInternal
	}
	c.driver.settle()
	c.mu.Lock()
	c.beginClose(code, cutReason(reason), 0)
	c.unlock()
}

// Buffered is how many octets wait in the outbox for the socket.
func (c *Conn) Buffered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.size()
}

// WhenDrained calls fn once: now if the outbox is not over half its limit or
// the connection has ended, else when it has fallen under a quarter of it or
// the connection ends. fn must not block; it may run on the connection's loop.
func (c *Conn) WhenDrained(fn func()) {
	c.mu.Lock()
	wait := c.has(stateHigh) && !c.has(stateMute|stateOver)
	if wait {
		s := c.rarely()
		s.waiters = append(s.waiters, fn)
	}
	c.mu.Unlock()
	if !wait {
		fn()
	}
}

// drained takes those who wait for room; mu is held.
func (c *Conn) drained() (waiters []func()) {
	if c.seldom != nil {
		waiters, c.seldom.waiters = c.seldom.waiters, nil
	}
	return waiters
}

// admit says whether a frame of n octets may be queued. If the outbox has no
// room for it, Settings.Slow is done. mu is held.
func (c *Conn) admit(n int) error {
	if c.has(stateClosing | stateMute) {
		return parley.ErrClosed
	}
	if c.out.fits(n) {
		return nil
	}
	switch c.settings.Slow {
	case Disconnect:
		c.beginClose(parley.CloseSlow, "reads too slowly", 0)
		return parley.ErrSlow
	case DropOldest:
		c.counts.droppedOldest.Add(c.out.makeRoom(n))
		if c.out.fits(n) {
			return nil
		}
	}
	c.counts.droppedNewest.Add(1)
	return parley.ErrSlow
}

// unlock gives mu back and then does what the changes under it call for.
func (c *Conn) unlock() {
	s := c.state.Load()
	if s&(stateFinishing|stateFlushed) == stateFinishing && c.out.head == nil && !c.out.writing {
		c.set(stateFlushed)
		c.look = true
	}
	if c.out.high && s&stateHigh == 0 {
		c.set(stateHigh)
	}
	flush, look := c.out.claim(), c.look
	c.look = false
	c.mu.Unlock()
	if flush {
		c.driver.flush()
	}
	if look {
		c.driver.wake()
	}
}
