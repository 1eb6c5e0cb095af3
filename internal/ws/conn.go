package ws

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
)

// A Conn is one open WebSocket. Its methods are safe for every goroutine, also
// from within its Handler, and never block.
type Conn struct {
	// Set before OnOpen, then read-only.
	id           parley.ConnID
	engine       *Engine
	handler      Handler
	pingEvery    time.Duration // 0: never
	staleAfter   time.Duration // 0: never
	closeTimeout time.Duration
	driver       driver

	// Owned by the driver's reader.
	in      inbound
	waiting *event // stands behind messages that are not answered; nil for none

	unanswered atomic.Int32 // messages between Hold and Release

	state atomic.Uint32 // bits of state.go; read by everyone, changed under mu

	mu     sync.Mutex // guards all that follows
	out    outbox
	look   bool             // the reader is to be told that the state has changed
	code   parley.CloseCode // why it ends, once it is closing
	reason string           // likewise
	pings  [][]byte         // the application's that have had no pong, oldest first
	clock  clock
}

// ID returns the connection's id.
func (c *Conn) ID() parley.ConnID { return c.id }

// Send queues one message, copying data. Text must be UTF-8; that is not
// checked. The error is parley.ErrClosed once either side has begun to close,
// and parley.ErrSlow if the message does not fit the outbox: then the engine
// is closing the connection with CloseSlow. One message always fits an empty
// outbox.
func (c *Conn) Send(kind parley.Kind, data []byte) error {
	if kind != parley.Text && kind != parley.Binary {
		return fmt.Errorf("send to connection %s: %s", c.id, kind)
	}
	c.mu.Lock()
	err := c.admit(frameLen(len(data)))
	if err == nil {
		c.out.frame(opcode(kind), data)
	}
	c.unlock()
	return err
}

// SendPrepared is Send for a message that goes to many.
func (c *Conn) SendPrepared(p *Prepared) error {
	c.mu.Lock()
	err := c.admit(len(p.frame))
	if err == nil {
		c.out.prepared(p)
	}
	c.unlock()
	return err
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
	c.mu.Lock()
	err := c.admit(frameLen(len(data)))
	if err == nil {
		c.out.frame(opPing, data)
		if len(c.pings) == maxPings {
			c.pings = append(c.pings[:0], c.pings[1:]...)
		}
		c.pings = append(c.pings, append([]byte(nil), data...))
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
	c.mu.Lock()
	c.beginClose(code, cutReason(reason), 0)
	c.unlock()
}

// Pause stops the handing over of frames: messages that have been read already
// are held back too, and pings and a close frame behind them wait. Reading
// stops soon after, so that TCP slows the peer. Twice is once. Closing ends it.
//
// A paused connection is not stale because nothing is heard. It does become
// stale if something waits to be sent and the socket has taken none of it for
// StaleAfter; pings go on, so that a dead TCP connection shows by a failed
// write, at the latest when the system gives up on it.
func (c *Conn) Pause() {
	c.mu.Lock()
	c.set(statePaused)
	c.unlock()
}

// Resume ends Pause.
func (c *Conn) Resume() {
	c.mu.Lock()
	if c.has(statePaused) {
		c.clear(statePaused)
		c.clock.heard = c.driver.now()
		c.look = true
	}
	c.unlock()
}

// Buffered is how many octets wait in the outbox for the socket.
func (c *Conn) Buffered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.size()
}

// OutboxLimit is how many octets the outbox may hold.
func (c *Conn) OutboxLimit() int { return c.out.limit }

// admit says whether a frame of n octets may be queued. If the outbox has no
// room for it, the connection closes. mu is held.
func (c *Conn) admit(n int) error {
	if c.has(stateClosing | stateMute) {
		return parley.ErrClosed
	}
	if !c.out.fits(n) {
		c.beginClose(parley.CloseSlow, "reads too slowly", 0)
		return parley.ErrSlow
	}
	return nil
}

// unlock gives mu back and then does what the changes under it call for.
func (c *Conn) unlock() {
	if c.has(stateFinishing) && !c.has(stateFlushed) && c.out.head == nil && !c.out.writing {
		c.set(stateFlushed)
		c.look = true
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
