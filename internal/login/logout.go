package login

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/session"
)

// LogoutOptions are the options of a Logout.
type LogoutOptions struct {
	Name     string           // under url:
	Sessions *session.Manager // required
	Redirect *Redirect        // where people go afterwards; nil means Redirect{Query: "next"}
	Log      *slog.Logger     // nil means discard
}

// A Logout is an endpoint that ends the browser's session: its values are gone,
// its sockets close, and the browser gets a new one. It is safe for concurrent
// use.
type Logout struct {
	opt      LogoutOptions // set by NewLogout, then read-only, as is what follows
	log      *slog.Logger
	way      way
	page     func(Page) ([]byte, error)
	security http.Header

	faults seldom // safe for every goroutine
}

// NewLogout returns the endpoint that opt describes. Its error says what is
// wrong with the redirect.
func NewLogout(opt LogoutOptions) (*Logout, error) {
	if opt.Sessions == nil {
		panic("login: LogoutOptions.Sessions is missing")
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	to, err := newWay(opt.Redirect)
	if err != nil {
		return nil, err
	}
	l := &Logout{opt: opt, log: opt.Log, way: to, faults: seldom{every: time.Minute}}
	l.page, l.security = ownPage("logout.html", to)
	return l, nil
}

// Serve answers one request. POST logs out if a page of this site sends it, or
// no browser. GET does, too, as links need it; but for a request that another
// site has made, or that the browser makes before anybody has clicked, it shows
// a button.
func (l *Logout) Serve(w http.ResponseWriter, r *http.Request, _ []*string) {
	switch r.Method {
	case http.MethodPost:
		if auth.FromElsewhere(r) {
			l.ask(w, r, http.StatusForbidden)
			return
		}
	case http.MethodGet:
		if foreign(r) || strings.Contains(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose"), "prefetch") {
			l.ask(w, r, http.StatusOK)
			return
		}
	case http.MethodHead:
		l.ask(w, r, http.StatusOK)
		return
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		l.ask(w, r, http.StatusMethodNotAllowed)
		return
	}
	l.logOut(w, r)
}

// foreign reports whether a GET comes from another site, as far as the browser
// tells. Over HTTP it only has Referer.
func foreign(r *http.Request) bool {
	switch sites := r.Header["Sec-Fetch-Site"]; {
	case len(sites) == 1:
		return sites[0] != "same-origin" && sites[0] != "same-site" && sites[0] != "none"
	case len(sites) > 1:
		return true
	}
	if auth.TellsOrigin(r) {
		return !auth.SameOrigin(r)
	}
	referer := r.Header.Get("Referer")
	if referer == "" {
		return false
	}
	u, err := url.Parse(referer)
	return err != nil || !auth.OwnOrigin(r, u.Scheme+"://"+u.Host)
}

// ask shows a page with a button.
func (l *Logout) ask(w http.ResponseWriter, r *http.Request, status int) {
	if r.Method == http.MethodPost && wantsJSON(r) {
		writeJSON(w, status, map[string]string{"error": "This came from another site."})
		return
	}
	p := Page{Title: "Log out", Action: "?", Continue: l.way.url}
	if next, ok := l.way.find(r, ""); ok {
		p.Action += url.Values{l.way.query: {next}}.Encode()
		p.Continue = next
	}
	html, err := l.page(p)
	if err != nil {
		panic(err) // the template is ours
	}
	writePage(w, l.security, status, html)
}

// logOut ends the session, if there is one.
func (l *Logout) logOut(w http.ResponseWriter, r *http.Request) {
	target, ok := l.way.find(r, "")
	if !ok {
		target = l.way.url
	}
	if err := l.end(w, r); err != nil {
		if r.Context().Err() != nil {
			return // nobody is left to answer
		}
		if l.faults.due("", time.Now()) {
			l.log.Warn("not logged out", "endpoint", l.opt.Name, "err", err)
		}
		w.Header().Set("Retry-After", "1")
		http.Error(w, "logging out is not possible at this moment; try again soon", http.StatusServiceUnavailable)
		return
	}
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]string{"redirect": target})
		return
	}
	redirect(w, http.StatusSeeOther, target)
}

func (l *Logout) end(w http.ResponseWriter, r *http.Request) error {
	sessions := l.opt.Sessions
	old, err := sessions.Lookup(r.Context(), r)
	if err != nil {
		return err
	}
	if old != nil {
		user := old.User()
		err := sessions.Destroy(r.Context(), old.ID())
		old.Release()
		if err != nil {
			return err
		}
		if user != nil {
			l.log.Info("logged out", "endpoint", l.opt.Name, "user", cut(user.ID()), "remote", r.RemoteAddr)
		}
	}
	return sessions.EnsureCookie(r.Context(), w.Header(), r, r.URL.Scheme == "https")
}
