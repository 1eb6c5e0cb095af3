package endpoint

import (
	"context"
	"log/slog"
	"net/http"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// PageOptions are the options of a Page.
type PageOptions struct {
	Name string // under url:

	Guard    *Guard           // required, as are the next four
	Engine   *ws.Engine       // gives requests their ids
	Hub      *hub.Hub         // where functions that judge publish
	Sessions *session.Manager // of the browsers
	Serve    func(w http.ResponseWriter, r *http.Request, groups []*string)

	Groups []string     // names of the groups of the pattern, "" for one without a name
	Log    *slog.Logger // nil means discard
}

// A Page stands before what has no functions of its own, such as files, and
// serves those whom its Guard admits. It is safe for concurrent use.
type Page struct {
	opt PageOptions  // set by NewPage, then read-only
	log *slog.Logger // likewise
}

// NewPage returns the page that opt describes.
func NewPage(opt PageOptions) *Page { return &Page{opt: opt, log: logger(opt.Log)} }

// Serve answers one request, as Function.Serve does.
func (p *Page) Serve(w http.ResponseWriter, r *http.Request, groups []*string) {
	if no := p.look(r, groups); no != nil {
		p.opt.Guard.write(w, r, no)
		return
	}
	p.opt.Serve(w, r, groups)
}

// look says why the page is not for who asks; nil if it is.
func (p *Page) look(r *http.Request, groups []*string) *refusal {
	ctx, cancel := context.WithTimeout(r.Context(), functionWait)
	defer cancel()
	s, no := p.opt.Guard.visit(ctx, p.opt.Sessions, r)
	if no != nil {
		return no
	}
	if s == nil && p.opt.Guard.opt.Judges != nil {
		var err error
		if s, err = p.opt.Sessions.Open(ctx, r); err != nil {
			return p.opt.Guard.unavailable(r, "session not opened", err)
		}
	}
	if s == nil {
		return nil
	}
	defer s.Release()
	effects := &requestEffects{hub: p.opt.Hub, log: p.log, endpoint: p.opt.Name, id: p.opt.Engine.NewID(), session: s}
	info := call.Info{Conn: effects.id, Endpoint: p.opt.Name, Request: r, Session: s}
	info.PathArgs, info.PathKwargs = pathGroups(p.opt.Groups, groups)
	if no := p.opt.Guard.judge(ctx, info, effects); no != nil {
		return no
	}
	s.Seen()
	return nil
}
