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

	closeAt time.Duration // when closing began or writing failed

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

// moved notes that a message went either way at now; 0 means at this moment.
// mu is held.
func (c *Conn) moved(now time.Duration) {
	if c.settings.IdleAfter == 0 {
		return
	}
	if now == 0 {
		now = c.driver.now()
	}
	c.rarely().moved = now
}

// begin starts the clock. The driver's reader calls it first, and so notices
// that the engine shuts down.
func (c *Conn) begin(now time.Duration) {
	c.mu.Lock()
	c.rearm(now)
	c.unlock()
	if d := c.engine.draining.Load(); d != nil {
		d.end(c)
	}
}

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

// beat closes the connection if it is stale or idle and pings it if that is
// due. mu is held.
func (c *Conn) beat(now time.Duration) {
	t, s := &c.clock, c.settings
	if late := now - t.due; t.due > 0 && late > clockJump {
		t.heard += late
	}
	if c.has(stateHeld) && now >= c.seldom.heldUntil {
		c.clear(stateHeld)
		c.set(stateImpatient)
		c.look = true
	}
	if c.has(stateLimited) && now >= c.seldom.limited {
		c.readAgain(stateLimited)
	}
	if c.has(notRead) {
		t.heard = max(t.heard, t.progress)
		if c.out.size() == 0 {
			t.heard = now
		}
	}
	switch {
	case s.StaleAfter > 0 && now >= t.heard+s.StaleAfter:
		c.beginClose(parley.CloseStale, "nothing heard", 0)
	case s.IdleAfter > 0 && now >= c.seldom.moved+s.IdleAfter:
		c.beginClose(parley.CloseGoingAway, "idle", 0)
	case s.PingEvery > 0 && now >= c.pingDue():
		c.out.ping([]byte(enginePing))
		t.pinged = now
	}
}

// pingDue is when the next ping is due if nothing is heard until then.
func (c *Conn) pingDue() time.Duration {
	if c.has(notRead) {
		return c.clock.pinged + c.settings.PingEvery
	}
	return max(c.clock.heard, c.clock.pinged) + c.settings.PingEvery
}

// closeDue is when a connection that closes, or can't be written, is cut.
func (c *Conn) closeDue() time.Duration {
	t, wait := &c.clock, c.engine.closeTimeout
	switch {
	case c.has(stateOver):
		if c.seldom == nil {
			return 0
		}
		return c.seldom.lingerUntil
	case c.has(stateMute) || c.code == parley.CloseSlow || c.code == parley.CloseStale:
		return t.closeAt + wait
	}
	return min(max(t.closeAt, t.progress)+wait, t.closeAt+patience*wait)
}

// rearm asks the driver for the next tick; mu is held. What is merely heard
// later than expected needs none: tick comes too early then, and asks again.
func (c *Conn) rearm(now time.Duration) {
	t := &c.clock
	t.due = c.nextTick()
	if t.due > 0 {
		c.driver.alarm(max(t.due-now, 0))
	}
}

// nextTick is when something is due next, 0 if nothing is; mu is held.
func (c *Conn) nextTick() (due time.Duration) {
	earlier := func(t time.Duration) {
		if due == 0 || t < due {
			due = t
		}
	}
	t, s := &c.clock, c.settings
	switch {
	case c.has(stateCut):
		return 0
	case c.has(stateClosing | stateMute):
		return c.closeDue()
	}
	if s.StaleAfter > 0 {
		earlier(t.heard + s.StaleAfter)
	}
	if s.PingEvery > 0 {
		earlier(c.pingDue())
	}
	if s.IdleAfter > 0 {
		earlier(c.seldom.moved + s.IdleAfter)
	}
	if c.has(stateHeld) {
		earlier(c.seldom.heldUntil)
	}
	if c.has(stateLimited) {
		earlier(c.seldom.limited)
	}
	return due
}
