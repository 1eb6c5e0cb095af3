package endpoint

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// handshakeWait is how long a handshake waits for session and runtime, and then
// for select_subprotocol.
const handshakeWait = 2 * time.Second

// Serve answers one request: the WebSocket is open or the request refused when
// it returns; or, where there are tickets, it was a POST that got one.
// r.RemoteAddr is the client's address as trusted proxies tell it, r.URL.Scheme
// is http or https. groups are the values of the pattern's groups; one that took
// no part in the match is nil.
//
// What is looked at, in this order: limits, origin, session, token or ticket,
// auth, the functions that judge. A handshake that is refused has changed
// nothing: no session has begun, no ticket is used up.
func (e *WebSocket) Serve(w http.ResponseWriter, r *http.Request, groups []*string) {
	if r.Method == http.MethodPost && e.opt.Tickets != nil {
		e.serveTicket(w, r, groups)
		return
	}
	address := e.address(r)
	if bad := e.opt.Engine.CheckUpgrade(r, address); bad != nil {
		bad.Answer(w)
		return
	}
	a, no := e.arrive(r)
	if no != nil {
		no.write(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), handshakeWait)
	defer cancel()
	h := &handshake{endpoint: e, request: r, arrival: a, address: address, ctx: ctx}
	if no := h.run(w, groups); no != nil {
		h.undo()
		no.write(w, r)
	}
}

// A handshake is a request on its way to become a connection. It belongs to
// the goroutine that serves the request.
type handshake struct {
	endpoint *WebSocket
	request  *http.Request // as it came
	arrival  arrival
	address  netip.Addr
	ctx      context.Context // of the request; for what the steps up to the functions wait for

	session *session.Session
	user    parley.User    // by token or ticket
	expires time.Time      // when that right ends; zero for never
	ticket  *auth.Reserved // nil for none

	handler *conn // once it is known who asks
	called  bool  // the runtime knows the connection
}

// run takes the steps after the origin. What it leaves behind if it refuses is
// for undo.
func (h *handshake) run(w http.ResponseWriter, groups []*string) *refusal {
	e := h.endpoint
	header := http.Header{}
	setAll(header, e.opt.Headers)
	if no := h.identify(); no != nil {
		return no
	}
	if err := h.openSession(header); err != nil {
		return e.guard.unavailable(h.request, "session not opened", err)
	}
	c := &conn{endpoint: e, id: e.opt.Engine.NewID(), session: h.session}
	h.handler = c
	c.info = h.info(c.id, groups)

	if no := h.waitReady(); no != nil {
		return no
	}
	if no := h.judge(); no != nil {
		return no
	}
	if no := h.selectSubprotocol(); no != nil {
		return no
	}
	c.rights = h.rights()
	if h.session != nil {
		h.session.OnEnd(c)
	}

	e.streamBegins()
	_, err := e.opt.Engine.Accept(w, h.request, ws.Accept{
		ID: c.id, Handler: c, Settings: e.settings, Subprotocol: c.info.Subprotocol, Header: header,
		Loop: e.loop(c.info), Address: h.address,
	})
	if err != nil {
		e.streamEnded()
		return h.notAccepted(err)
	}
	if h.ticket != nil {
		h.ticket.Use()
	}
	return nil
}

// identify finds out who asks, and whether the rule admits them.
func (h *handshake) identify() *refusal {
	e := h.endpoint
	if e.guard.asks(http.MethodGet) && h.arrival.cookie && h.arrival.ticket == "" {
		var err error
		if h.session, err = e.opt.Sessions.Lookup(h.ctx, h.request); err != nil {
			return e.guard.unavailable(h.request, "session not opened", err)
		}
	}
	if no := h.who(); no != nil {
		return no
	}
	return e.guard.admit(h.request, h.currentUser())
}

func (h *handshake) currentUser() parley.User {
	if h.user == nil && h.session != nil {
		return h.session.User()
	}
	return h.user
}

// info is what the runtime learns.
func (h *handshake) info(id parley.ConnID, groups []*string) *call.Info {
	r := h.arrival.request
	info := &call.Info{Conn: id, Endpoint: h.endpoint.opt.Name, Request: r, User: h.user, Subprotocols: subprotocols(r.Header)}
	if h.session != nil {
		info.Session = h.session
	}
	info.Subprotocol = h.endpoint.fallback(info.Subprotocols)
	info.PathArgs, info.PathKwargs = pathGroups(h.endpoint.opt.Groups, groups)
	return info
}

// openSession sees to it that there is a session, and that the browser knows
// it: what tells it so goes to header. The connection holds it if its functions
// can look at it, if it decides about the connection, or if somebody has logged
// in in it.
func (h *handshake) openSession(header http.Header) error {
	sessions, r := h.endpoint.opt.Sessions, h.request
	secure := r.URL.Scheme == "https"
	switch unseen := h.endpoint.traits.NoSession && !h.endpoint.guard.any(); {
	case h.session != nil:
		return nil
	case unseen && h.arrival.cookie:
		return h.holdLogin(header, secure)
	case unseen:
		return nil
	case !h.arrival.cookie || h.arrival.ticket != "":
		h.session = sessions.Anonymous()
		return nil
	}
	s, err := sessions.Open(h.ctx, r)
	if err != nil {
		return err
	}
	h.session = s
	if s.Fresh() {
		sessions.SetCookie(header, s, secure)
	}
	return nil
}

// holdLogin is openSession for functions that cannot look at it: the connection
// holds the session of somebody who has logged in, and ends with it.
func (h *handshake) holdLogin(header http.Header, secure bool) error {
	sessions := h.endpoint.opt.Sessions
	s, err := sessions.Lookup(h.ctx, h.request)
	switch {
	case err != nil:
		return err
	case s == nil:
		return sessions.EnsureCookie(h.ctx, header, h.request, secure)
	case s.User() == nil:
		s.Release()
		return nil
	}
	h.session = s
	return nil
}

// judge lets the functions judge that the endpoint has for it.
func (h *handshake) judge() *refusal {
	ctx, cancel := context.WithTimeout(h.request.Context(), handshakeWait)
	defer cancel()
	return h.endpoint.guard.judge(ctx, *h.handler.info, h.handler)
}

// loop is where the runtime wants the connection to live; nil for anywhere.
func (e *WebSocket) loop(info *call.Info) *ws.Loop {
	if r, ok := e.opt.Program.Runtime.(call.Homed); ok {
		l, _ := r.Home(*info).(*ws.Loop)
		return l
	}
	return nil
}

// address is whose connection r will be; the zero value is nobody's.
func (e *WebSocket) address(r *http.Request) netip.Addr {
	if e.opt.Address == nil {
		return netip.Addr{}
	}
	address, _ := e.opt.Address(r)
	return address
}

func (h *handshake) waitReady() *refusal {
	p := h.endpoint.opt.Program
	if err := p.Runtime.Ready(h.ctx, *h.handler.info, p.Hooks); err != nil {
		return h.endpoint.guard.unavailable(h.request, "not ready to run functions", err)
	}
	return nil
}

// selectSubprotocol lets the function choose, if there is one.
func (h *handshake) selectSubprotocol() *refusal {
	p := h.endpoint.opt.Program
	if !p.Has(call.SelectSubprotocol) {
		return nil
	}
	ctx, cancel := context.WithTimeout(h.request.Context(), handshakeWait)
	defer cancel()
	h.called = true
	info := h.handler.info
	v, err := p.Runtime.Call(ctx, *info, p.Hooks, call.SelectSubprotocol, h.handler)
	var raised *call.FunctionError
	switch {
	case errors.As(err, &raised):
		logRaised(h.endpoint.log, h.endpoint.opt.Name, info.Conn, raised)
		return refused("the function that selects a subprotocol raised; the server's log says why")
	case err != nil:
		return h.endpoint.guard.unavailable(h.request, "select_subprotocol not answered", err)
	case v.Kind == call.None, v.Kind == call.Text && len(v.Data) == 0:
		return nil
	case v.Kind != call.Text || !slices.Contains(info.Subprotocols, string(v.Data)):
		h.endpoint.log.Error("select_subprotocol returned what the client did not offer",
			"endpoint", h.endpoint.opt.Name, "conn", info.Conn, "returned", cut(string(v.Data)), "offered", len(info.Subprotocols)) // not what: it may be a token
		return refused("the selected subprotocol is none that was offered")
	}
	info.Subprotocol = string(v.Data)
	return nil
}

// undo drops what a refused handshake has taken hold of.
func (h *handshake) undo() {
	if h.handler != nil {
		h.handler.leave()
	}
	if h.session != nil {
		h.session.Release()
	}
	if h.ticket != nil {
		h.ticket.Return()
	}
	if h.called {
		h.endpoint.opt.Program.Runtime.Forget(h.handler.id)
	}
}

func refused(text string) *refusal {
	return &refusal{status: http.StatusInternalServerError, text: text}
}

// notAccepted is what a handshake gets whose socket the engine did not take.
func (h *handshake) notAccepted(err error) *refusal {
	var bad *ws.HandshakeError
	if !errors.As(err, &bad) { // the engine gives no other error
		return refused(err.Error())
	}
	return &refusal{
		status: bad.Status, text: bad.Message, retry: errors.Is(err, parley.ErrDraining) || errors.Is(err, parley.ErrUnavailable),
	}
}

// subprotocols returns those that the client offers, in its order.
func subprotocols(h http.Header) []string {
	var offered []string
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item != "" {
				offered = append(offered, item)
			}
		}
	}
	return offered
}

// pathGroups puts the groups of a match where functions find them: all of them
// in order, or, if any has a name, those that have one.
func pathGroups(names []string, values []*string) (args []*string, kwargs map[string]*string) {
	for i, name := range names {
		if name == "" || i >= len(values) {
			continue
		}
		if kwargs == nil {
			kwargs = map[string]*string{}
		}
		kwargs[name] = values[i]
	}
	if kwargs != nil {
		return nil, kwargs
	}
	return values, nil
}

// logOrigin says once a minute for each origin what to change to let it in.
func (e *WebSocket) logOrigin(r *http.Request) {
	origin := cut(strings.Join(r.Header.Values("Origin"), ", "))
	e.origins.warn(e.log, origin, "origin refused; add it to origins to let it in",
		"endpoint", e.opt.Name, "origin", origin, "host", cut(r.Host), "where", e.opt.OriginsWhere)
}
