package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

const (
	renewalBegins  = `{"parley":` // what JSON.stringify writes
	renewEvery     = time.Second  // between two tokens of one connection: a signature costs up to a millisecond
	renewed        = `{"parley":{"token":"renewed","expires":%d}}`
	notRenewedYet  = `{"parley":{"token":"unavailable"}}`
	tokenOfAnother = "the token is another user's"
)

// renewWith looks at a message that may be a fresh token, in a goroutine of
// its own. It reports whether it is one.
func (r *rights) renewWith(data []byte) bool {
	token, ok := renewalOf(data)
	if !ok {
		return false
	}
	if !r.mayRenew() {
		r.conn.Close(parley.ClosePolicy, "one token a second")
		return true
	}
	e := r.conn.endpoint
	e.streamBegins() // Wait waits for it
	go func() {
		defer e.streamEnded()
		r.renew(token)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.renewing = false
	}()
	return true
}

// renewalOf returns the token of a message that is exactly
// {"parley": {"token": "…"}}.
func renewalOf(data []byte) (token string, ok bool) {
	if !bytes.HasPrefix(data, []byte(renewalBegins)) { // the quick way out for all others
		return "", false
	}
	var m map[string]map[string]string
	if json.Unmarshal(data, &m) != nil || len(m) != 1 || len(m["parley"]) != 1 {
		return "", false
	}
	token, ok = m["parley"]["token"]
	return token, ok
}

// mayRenew reports whether a token may be looked at now; then it is the only
// one.
func (r *rights) mayRenew() bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.renewing || now.Sub(r.renewal) < renewEvery {
		return false
	}
	r.renewing, r.renewal = true, now
	return true
}

// renew moves the end to that of token, which has to let the same user in.
func (r *rights) renew(token string) {
	ctx, cancel := context.WithTimeout(r.life, handshakeWait)
	defer cancel()
	claims, err := r.tokens.Verifier.Verify(ctx, token)
	guard := r.conn.endpoint.guard
	switch {
	case r.life.Err() != nil: // the connection has closed
	case errors.Is(err, parley.ErrUnavailable):
		guard.faults.warn(guard.log, "renewal: "+err.Error(), "token not renewed", "endpoint", guard.opt.Name, "err", err)
		r.answer(notRenewedYet)
	case err != nil:
		r.refuse("the token is not valid here", err.Error())
	case claims.User.ID() != r.user:
		r.refuse(tokenOfAnother, tokenOfAnother)
	case guard.asks(http.MethodGet) && guard.opt.Rule.Admits(claims.User) != auth.Admitted:
		r.refuse("by this token, this is not for you", "no member")
	default:
		r.mu.Lock()
		r.expires = claims.Expires
		r.mu.Unlock()
		r.check()
		r.answer(fmt.Sprintf(renewed, claims.Expires.Unix()))
	}
}

// answer tells the peer what has come of its token. One that has gone need not
// know.
func (r *rights) answer(text string) { _ = r.conn.Write(parley.Text, []byte(text)) }

// refuse ends a connection for a token that it has sent.
func (r *rights) refuse(reason, why string) {
	guard := r.conn.endpoint.guard
	guard.refusals.warn(guard.log, "renewal: "+why, "token not renewed",
		"endpoint", guard.opt.Name, "conn", uint64(r.conn.id), "user", cut(r.user), "why", why)
	r.conn.unauthorized(reason)
}
