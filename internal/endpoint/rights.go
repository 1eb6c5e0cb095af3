package endpoint

import (
	"context"
	"sync"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

// Tokens say how tokens come to an endpoint and who has made them.
type Tokens struct {
	Verifier *auth.Verifier
	Sources  auth.Sources
	Grace    time.Duration // for which a connection outlives its token
}

// rights are what lets a connection stay for a time: a token, or a login in the
// session. A connection that may stay for ever has none.
type rights struct {
	conn *conn // set by the handshake, then read-only, as are the next four

	// Without a token of theirs, tokens is nil, and nothing is renewed.
	tokens *Tokens
	user   string // the user's id by that token
	life   context.Context
	end    context.CancelFunc // ends life; after that, nothing is renewed any more

	mu       sync.Mutex // guards what follows
	expires  time.Time  // when the token ends; zero for no token
	alarm    *time.Timer
	over     bool      // the connection has closed
	renewing bool      // a token is being looked at
	renewal  time.Time // when it came
}

// rights returns what h's connection needs of them.
func (h *handshake) rights() *rights {
	r := &rights{conn: h.handler, expires: h.expires}
	if h.arrival.token != "" {
		r.tokens, r.user = h.endpoint.opt.Tokens, h.user.ID()
		r.life, r.end = context.WithCancel(context.WithoutCancel(h.request.Context()))
		return r
	}
	if r.conn.loginEnd().IsZero() {
		return nil
	}
	return r
}

// loginEnd is when the login in the connection's session ends, as things
// stand; zero for never.
func (c *conn) loginEnd() time.Time {
	if c.session == nil {
		return time.Time{}
	}
	end, _ := c.session.Deadline()
	return end
}

// check closes the connection if its time is over; else it sets the alarm for
// when it will be. It is called once the connection has opened, and whenever
// the end has moved.
func (r *rights) check() {
	end, why := r.conn.loginEnd(), "session expired"
	r.mu.Lock()
	if !r.expires.IsZero() {
		if token := r.expires.Add(r.tokens.Grace); end.IsZero() || token.Before(end) {
			end, why = token, "token expired"
		}
	}
	if r.alarm != nil {
		r.alarm.Stop()
	}
	left := time.Until(end)
	limited := !r.over && !end.IsZero()
	if limited && left > 0 {
		r.alarm = time.AfterFunc(left, r.check)
	}
	r.mu.Unlock()
	if limited && left <= 0 {
		r.conn.unauthorized(why)
	}
}

// stop is called when the connection has closed.
func (r *rights) stop() {
	if r.end != nil {
		r.end()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.alarm != nil {
		r.alarm.Stop()
	}
}

// message notes that the peer has said something. It reports whether that was
// a fresh token, which is no message for functions.
func (r *rights) message(kind parley.Kind, data []byte) (renewal bool) {
	if s := r.conn.session; s != nil {
		s.Seen()
	}
	return r.tokens != nil && kind == parley.Text && r.renewWith(data)
}

// unauthorized closes a connection whose right to be there has ended.
func (c *conn) unauthorized(why string) {
	if c.rightEnded.Swap(true) {
		return
	}
	c.endpoint.log.Info("connection's right ended", "endpoint", c.endpoint.opt.Name, "conn", uint64(c.id), "why", why)
	c.Close(parley.CloseUnauthorized, why)
}

// SessionEnded closes the connection of a session that was destroyed.
func (c *conn) SessionEnded() {
	c.sessionEnded.Store(true)
	if c.socket.Load() != nil { // else OnOpen does it
		c.unauthorized(sessionEnded)
	}
}

const sessionEnded = "the session has ended"
