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
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/ws"
)

// handshakeWait is how long a handshake waits for session and runtime, and then
// for select_subprotocol.
const handshakeWait = 2 * time.Second

// Serve answers one request: the WebSocket is open or the request refused when
// it returns. r.RemoteAddr is the client's address as trusted proxies tell it,
// r.URL.Scheme is http or https. groups are the values of the pattern's groups;
// one that took no part in the match is nil.
func (e *WebSocket) Serve(w http.ResponseWriter, r *http.Request, groups []*string) {
	address := e.address(r)
	if bad := e.opt.Engine.CheckUpgrade(r, address); bad != nil {
		bad.Answer(w)
		return
	}
	if !e.opt.Origins.Allows(r.Header) {
		e.logOrigin(r.Header)
		refusal{status: http.StatusForbidden, text: "pages of this origin may not connect here"}.write(w)
		return
	}
	h := &handshake{endpoint: e, request: r, address: address, conn: e.opt.Engine.NewID()}
	if no := h.run(w, groups); no != nil {
		h.undo()
		no.write(w)
	}
}

// A handshake is a request on its way to become a connection. It belongs to
// the goroutine that serves the request.
type handshake struct {
	endpoint *WebSocket
	request  *http.Request
	address  netip.Addr
	conn     parley.ConnID

	handler *conn // once there is a session
	called  bool  // the runtime knows the connection
}

// run takes the steps after the origin. What it leaves behind if it refuses is
// for undo.
func (h *handshake) run(w http.ResponseWriter, groups []*string) *refusal {
	e, r := h.endpoint, h.request

	ctx, cancel := context.WithTimeout(r.Context(), handshakeWait)
	defer cancel()
	c := &conn{endpoint: e, id: h.conn}
	h.handler = c
	c.info = &call.Info{Conn: h.conn, Endpoint: e.opt.Name, Request: r, Subprotocols: subprotocols(r.Header)}
	header := http.Header{}
	setAll(header, e.opt.Headers)
	if err := h.openSession(ctx, header); err != nil {
		return h.unavailable("session not opened", err)
	}
	c.info.PathArgs, c.info.PathKwargs = pathGroups(e.opt.Groups, groups)

	if no := h.waitReady(ctx); no != nil {
		return no
	}
	if no := h.selectSubprotocol(); no != nil {
		return no
	}

	e.streamBegins()
	_, err := e.opt.Engine.Accept(w, r, ws.Accept{
		ID: h.conn, Handler: c, Settings: e.settings, Subprotocol: c.info.Subprotocol, Header: header,
		Loop: e.loop(c.info), Address: h.address,
	})
	if err != nil {
		e.streamEnded()
		return h.notAccepted(err)
	}
	return nil
}

// openSession sees to it that the browser has a session: what tells it so goes
// to header. The connection holds it if its functions can look at it.
func (h *handshake) openSession(ctx context.Context, header http.Header) error {
	sessions, r := h.endpoint.opt.Sessions, h.request
	secure := r.URL.Scheme == "https"
	if h.endpoint.traits.NoSession {
		return sessions.EnsureCookie(ctx, header, r, secure)
	}
	s, err := sessions.Open(ctx, r)
	if err != nil {
		return err
	}
	h.handler.session, h.handler.info.Session = s, s
	if s.Fresh() {
		sessions.SetCookie(header, s, secure)
	}
	return nil
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

func (h *handshake) waitReady(ctx context.Context) *refusal {
	p := h.endpoint.opt.Program
	if err := p.Runtime.Ready(ctx, *h.handler.info, p.Hooks); err != nil {
		return h.unavailable("not ready to run functions", err)
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
		logRaised(h.endpoint.log, h.endpoint.opt.Name, h.conn, raised)
		return refused("the function that selects a subprotocol raised; the server's log says why")
	case err != nil:
		return h.unavailable("select_subprotocol not answered", err)
	case v.Kind == call.None, v.Kind == call.Text && len(v.Data) == 0:
		return nil
	case v.Kind != call.Text || !slices.Contains(info.Subprotocols, string(v.Data)):
		h.endpoint.log.Error("select_subprotocol returned what the client did not offer",
			"endpoint", h.endpoint.opt.Name, "conn", h.conn, "returned", cut(string(v.Data)), "offered", cut(strings.Join(info.Subprotocols, ", ")))
		return refused("the selected subprotocol is none that was offered")
	}
	info.Subprotocol = string(v.Data)
	return nil
}

// undo drops what a refused handshake has taken hold of.
func (h *handshake) undo() {
	if h.handler != nil {
		h.handler.leave()
		if h.handler.session != nil {
			h.handler.session.Release()
		}
	}
	if h.called {
		h.endpoint.opt.Program.Runtime.Forget(h.conn)
	}
}

func refused(text string) *refusal {
	return &refusal{status: http.StatusInternalServerError, text: text}
}

// unavailable is a 503. It is logged once a minute for each cause, unless the
// client went away.
func (h *handshake) unavailable(what string, err error) *refusal {
	if h.request.Context().Err() == nil {
		h.endpoint.faults.warn(h.endpoint.log, what+": "+err.Error(), what, "endpoint", h.endpoint.opt.Name, "err", err)
	}
	return &refusal{status: http.StatusServiceUnavailable, text: "not available now; try again soon", retry: true}
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
func (e *WebSocket) logOrigin(h http.Header) {
	origin := cut(strings.Join(h.Values("Origin"), ", "))
	e.origins.warn(e.log, origin, "origin refused; add it to origins to let it in",
		"endpoint", e.opt.Name, "origin", origin, "where", e.opt.OriginsWhere)
}
