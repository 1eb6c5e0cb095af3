package endpoint

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// FunctionOptions are the options of a Function.
type FunctionOptions struct {
	Name string // under url:

	Program  *call.Program    // required, as are the next three
	Engine   *ws.Engine       // gives requests their ids
	Hub      *hub.Hub         // where functions publish
	Sessions *session.Manager // of the browsers
	Guard    *Guard           // nil admits everybody

	Headers http.Header  // of every response that a function answers; the function's own win; a name without values is not sent
	MaxBody int          // bytes; 0 means 10 MiB
	Groups  []string     // names of the groups of the pattern, "" for one without a name
	Log     *slog.Logger // nil means discard
}

const (
	defaultMaxBody = 10 << 20
	functionWait   = 30 * time.Second
)

// A Function is one FunctionHandler: it answers requests with what a function
// returns. It is safe for concurrent use.
type Function struct {
	opt   FunctionOptions // set by NewFunction, then read-only
	log   *slog.Logger    // likewise
	guard *Guard          // likewise
}

// NewFunction returns the endpoint that opt describes.
func NewFunction(opt FunctionOptions) *Function {
	if opt.MaxBody == 0 {
		opt.MaxBody = defaultMaxBody
	}
	return &Function{opt: opt, log: logger(opt.Log), guard: guardOf(opt.Guard, opt.Name, opt.Log)}
}

// Serve answers one request of any method. r.RemoteAddr is the client's
// address as trusted proxies tell it, r.URL.Scheme is http or https. groups are
// the values of the pattern's groups; one that took no part in the match is
// nil.
func (e *Function) Serve(w http.ResponseWriter, r *http.Request, groups []*string) {
	v, no := e.serve(w, r, groups)
	if no == nil {
		no = e.answer(w, v)
	}
	if no != nil {
		e.guard.write(w, r, no)
	}
}

// serve looks at the request as a handshake is looked at, and runs the function.
func (e *Function) serve(w http.ResponseWriter, r *http.Request, groups []*string) (v call.Value, no *refusal) {
	body, no := e.receive(w, r)
	if no != nil {
		return v, no
	}
	ctx, cancel := context.WithTimeout(r.Context(), functionWait)
	defer cancel()
	s, no := e.guard.visit(ctx, e.opt.Sessions, r)
	if no != nil {
		return v, no
	}
	if s == nil {
		var err error
		if s, err = e.opt.Sessions.Open(ctx, r); err != nil {
			return v, e.guard.unavailable(r, "session not opened", err)
		}
	}
	defer s.Release()
	effects := &requestEffects{hub: e.opt.Hub, log: e.log, endpoint: e.opt.Name, id: e.opt.Engine.NewID(), session: s}
	info := call.Info{Conn: effects.id, Endpoint: e.opt.Name, Request: r, Body: body, Session: s}
	info.PathArgs, info.PathKwargs = pathGroups(e.opt.Groups, groups)
	if no := e.guard.judge(ctx, info, effects); no != nil {
		return v, no
	}
	s.Seen()
	if s.Fresh() {
		e.opt.Sessions.SetCookie(w.Header(), s, r.URL.Scheme == "https")
	}
	return e.call(ctx, info, effects)
}

// receive returns the body of a request, if the rule admits who sends it; no
// other is read. The rule is to be asked again: the body may have taken minutes.
func (e *Function) receive(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), functionWait)
	defer cancel()
	s, no := e.guard.visit(ctx, e.opt.Sessions, r)
	if no != nil {
		return nil, no
	}
	if s != nil {
		s.Release()
	}
	return e.body(w, r)
}

// body reads the request's.
func (e *Function) body(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(e.opt.MaxBody)))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, text: "the body is too large"}
	case err != nil:
		return nil, &refusal{status: http.StatusBadRequest, text: "the body did not come whole"}
	}
	return body, nil
}

// call runs the function once the runtime is ready.
func (e *Function) call(ctx context.Context, info call.Info, effects call.Effects) (call.Value, *refusal) {
	p := e.opt.Program
	ready, cancel := context.WithTimeout(ctx, handshakeWait)
	defer cancel()
	if err := p.Runtime.Ready(ready, info, p.Hooks); err != nil {
		return call.Value{}, e.guard.unavailable(info.Request, "not ready to run functions", err)
	}
	v, err := p.Runtime.Call(ctx, info, p.Hooks, call.Function, effects)
	var raised *call.FunctionError
	switch {
	case errors.As(err, &raised):
		logRaised(e.log, e.opt.Name, info.Conn, raised)
		return v, refused("the function raised; the server's log says why")
	case err != nil:
		return v, e.guard.unavailable(info.Request, "function not answered", err)
	}
	return v, nil
}

// answer writes what the function returned.
func (e *Function) answer(w http.ResponseWriter, v call.Value) *refusal {
	status := v.Status
	if status == 0 {
		status = http.StatusOK
	}
	if status < 200 || status > 599 {
		e.log.Error("function asked for a status that is none", "endpoint", e.opt.Name, "status", v.Status)
		return refused("the function asked for a status that is none")
	}
	h := w.Header()
	if kind := contentType(v.Kind); kind != "" {
		h.Set("Content-Type", kind)
	}
	setAll(h, e.opt.Headers)
	setAll(h, v.Header)
	// The body's length is ours to say.
	h.Del("Content-Length")
	h.Del("Transfer-Encoding")
	w.WriteHeader(status)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		w.Write(v.Data) // nobody is left to tell if this fails
	}
	return nil
}

func contentType(kind call.ValueKind) string {
	switch kind {
	case call.Text:
		return "text/html; charset=utf-8"
	case call.Binary:
		return "application/octet-stream"
	case call.JSON:
		return "application/json"
	}
	return ""
}

// setAll replaces what h has under the names in from. Cookies are added to
// those that are there. A name without values keeps net/http from making some
// up.
func setAll(h, from http.Header) {
	for name, values := range from {
		name = http.CanonicalHeaderKey(name)
		if name != "Set-Cookie" {
			h[name] = nil
		}
		for _, value := range values {
			h.Add(name, value)
		}
	}
}
