package ws

import (
	"strings"
	"time"
	"unicode/utf8"

	"parley.example/parley"
)

// beginClose queues our close frame, unless the connection closes already,
// and sets also with stateClosing. mu is held.
func (c *Conn) beginClose(code parley.CloseCode, reason string, also uint32) {
	if c.has(stateClosing) {
		c.set(also)
		return
	}
	c.code = code
	if reason != "" || c.seldom != nil {
		s := c.rarely()
		s.reason, s.pings = reason, nil
	}
	if !c.has(stateMute) {
		c.out.closeFrame(code, reason)
		c.clock.closeAt = c.driver.now()
	}
	c.set(stateClosing | also)
	c.look = true
	c.rearm(c.clock.closeAt)
}

// peerClosed answers the peer's close frame, or takes it for the answer to
// ours. Our answer has the same code and no reason.
func (c *Conn) peerClosed(code parley.CloseCode, reason string) {
	c.mu.Lock()
	if !c.has(stateClosing) {
		c.beginClose(code, "", stateFinishing)
		if reason != "" {
			c.rarely().reason = reason
		}
	}
	c.set(stateFinishing)
	c.unlock()
}

// fail ends the connection because of what the peer sent (RFC 6455 §7.1.7).
func (c *Conn) fail(code parley.CloseCode, reason string) {
	c.engine.log.Debug("peer broke the protocol", "conn", c.id, "code", code, "err", reason)
	c.giveUp(code, reason)
}

// giveUp ends a connection that cannot be read any more: no answer to our
// close frame is waited for.
func (c *Conn) giveUp(code parley.CloseCode, reason string) {
	c.mu.Lock()
	c.beginClose(code, reason, stateFinishing)
	c.unlock()
}

// noMoreTurns says that turn will not be called any more, and reports whether
// the connection was closing. Only then is what still waits to be written
// worth the wait.
func (c *Conn) noMoreTurns() (closing bool) {
	c.mu.Lock()
	defer c.unlock()
	closing = c.has(stateClosing)
	if !closing {
		c.code = parley.CloseAbnormal
	}
	c.set(stateClosing | stateFinishing)
	return closing
}

// idle reports whether nobody has the right to write. Once the connection is
// closing, wake follows when that becomes so.
func (c *Conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.out.writing
}

// over calls OnClose. The driver's reader calls it once, after noMoreTurns and
// when nobody writes. If linger is not 0, the driver goes on for at most so
// long, to wait for the peer's end of the stream.
func (c *Conn) over(now, linger time.Duration) {
	c.mu.Lock()
	c.set(stateOver)
	c.out.drop()
	if linger > 0 {
		c.rarely().lingerUntil = now + linger
	}
	c.rearm(now)
	code, reason, waiters := c.code, "", c.drained()
	if c.seldom != nil {
		reason = c.seldom.reason
	}
	c.unlock()
	c.in = nil
	call(waiters)
	c.handler.OnClose(c, code, reason)
}

// maxReason is the length of the longest close reason, in octets.
const maxReason = maxControl - 2

// cutReason makes s fit a close frame.
func cutReason(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxReason {
		return s
	}
	n := maxReason
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
