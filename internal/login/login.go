package login

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/session"
)

// Options of a SimpleAuth.
type Options struct {
	Name string // under url:

	Users     map[string]Credential // by name; at least one
	Sessions  *session.Manager      // required, as are the next two
	Passwords *auth.Passwords       // the process's
	Key       []byte                // what tokens of forms are signed with is made from it; the session secret will do

	// Delay is how long after the attempt before it one is looked at: the first
	// after one failure, the last after all further ones. nil means 0, 0, 1, 2,
	// 4, 8 and 15 seconds; a list without elements never waits. See attempts
	// for what is counted.
	Delay []time.Duration

	// Address is whose attempt a request is; ok is false if nobody knows. nil
	// means that of RemoteAddr.
	Address func(r *http.Request) (address netip.Addr, ok bool)

	Redirect *Redirect     // where people go who have logged in; nil means Redirect{Query: "next"}
	Terms    session.Terms // of each login; By is Name, whatever stands here

	Template      string // path of an html/template for a Page; "" means ours
	Title         string // "" means "Log in"
	UserField     string // name of the form's field; "" means "user"
	PasswordField string // likewise; "" means "password"

	Log *slog.Logger // nil means discard
}

// A Credential is what is known of a user.
type Credential struct {
	Password   string                     // the password or its hash (auth.CheckHash)
	Attributes map[string]json.RawMessage // what the session tells of the user; not id or user, which are the name, nor password
}

const (
	maxName     = 256      // bytes of a user's name
	maxPassword = 1024     // bytes of a password
	maxBody     = 16 << 10 // bytes of a form
)

// A SimpleAuth is an endpoint that shows a form and logs in who knows a user's
// password. It is safe for concurrent use.
type SimpleAuth struct {
	opt Options // set by New, then read-only, as is all but what is said below
	log *slog.Logger

	accounts map[string]account // by name
	names    []string           // of the accounts, in order
	way      way
	tokens   tokens
	page     func(Page) ([]byte, error)
	security http.Header // of every page

	attempts *attempts // safe for every goroutine
	refusals seldom    // likewise
}

// An account is a Credential, ready for use.
type account struct {
	password string
	user     parley.User
}

// New returns the endpoint that opt describes. Its error says what is wrong
// with the users, the redirect, the delays or the template, the last with file
// and line.
func New(opt Options) (*SimpleAuth, error) {
	if opt.Sessions == nil || opt.Passwords == nil || len(opt.Key) == 0 {
		panic("login: Options.Sessions, Passwords or Key is missing")
	}
	opt.Title = cmp.Or(opt.Title, "Log in")
	opt.UserField = cmp.Or(opt.UserField, "user")
	opt.PasswordField = cmp.Or(opt.PasswordField, "password")
	opt.Terms.By = opt.Name
	if opt.Address == nil {
		opt.Address = remoteAddress
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.UserField == opt.PasswordField {
		return nil, fmt.Errorf("user and password are the same field, %q", opt.UserField)
	}
	a := &SimpleAuth{
		opt: opt, log: opt.Log, accounts: map[string]account{}, names: slices.Sorted(maps.Keys(opt.Users)),
		tokens: newTokens(opt.Key), refusals: seldom{every: time.Minute},
	}
	var errs []error
	for _, name := range a.names {
		if err := a.addAccount(name, opt.Users[name]); err != nil {
			errs = append(errs, fmt.Errorf("user %q: %w", name, err))
		}
	}
	if len(a.names) == 0 {
		errs = append(errs, errors.New("no users: nobody could log in"))
	}
	var err error
	if a.way, err = newWay(opt.Redirect); err != nil {
		errs = append(errs, err)
	}
	if a.attempts, err = newAttempts(opt.Delay); err != nil {
		errs = append(errs, err)
	}
	if err := a.makePage(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *SimpleAuth) addAccount(name string, c Credential) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("a name has from 1 to %d bytes", maxName)
	}
	if _, err := auth.CheckHash(c.Password); err != nil {
		return fmt.Errorf("the password %w", err)
	}
	if len(c.Password) > maxPassword {
		return fmt.Errorf("the password has more than %d bytes", maxPassword)
	}
	text, err := json.Marshal(name)
	if err != nil {
		return err
	}
	user := parley.User{"id": text, "user": text}
	for key, value := range c.Attributes {
		switch {
		case key == "id" || key == "user" || key == "password":
			return fmt.Errorf("%s is no attribute to choose: id and user are the name", key)
		case !json.Valid(value):
			return fmt.Errorf("attribute %s is no JSON", key)
		}
		user[key] = value
	}
	a.accounts[name] = account{password: c.Password, user: user}
	return nil
}

// Serve answers one request: GET shows the form, POST logs in. r.RemoteAddr is
// the client's address as trusted proxies tell it, r.URL.Scheme is http or
// https.
//
// Who is logged in already and has a target in the URL is sent on to it: that is
// what somebody wants who comes back to the tab with the form after having
// logged in in another. Without one, the page says who one is, leads on, and
// offers the form to become somebody else; a header is no target here, or the
// link to the form would lead back to where it stands.
func (a *SimpleAuth) Serve(w http.ResponseWriter, r *http.Request, _ []*string) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		a.show(w, r)
	case http.MethodPost:
		a.logIn(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		a.refuse(w, r, reply{status: http.StatusMethodNotAllowed, text: "This page is shown by GET and logs in by POST."})
	}
}

// show answers GET.
func (a *SimpleAuth) show(w http.ResponseWriter, r *http.Request) {
	s, err := a.opt.Sessions.Open(r.Context(), r)
	if err != nil {
		a.unavailable(w, r, "session not opened", err)
		return
	}
	defer s.Release()
	if next := r.URL.Query().Get(a.way.query); next != "" && s.User() != nil {
		if target, ok := local(r, next); ok {
			redirect(w, http.StatusFound, target)
			return
		}
	}
	a.write(w, r, s, reply{status: http.StatusOK})
}

// logIn answers POST. What it looks at, and in which order: where the request
// comes from; its size and form; the token; how many have failed; the password.
func (a *SimpleAuth) logIn(w http.ResponseWriter, r *http.Request) {
	if auth.FromElsewhere(r) {
		a.logRefusal(r, "not of this origin")
		a.refuse(w, r, reply{status: http.StatusForbidden, text: "This came from another site, or your browser hides where it came from. Please log in here."})
		return
	}
	in, bad := a.read(w, r)
	if bad != nil {
		a.refuse(w, r, *bad)
		return
	}
	s, err := a.opt.Sessions.Open(r.Context(), r)
	if err != nil {
		a.unavailable(w, r, "session not opened", err)
		return
	}
	defer s.Release()
	out := reply{user: in.user, next: in.next}
	// A page of this site may have got its token for a session that another tab
	// has replaced, as after a logout in both.
	if !in.json && !auth.SameOrigin(r) && !a.tokens.valid(in.token, s.ID()) {
		a.logRefusal(r, "no valid token")
		out.status = http.StatusForbidden
		out.text = "This form was too old, or your browser keeps no cookies, which logging in needs. Please try again."
		a.write(w, r, s, out)
		return
	}
	if in.user == "" || in.password == "" {
		out.status, out.text = http.StatusBadRequest, "Please enter your user name and your password."
		a.write(w, r, s, out)
		return
	}

	user, err := a.check(r, in)
	var early *tooEarlyError
	switch {
	case r.Context().Err() != nil: // nobody is left to answer
	case errors.As(err, &early):
		out.status, out.retry = http.StatusTooManyRequests, early.wait
		out.text = "Too many attempts. Please try again in " + inWords(early.wait) + "."
		a.write(w, r, s, out)
	case err != nil:
		a.unavailable(w, r, "password not checked", err)
	case user == nil:
		out.status, out.text = http.StatusUnauthorized, "User name or password is not right."
		a.write(w, r, s, out)
	default:
		a.welcome(w, r, s, user, in)
	}
}

// check returns the user whom the password belongs to, or nil. It waits as
// Delay wants it. The work is the same whether there is such a user or not.
func (a *SimpleAuth) check(r *http.Request, in input) (parley.User, error) {
	address, ok := a.opt.Address(r)
	if !ok {
		address = netip.Addr{}
	}
	try, err := a.attempts.begin(r.Context(), address, in.user)
	if err != nil {
		var early *tooEarlyError
		if errors.As(err, &early) && early.log {
			a.log.Warn("too many logins tried", "endpoint", a.opt.Name, "remote", r.RemoteAddr)
		}
		return nil, err
	}
	known, found := a.accounts[in.user]
	if !found {
		known = a.accounts[a.decoy(in.user)]
	}
	right := false
	if len(in.password) <= maxPassword {
		if right, err = a.opt.Passwords.Verify(r.Context(), known.password, in.password); err != nil {
			try.end(undecided)
			return nil, err
		}
	}
	switch {
	case right && found:
		try.end(succeeded)
		return known.user, nil
	case found:
		a.log.Warn("login failed", "endpoint", a.opt.Name, "user", cut(in.user), "remote", r.RemoteAddr, "reason", "wrong password")
	default:
		// Not the name: people type passwords into the wrong field.
		a.log.Warn("login failed", "endpoint", a.opt.Name, "remote", r.RemoteAddr, "reason", "unknown user")
	}
	try.end(failed)
	return nil, nil
}

// decoy names the user whose password is checked for an unknown one, and the
// answer forgotten. It is always the same for one name, so that the time which
// that takes does not tell unknown names from those of users whose hashes have
// other parameters.
func (a *SimpleAuth) decoy(name string) string {
	return a.names[a.tokens.number(name)%uint64(len(a.names))]
}

// welcome gives the browser the session of a user.
func (a *SimpleAuth) welcome(w http.ResponseWriter, r *http.Request, old *session.Session, user parley.User, in input) {
	s, err := a.opt.Sessions.Login(r.Context(), old, user, a.opt.Terms)
	if err != nil {
		a.unavailable(w, r, "not logged in", err)
		return
	}
	defer s.Release()
	a.opt.Sessions.SetCookie(w.Header(), s, r.URL.Scheme == "https")
	a.log.Info("logged in", "endpoint", a.opt.Name, "user", cut(in.user), "remote", r.RemoteAddr)
	target, ok := a.way.find(r, in.next)
	if !ok {
		target = a.way.url
	}
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]string{"user": in.user, "redirect": target})
		return
	}
	redirect(w, http.StatusSeeOther, target)
}

// logRefusal logs once a minute and reason what was not even tried.
func (a *SimpleAuth) logRefusal(r *http.Request, reason string) {
	if a.refusals.due(reason, time.Now()) {
		a.log.Warn("login refused", "endpoint", a.opt.Name, "remote", r.RemoteAddr, "origin", cut(r.Header.Get("Origin")), "host", cut(r.Host), "reason", reason)
	}
}

// unavailable answers 503, unless the client has gone.
func (a *SimpleAuth) unavailable(w http.ResponseWriter, r *http.Request, what string, err error) {
	if r.Context().Err() != nil {
		return
	}
	if a.refusals.due(what, time.Now()) {
		a.log.Warn(what, "endpoint", a.opt.Name, "err", err)
	}
	a.refuse(w, r, reply{status: http.StatusServiceUnavailable, text: "Logging in is not possible at this moment. Please try again.", retry: time.Second})
}
