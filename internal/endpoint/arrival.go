package endpoint

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

// An arrival is what a request for a socket says of who asks, before anything
// is looked up.
type arrival struct {
	request *http.Request // what functions see: without token and ticket, and without cookies that do not count
	token   string        // "" for none
	ticket  string        // likewise
	cookie  bool          // the session's cookie counts, and may be set
}

// byCookie reports whether only a cookie can say who this is.
func (a *arrival) byCookie() bool { return a.token == "" && a.ticket == "" }

// arrive reads what r says, and decides about its origin.
//
// A page of another site may open sockets with the cookie that this site's
// pages have (cross-site WebSocket hijacking). So where a cookie decides who
// may, only this site's pages and those that origins names get in; elsewhere,
// if origins says nothing, others get in without their cookie.
func (e *WebSocket) arrive(r *http.Request) (arrival, *refusal) {
	a := arrival{request: r, cookie: true}
	wrong := e.takeRight(&a)
	o, guarded, own := e.opt.Origins, e.guard.asks(http.MethodGet), !auth.FromElsewhere(r)
	switch {
	case own && (guarded || o == nil):
	case o != nil && (o.Everybody() || o.Allows(r.Header)):
	case o != nil, guarded && a.byCookie():
		e.logOrigin(r)
		return a, &refusal{status: http.StatusForbidden, text: "pages of this origin may not connect here"}
	default:
		a.cookie = false
		a.request = withoutCookies(a.request)
	}
	switch {
	case errors.Is(wrong, auth.ErrAmbiguous):
		return a, &refusal{status: http.StatusBadRequest, text: "more than one token or ticket came with the request: send one"}
	case wrong != nil:
		e.guard.refused(a.request, nil, wrong.Error())
		return a, invalidToken()
	}
	return a, nil
}

// takeRight takes the token or the ticket out of a's request. After an error a
// has none.
func (e *WebSocket) takeRight(a *arrival) (err error) {
	if t := e.opt.Tokens; t != nil {
		a.token, a.request, err = t.Sources.Take(a.request)
	}
	if e.opt.Tickets != nil && err == nil {
		a.ticket, a.request, err = auth.TakeTicket(a.request)
	}
	if a.token != "" && a.ticket != "" {
		err = auth.ErrAmbiguous
	}
	if err != nil {
		a.token, a.ticket = "", ""
	}
	return err
}

func invalidToken() *refusal {
	return &refusal{status: http.StatusUnauthorized, text: "the token is not valid here", challenge: true}
}

// withoutCookies returns r as a browser without cookies would send it.
func withoutCookies(r *http.Request) *http.Request {
	if len(r.Header["Cookie"]) == 0 {
		return r
	}
	bare := *r
	bare.Header = r.Header.Clone()
	bare.Header.Del("Cookie")
	return &bare
}

// who finds out whom the token or ticket stands for, if there is one. What it
// takes hold of is for undo.
func (h *handshake) who() *refusal {
	e, a := h.endpoint, &h.arrival
	switch {
	case a.token != "":
		claims, err := e.opt.Tokens.Verifier.Verify(h.ctx, a.token)
		if errors.Is(err, parley.ErrUnavailable) {
			return e.guard.unavailable(h.request, "token not verified", err)
		}
		if err != nil {
			e.guard.refused(h.request, nil, err.Error())
			return invalidToken()
		}
		if !time.Now().Before(claims.Expires.Add(e.opt.Tokens.Grace)) { // the Verifier forgives clocks that differ
			e.guard.refused(h.request, nil, "token refused: it has just expired")
			return invalidToken()
		}
		h.user, h.expires = claims.User, claims.Expires
	case a.ticket != "":
		reserved, err := e.opt.Tickets.Reserve(a.ticket, e.opt.Name)
		if err != nil {
			e.guard.refused(h.request, nil, err.Error())
			return &refusal{status: http.StatusUnauthorized, text: "the ticket is not valid: it is good for one socket, and not for long"}
		}
		h.ticket = reserved
		return h.adopt(reserved.Ticket)
	}
	return nil
}

// defaultSubprotocol is what is answered to a client that sends its token as a
// subprotocol, which browsers want one of the others answered to.
const defaultSubprotocol = "parley"

// fallback is what is selected of the offered subprotocols if no function
// selects one.
func (e *WebSocket) fallback(offered []string) string {
	if t := e.opt.Tokens; t != nil && t.Sources.Subprotocol && slices.Contains(offered, defaultSubprotocol) {
		return defaultSubprotocol
	}
	return ""
}
