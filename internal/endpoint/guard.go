package endpoint

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/session"
)

// GuardOptions are the options of a Guard. The zero value admits everybody.
type GuardOptions struct {
	Name string // of the endpoint, under url:

	Rule     *auth.Rule    // nil admits everybody
	Judges   *call.Program // the functions that judge; nil if there are none
	Validate []Validity    // what call.Validate(0), … stand for

	// Refuse answers a request for a page that is refused, with one sentence; nil
	// answers in plain text, as sockets are.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, why string)

	Log *slog.Logger // nil means discard
}

// A Validity is one entry of validate: what is answered where its function
// says no.
type Validity struct {
	Status int
	Reason string // one line
}

// A Guard says who may use an endpoint. It is safe for concurrent use.
type Guard struct {
	opt      GuardOptions // set by NewGuard, then read-only
	log      *slog.Logger // likewise
	refusals limiter      // of lines about who is refused; safe for every goroutine
	faults   limiter      // of lines about what is not available, which a flood of refusals must not hide; likewise
}

// NewGuard returns the guard that opt describes.
func NewGuard(opt GuardOptions) *Guard { return &Guard{opt: opt, log: logger(opt.Log)} }

// ofSocket returns a guard like g that sends nobody to a login page: browsers
// follow no redirect of a handshake, and tell their page nothing of it.
func (g *Guard) ofSocket() *Guard {
	opt := g.opt
	if opt.Rule != nil {
		rule := *opt.Rule
		rule.LoginURL = ""
		opt.Rule = &rule
	}
	return NewGuard(opt)
}

// any reports whether it may refuse somebody.
func (g *Guard) any() bool { return g.opt.Rule != nil || g.opt.Judges != nil }

// asks reports whether the rule has a say in requests of a method.
func (g *Guard) asks(method string) bool { return g.opt.Rule != nil && g.opt.Rule.Applies(method) }

// admit says why user may not do what r asks for; nil if it may.
func (g *Guard) admit(r *http.Request, user parley.User) *refusal {
	if !g.asks(r.Method) {
		return nil
	}
	switch g.opt.Rule.Admits(user) {
	case auth.Unknown:
		return g.logIn(r, "nobody has logged in")
	case auth.Forbidden:
		return g.forbid(r, user, "no member")
	}
	return nil
}

// forbid is what somebody gets who has logged in and may not.
func (g *Guard) forbid(r *http.Request, user parley.User, why string) *refusal {
	g.refused(r, user, why)
	return &refusal{status: http.StatusForbidden, text: "you are logged in, but this is not for you"}
}

// visit returns the session of a request's cookie, and says why the rule does
// not admit its user. The session is nil if there is none, or if the rule has
// no say; else it is held.
func (g *Guard) visit(ctx context.Context, sessions *session.Manager, r *http.Request) (*session.Session, *refusal) {
	if !g.asks(r.Method) {
		return nil, nil
	}
	s, err := sessions.Lookup(ctx, r)
	if err != nil {
		return nil, g.unavailable(r, "session not opened", err)
	}
	var user parley.User
	if s != nil {
		user = s.User()
	}
	no := g.admit(r, user)
	if no != nil && s != nil {
		s.Release()
		s = nil
	}
	return s, no
}

// logIn is what somebody gets who has to log in first: where to, for a browser
// that shows a page; which is no refusal, and not logged as one.
func (g *Guard) logIn(r *http.Request, why string) *refusal {
	to := g.opt.Rule.LoginURL
	if to == "" || !showsPage(r) {
		g.refused(r, nil, why)
		return &refusal{status: http.StatusUnauthorized, text: "log in first"}
	}
	back := r.URL.RequestURI()
	if login, err := url.Parse(to); err == nil && login.Host != "" {
		back = r.URL.Scheme + "://" + r.Host + back
	}
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	return &refusal{
		status: http.StatusFound, text: "log in first",
		location: to + separator + g.opt.Rule.Query + "=" + url.QueryEscape(back),
	}
}

// showsPage reports whether a browser asks for something to show in a tab: a
// script would take a login page for its answer.
func showsPage(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("X-Requested-With") == "" && (mode == "" || mode == "navigate")
}

// judge lets the functions judge that the endpoint has for it; it says what
// they refuse, or nil. info is that of the request, whose session the functions
// may look at; effects are its own.
func (g *Guard) judge(ctx context.Context, info call.Info, effects call.Effects) *refusal {
	p := g.opt.Judges
	if p == nil {
		return nil
	}
	ready, cancel := context.WithTimeout(ctx, handshakeWait)
	defer cancel()
	if err := p.Runtime.Ready(ready, info, p.Hooks); err != nil {
		return g.unavailable(info.Request, "not ready to run functions", err)
	}
	if p.Has(call.Condition) && g.asks(info.Request.Method) {
		switch yes, raised, err := g.ask(ctx, info, call.Condition, effects); {
		case err != nil:
			return g.unavailable(info.Request, "auth.condition not answered", err)
		case raised:
			return refused("the function of auth.condition raised; the server's log says why")
		case !yes:
			const why = "auth.condition is false"
			user := call.CurrentUser(info.User, info.Session)
			if user == nil {
				return g.logIn(info.Request, why)
			}
			return g.forbid(info.Request, user, why)
		}
	}
	for i, v := range g.opt.Validate {
		yes, raised, err := g.ask(ctx, info, call.Validate(i), effects)
		if err != nil {
			return g.unavailable(info.Request, "validate not answered", err)
		}
		if raised || !yes { // as in Gramex, where it makes no difference
			g.refused(info.Request, nil, string(call.Validate(i))+" is false")
			return &refusal{status: v.Status, text: v.Reason}
		}
	}
	return nil
}

// ask runs one function that judges. What it raises is logged.
func (g *Guard) ask(ctx context.Context, info call.Info, hook call.Hook, effects call.Effects) (yes, raised bool, err error) {
	v, err := g.opt.Judges.Runtime.Call(ctx, info, g.opt.Judges.Hooks, hook, effects)
	var bad *call.FunctionError
	if errors.As(err, &bad) {
		logRaised(g.log, g.opt.Name, info.Conn, bad)
		return false, true, nil
	}
	return v.Passes(), false, err
}

// write answers a request for a page.
func (g *Guard) write(w http.ResponseWriter, r *http.Request, no *refusal) {
	if g.opt.Refuse == nil || no.location != "" || no.status == 0 {
		no.write(w, r)
		return
	}
	no.head(w.Header())
	g.opt.Refuse(w, r, no.status, sentence(no.text))
}

// sentence is a line of a refusal as a page shows it.
func sentence(line string) string {
	first, size := utf8.DecodeRuneInString(line)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(line[size:], ".") + "."
}

// refused logs who may not do what, once a minute for each reason and client.
func (g *Guard) refused(r *http.Request, user parley.User, why string) {
	args := []any{"endpoint", g.opt.Name, "method", r.Method, "remote", r.RemoteAddr, "why", why}
	if id := user.ID(); id != "" {
		args = append(args, "user", cut(id))
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		args = append(args, "origin", cut(origin))
	}
	g.refusals.warn(g.log, why+" "+addressOf(r), "refused", args...)
}

// addressOf is the client's address without its port.
func addressOf(r *http.Request) string {
	if i := strings.LastIndexByte(r.RemoteAddr, ':'); i >= 0 {
		return r.RemoteAddr[:i]
	}
	return r.RemoteAddr
}

// unavailable is a 503. It is logged once a minute for each cause, unless the
// client went away.
func (g *Guard) unavailable(r *http.Request, what string, err error) *refusal {
	if r.Context().Err() == nil {
		g.faults.warn(g.log, what+": "+err.Error(), what, "endpoint", g.opt.Name, "err", err)
	}
	return &refusal{status: http.StatusServiceUnavailable, text: "not available now; try again soon", retry: true}
}
