package ws

import "time"

// holdFor is how long what a peer said behind its messages waits for their
// answers.
const holdFor = time.Second

// Conn.unanswered counts messages in its upper bits and their octets below.
const (
	oneMessage  = 1 << octetBits
	octetBits   = 40
	octetsMask  = oneMessage - 1
	neverSoMany = 1 << 63 // no count of messages comes here but by going below zero
)

// Hold says that the message that is being handed over, of n octets, is
// answered later. It counts in the window (see Settings). A ping, a close frame
// or a protocol error that comes behind it takes effect after its answer: when
// Release has been called as often as Hold, or after a second. Call it from
// OnMessage only.
func (c *Conn) Hold(n int) {
	u := c.unanswered.Add(oneMessage + uint64(n))
	if !c.windowFull(u) || c.has(stateFull) {
		return
	}
	c.mu.Lock()
	c.set(stateFull)
	// Release counts first and looks at the state then, so one of the two sees
	// what the other has done.
	if c.windowOpen(c.unanswered.Load()) {
		c.clear(stateFull)
	}
	c.mu.Unlock()
}

// Release says that one message of n octets that was held is answered. Any
// goroutine may call it, once for each Hold.
func (c *Conn) Release(n int) {
	u := c.unanswered.Add(-(oneMessage + uint64(n)))
	if u >= neverSoMany {
		c.unanswered.Add(oneMessage + uint64(n)) // was never held
		return
	}
	if !c.has(stateFull | stateHeld | stateImpatient) {
		return
	}
	c.mu.Lock()
	u = c.unanswered.Load()
	if c.has(stateFull) && c.windowOpen(u) {
		c.readAgain(stateFull)
	}
	if u>>octetBits == 0 {
		if c.has(stateHeld) {
			c.look = true
		}
		c.clear(stateHeld | stateImpatient)
	}
	c.unlock()
}

// windowFull reports whether so much is unanswered that the peer is not read.
func (c *Conn) windowFull(u uint64) bool {
	return u>>octetBits >= uint64(c.settings.WindowMessages) || u&octetsMask >= uint64(c.settings.WindowBytes)
}

// windowOpen reports whether so little is unanswered that the peer is read
// again.
func (c *Conn) windowOpen(u uint64) bool {
	return u>>octetBits < uint64(c.settings.WindowMessages+1)/2 && u&octetsMask < uint64(c.settings.WindowBytes+1)/2
}

// readAgain clears one reason not to read the peer; mu is held. Its silence
// until now was our own doing.
func (c *Conn) readAgain(reason uint32) {
	c.clear(reason)
	c.clock.heard = c.driver.now()
	c.look = true
}

// hold keeps ev if it has to wait for answers, and reports whether it does.
// Only the reader calls it.
func (c *Conn) hold(now time.Duration, ev event) bool {
	switch ev.what {
	case eventPing, eventClose, eventFault:
	default:
		return false
	}
	if c.unanswered.Load() == 0 || c.has(stateClosing|stateImpatient) {
		return false
	}
	c.mu.Lock()
	c.set(stateHeld)
	// As in Hold.
	wait := c.unanswered.Load() > 0 && !c.has(stateClosing)
	if wait {
		c.reading().keepEvent(ev)
		c.rarely().heldUntil = now + holdFor
		c.rearm(now)
	} else {
		c.clear(stateHeld)
	}
	c.unlock()
	return wait
}
