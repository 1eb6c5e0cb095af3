package ws

import (
	"bytes"
	"slices"
	"time"

	"parley.example/parley"
)

// turnMessages is how many messages one turn hands over before others get
// their turn.
const turnMessages = 256

// reading returns what is half here, to be changed. Only the reader calls it.
func (c *Conn) reading() *inbound {
	if c.in == nil {
		c.in = c.engine.buffers.inbound.Get().(*inbound)
	}
	return c.in
}

// turn works on b, octets that were just read or held back by the last turn,
// and returns those that the connection does not take now; it hands over at
// most so many messages. Only the reader calls it, and endTurn after it; what
// is sent meanwhile waits for endTurn. read is how many of the octets are new.
func (c *Conn) turn(now time.Duration, b []byte, read, most int) (held []byte, messages int) {
	c.beginTurn(now, read)
	in := c.reading()
	for len(b) > 0 || in.waiting != nil {
		s := c.state.Load()
		if s&stateFinishing != 0 {
			b = nil
			break
		}
		if s&stateClosing != 0 {
			in.skip, in.message = true, nil
		} else if s&notRead != 0 || messages == most {
			break
		}
		if kind, data, rest := in.whole(b, c.settings.MaxMessage); kind != 0 {
			b = rest
			messages++
			if !c.limited(now, len(data)) {
				c.handler.OnMessage(c, kind, data)
			}
			continue
		}
		var ev event
		if in.waiting != nil {
			ev, in.waiting = *in.waiting, nil
		} else {
			ev, b = in.next(b, c.settings.MaxMessage, c.deflate != nil)
		}
		inflated := ev.deflated
		if inflated {
			ev = c.inflate(ev)
		}
		waits := c.hold(now, ev)
		switch {
		case waits:
		case ev.what != eventMessage:
			c.hear(ev)
		default:
			messages++
			if !c.limited(now, len(ev.data)) {
				c.handler.OnMessage(c, ev.kind, ev.data)
			}
		}
		if inflated {
			c.deflate.handedOver()
		}
		if waits {
			break
		}
	}
	if in.empty() {
		*in = inbound{} // a fault leaves something behind
		c.engine.buffers.inbound.Put(in)
		c.in = nil
	}
	if messages > 0 {
		c.counts.messagesIn.Add(uint64(messages))
		if c.settings.IdleAfter > 0 {
			c.mu.Lock()
			c.moved(now)
			c.mu.Unlock()
		}
	}
	c.counts.bytesIn.Add(uint64(read))
	return b, messages
}

// beginTurn says that octets have come.
func (c *Conn) beginTurn(now time.Duration, read int) {
	c.mu.Lock()
	c.out.turn = true
	c.out.hint = uint32(read)
	if read > 0 {
		c.clock.heard = now
	}
	c.mu.Unlock()
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

// limited counts a message of n octets in the peer's rate, and reports whether
// it is too much to be handed over. A peer that is to wait still has this one
// taken.
func (c *Conn) limited(now time.Duration, n int) bool {
	rate := c.settings.Rate
	if rate == nil {
		return false
	}
	c.mu.Lock()
	defer c.unlock()
	s := c.rarely()
	if s.bucket == nil {
		s.bucket = newBucket(rate, now)
	}
	over, wait := s.bucket.take(rate, n, now)
	switch {
	case rate.Close && over:
		c.counts.limitedClosed.Add(1)
		c.beginClose(parley.ClosePolicy, "sends too fast", 0)
		return true
	case rate.Close || wait <= 0:
		return false
	}
	c.counts.limitedWaits.Add(1)
	s.limited = now + wait
	c.set(stateLimited)
	c.rearm(now)
	return false
}

// hear does what the peer says that is no message.
func (c *Conn) hear(ev event) {
	switch ev.what {
	case eventPing:
		c.mu.Lock()
		if !c.has(stateClosing|stateMute) && c.out.answer(ev.data) {
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
	if c.seldom == nil || c.has(stateClosing) {
		return false
	}
	pings := c.seldom.pings
	i := slices.IndexFunc(pings, func(p []byte) bool { return bytes.Equal(p, data) })
	if i < 0 {
		return false
	}
	c.seldom.pings = append(pings[:0], pings[i+1:]...)
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
	c.mu.Lock()
	waiters := c.took(now, n)
	b := c.out.next()
	if b == nil {
		c.yield()
	}
	c.unlock()
	call(waiters)
	return b
}

// gather is output in at most cap(bufs) pieces, none of them empty.
func (c *Conn) gather(bufs [][]byte) [][]byte {
	c.mu.Lock()
	bufs = c.out.gather(bufs)
	if len(bufs) == 0 {
		c.yield()
	}
	c.unlock()
	return bufs
}

// wroteMany is wrote for gather.
func (c *Conn) wroteMany(now time.Duration, n int, bufs [][]byte) [][]byte {
	c.mu.Lock()
	waiters := c.took(now, n)
	bufs = c.out.gather(bufs)
	if len(bufs) == 0 {
		c.yield()
	}
	c.unlock()
	call(waiters)
	return bufs
}

// tookNothing says that the socket takes nothing of what gather returned.
func (c *Conn) tookNothing() {
	c.mu.Lock()
	c.out.taken = 0
	c.mu.Unlock()
}

// took counts n octets that the socket has taken. It returns what is to be
// called once mu, which is held, is free.
func (c *Conn) took(now time.Duration, n int) (waiters []func()) {
	c.counts.bytesOut.Add(uint64(n))
	if n > 0 {
		c.clock.progress = now
		if c.has(stateUnread) {
			c.readAgain(stateUnread)
		}
	}
	if c.out.advance(n) {
		c.readAgain(stateHigh)
		waiters = c.drained()
	}
	return waiters
}

// writeFailed says that nothing can be written any more, and gives the right
// to write back. What the peer sent before it went is still worth reading.
func (c *Conn) writeFailed(now time.Duration) {
	c.mu.Lock()
	c.out.drop()
	c.set(stateMute)
	c.clear(stateHigh)
	c.look = true
	c.clock.closeAt = now
	waiters := c.drained()
	c.rearm(now)
	c.yield()
	c.unlock()
	call(waiters)
}

// yield gives the right to write back; mu is held.
func (c *Conn) yield() {
	c.out.writing = false
	if c.out.messages > 0 {
		c.counts.messagesOut.Add(uint64(c.out.messages))
		c.out.messages = 0
	}
	if c.has(stateClosing) {
		c.look = true
	}
}

func call(fns []func()) {
	for _, fn := range fns {
		fn()
	}
}
