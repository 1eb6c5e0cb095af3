package ws

import (
	"bytes"
	"time"
)

// holdFor is how long what a peer said behind its messages waits for their
// answers.
const holdFor = time.Second

// Hold says that the message that is being handed over is answered later. A
// ping, a close frame or a protocol error that comes behind it takes effect
// after its answer: when Release has been called as often as Hold, or after a
// second. Call it from OnMessage only.
func (c *Conn) Hold() { c.unanswered.Add(1) }

// Release says that one message that was held is answered. Any goroutine may
// call it, once for each Hold.
func (c *Conn) Release() {
	if c.unanswered.Add(-1) > 0 || !c.has(stateHeld|stateImpatient) {
		return
	}
	c.mu.Lock()
	if c.has(stateHeld) {
		c.look = true
	}
	c.clear(stateHeld | stateImpatient)
	c.unlock()
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
	// Release decrements first and looks at the state then, so one of the two
	// sees what the other has done.
	wait := c.unanswered.Load() > 0 && !c.has(stateClosing)
	if wait {
		kept := ev
		kept.data = bytes.Clone(ev.data)
		c.waiting = &kept
		c.clock.heldUntil = now + holdFor
		c.rearm(now)
	} else {
		c.clear(stateHeld)
	}
	c.unlock()
	return wait
}
