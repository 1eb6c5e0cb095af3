package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

// rights are what lets a connection stay for a time: a token, or a login in the
// session. A connection that may stay for ever has none.
type rights struct {
	conn   *conn       // set by the handshake, then read-only, as are the next two
	tokens *Tokens     // nil if no token of theirs came with the handshake
	user   string      // the user's id by that token
	renews atomic.Bool // a token is being looked at; one goroutine at a time

	mu      sync.Mutex // guards what follows
	expires time.Time  // when the token ends; zero for never, or none
	alarm   *time.Timer
	over    bool // the connection has closed
}

// rights returns what h's connection needs of them.
func (h *handshake) rights() *rights {
	r := &rights{conn: h.handler, expires: h.expires}
	if h.arrival.token != "" {
		r.tokens, r.user = h.endpoint.opt.Tokens, h.user.ID()
	}
	_, limited := r.end()
	if r.tokens == nil && !limited {
		return nil
	}
	return r
}

// end is when the connection has to end, as things stand; false for never.
// r.mu is held, or nobody else knows r.
func (r *rights) end() (t time.Time, limited bool) {
	if s := r.conn.session; s != nil {
		t, limited = s.Deadline()
	}
	if token := r.tokenEnd(); !token.IsZero() && (!limited || token.Before(t)) {
		return token, true
	}
	return t, limited
}

// tokenEnd is when the token's grace has passed; zero for never.
func (r *rights) tokenEnd() time.Time {
	if r.expires.IsZero() || r.tokens == nil {
		return r.expires
	}
	return r.expires.Add(r.tokens.Grace)
}

// watch sets the alarm. It is called once the connection has opened, and
// whenever the end has moved.
func (r *rights) watch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.alarm != nil {
		r.alarm.Stop()
	}
	if end, limited := r.end(); limited && !r.over {
		r.alarm = time.AfterFunc(time.Until(end), r.ring)
	}
}

// ring ends the connection, unless its end has moved.
func (r *rights) ring() {
	r.mu.Lock()
	end, limited := r.end()
	token := r.tokenEnd()
	over := r.over
	r.mu.Unlock()
	switch now := time.Now(); {
	case over:
	case !limited || now.Before(end):
		r.watch()
	case !token.IsZero() && !now.Before(token):
		r.conn.unauthorized("token expired")
	default:
		r.conn.unauthorized("session expired")
	}
}

// stop is called when the connection has closed.
func (r *rights) stop() {
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
	if r.tokens == nil || kind != parley.Text {
		return false
	}
	token, ok := renewalOf(data)
	if !ok {
		return false
	}
	if r.renews.Swap(true) {
		r.conn.Close(parley.ClosePolicy, "one token at a time")
		return true
	}
	e := r.conn.endpoint
	e.streamBegins() // Wait waits for it
	go func() {
		defer e.streamEnded()
		defer r.renews.Store(false)
		r.renew(token)
	}()
	return true
}

var renewalBegins = []byte(`{"parley":`)

// renewalOf returns the token of a message that is exactly
// {"parley": {"token": "…"}}.
func renewalOf(data []byte) (token string, ok bool) {
	if !bytes.HasPrefix(data, renewalBegins) { // what JSON.stringify writes; the quick way out for all others
		return "", false
	}
	var m map[string]map[string]string
	if json.Unmarshal(data, &m) != nil || len(m) != 1 || len(m["parley"]) != 1 {
		return "", false
	}
	token, ok = m["parley"]["token"]
	return token, ok
}

// renewed answers a token that was accepted.
const renewed = `{"parley":{"token":"renewed","expires":%d}}`

// renew moves the end to that of token, which has to be the same user's.
func (r *rights) renew(token string) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeWait) // it outlives no more than that
	defer cancel()
	claims, err := r.tokens.Verifier.Verify(ctx, token)
	guard := r.conn.endpoint.guard
	switch {
	case err != nil:
		guard.faults.warn(guard.log, err.Error(), "token not renewed", "endpoint", guard.opt.Name, "conn", r.conn.id, "err", err)
		r.conn.unauthorized("the token is not valid here")
		return
	case claims.User.ID() != r.user:
		guard.faults.warn(guard.log, "another user's token", "token not renewed", "endpoint", guard.opt.Name, "conn", r.conn.id, "err", "it is another user's")
		r.conn.unauthorized("the token is another user's")
		return
	}
	r.mu.Lock()
	r.expires = claims.Expires
	r.mu.Unlock()
	r.watch()
	_ = r.conn.Write(parley.Text, fmt.Appendf(nil, renewed, claims.Expires.Unix())) // a peer that has gone needs no answer
}

// unauthorized closes a connection whose right to be there has ended.
func (c *conn) unauthorized(why string) {
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

// Tokens say how tokens come to an endpoint and who has made them.
type Tokens struct {
	Verifier *auth.Verifier
	Sources  auth.Sources
	Grace    time.Duration // for which a connection outlives its token
}
