package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/session"
)

// serveTicket answers a POST with a ticket, which opens one socket for whoever
// asks, if they may: the way in for pages whose socket cannot carry the cookie.
//
// A page of another site must not get one, so a browser has to say that it asks
// for this site's own, whatever origins lists.
func (e *WebSocket) serveTicket(w http.ResponseWriter, r *http.Request, groups []*string) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*handshakeWait)
	defer cancel()
	ticket, no := e.ticket(ctx, r, groups)
	if no != nil {
		no.write(w, r)
		return
	}
	text, err := e.opt.Tickets.Issue(ticket)
	if err != nil {
		e.guard.unavailable(r, "no ticket made", err).write(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{ // nobody is left to tell if this fails
		"ticket": text, "expires_in": int(e.opt.Tickets.Validity() / time.Second),
	})
}

// ticket is what r gets, once it has been looked at as a handshake is.
func (e *WebSocket) ticket(ctx context.Context, r *http.Request, groups []*string) (t auth.Ticket, no *refusal) {
	if auth.FromElsewhere(r) {
		e.guard.refused(r, nil, "a ticket is for pages of the same site")
		return t, &refusal{status: http.StatusForbidden, text: "pages of this origin get no ticket here"}
	}
	s, err := e.opt.Sessions.Lookup(ctx, r)
	if err != nil {
		return t, e.guard.unavailable(r, "session not opened", err)
	}
	if s == nil {
		e.guard.refused(r, nil, "a ticket is for a session, and none came")
		return t, &refusal{status: http.StatusUnauthorized, text: "a ticket needs the session's cookie"}
	}
	defer s.Release()
	handshake := *r // what the ticket is for
	handshake.Method = http.MethodGet
	if no := e.guard.admit(&handshake, s.User()); no != nil {
		return t, no
	}
	effects := &requestEffects{hub: e.opt.Hub, log: e.log, endpoint: e.opt.Name, id: e.opt.Engine.NewID(), session: s}
	info := call.Info{Conn: effects.id, Endpoint: e.opt.Name, Request: &handshake, Session: s}
	info.PathArgs, info.PathKwargs = pathGroups(e.opt.Groups, groups)
	if no := e.guard.judge(ctx, info, effects); no != nil {
		return t, no
	}
	return auth.Ticket{Endpoint: e.opt.Name, Session: s.ID()}, nil
}

// adopt makes the ticket's session that of the handshake.
func (h *handshake) adopt(t auth.Ticket) *refusal {
	s, err := h.endpoint.opt.Sessions.Adopt(h.ctx, t.Session)
	switch {
	case errors.Is(err, session.ErrDestroyed):
		h.endpoint.guard.refused(h.request, nil, "the ticket's session has ended")
		return &refusal{status: http.StatusUnauthorized, text: "the ticket's session has ended"}
	case err != nil:
		return h.endpoint.guard.unavailable(h.request, "session not opened", err)
	}
	h.session = s
	return nil
}
