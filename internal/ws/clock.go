package ws

import (
	"time"

	"parley.example/parley"
)

// A clock is what one connection knows of time, as durations since the engine
// began. Conn.mu guards it. Only drivers read the real clock.
type clock struct {
	heard    time.Duration // when octets last came, or not hearing any last was our own doing
	pinged   time.Duration // when the engine last sent a ping
	progress time.Duration // when the socket last took octets

	heldUntil time.Duration // when what waits for answers goes on without them

	closeAt     time.Duration // when closing began or writing failed
	lingerUntil time.Duration // when the driver is to give up waiting for the peer's end of the stream; 0 until then

	due time.Duration // when tick is to be called next; 0 for not at all
}

// enginePing is the data of the engine's own pings.
const enginePing = "parley"

// patience is how many close timeouts a closing connection has in all while
// the peer goes on taking what was sent before.
const patience = 10

// clockJump is a delay of tick that no load explains: the process stood
// still, and its peers are not to blame for their silence.
const clockJump = 2 * time.Second

// tick does what is due at now. The driver calls it, from any goroutine, at the
// time that it was last given by alarm.
func (c *Conn) tick(now time.Duration) {
	c.mu.Lock()
	cut := false
	switch {
	case c.has(stateCut):
	case c.has(stateClosing | stateMute):
		if due := c.closeDue(); due > 0 && now >= due {
			c.set(stateCut)
			c.look = true
			cut = true
		}
	default:
		c.beat(now)
	}
	c.rearm(now)
	c.unlock()
	if cut {
		c.driver.cut()
	}
}

// cut ends the transport at once. Any goroutine may call it.
func (c *Conn) cut() {
	c.mu.Lock()
	c.set(stateCut)
	c.look = true
	c.unlock()
	c.driver.cut()
}

// beat closes the connection if it is stale and pings it if that is due. mu is
// held.
func (c *Conn) beat(now time.Duration) {
	t := &c.clock
	if late := now - t.due; t.due > 0 && late > clockJump {
		t.heard += late
	}
	if c.has(stateHeld) && now >= t.heldUntil {
		c.clear(stateHeld)
		c.set(stateImpatient)
		c.look = true
	}
	if c.has(statePaused | stateUnread | stateHeld) {
		t.heard = max(t.heard, t.progress)
		if c.out.size() == 0 {
			t.heard = now
		}
	}
	if c.staleAfter > 0 && now >= t.heard+c.staleAfter {
		c.beginClose(parley.CloseStale, "nothing heard", 0)
		return
	}
	if c.pingEvery > 0 && now >= c.pingDue() {
		c.out.ping([]byte(enginePing))
		t.pinged = now
	}
}

// pingDue is when the next ping is due if nothing is heard until then.
func (c *Conn) pingDue() time.Duration {
	if c.has(statePaused | stateUnread | stateHeld) {
		return c.clock.pinged + c.pingEvery
	}
	return max(c.clock.heard, c.clock.pinged) + c.pingEvery
}

// closeDue is when a connection that closes, or can't be written, is cut.
func (c *Conn) closeDue() time.Duration {
	t := &c.clock
	switch {
	case c.has(stateOver):
		return t.lingerUntil
	case c.has(stateMute) || c.code == parley.CloseSlow || c.code == parley.CloseStale:
		return t.closeAt + c.closeTimeout
	}
	return min(max(t.closeAt, t.progress)+c.closeTimeout, t.closeAt+patience*c.closeTimeout)
}

// rearm asks the driver for the next tick; mu is held. What is merely heard
// later than expected needs none: tick comes too early then, and asks again.
func (c *Conn) rearm(now time.Duration) {
	t := &c.clock
	t.due = 0
	switch {
	case c.has(stateCut):
	case c.has(stateClosing | stateMute):
		t.due = c.closeDue()
	default:
		if c.staleAfter > 0 {
			t.due = t.heard + c.staleAfter
		}
		if c.pingEvery > 0 && (t.due == 0 || c.pingDue() < t.due) {
			t.due = c.pingDue()
		}
		if c.has(stateHeld) && (t.due == 0 || t.heldUntil < t.due) {
			t.due = t.heldUntil
		}
	}
	if t.due > 0 {
		c.driver.alarm(max(t.due-now, 0))
	}
}
