package login

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/session"
)

//go:embed page
var pageFiles embed.FS

// A Page is what a template shows. Its form posts to Action what is typed into
// the fields UserField and PasswordField, and Token in a hidden field "_xsrf".
type Page struct {
	Title         string // of the page, such as "Log in"
	Action        string // where the form posts to; Next is in it
	Next          string // where to go after the login, a path; "" for the usual place
	NextName      string // the name of a field for Next, for forms with an action of their own
	Error         string // what went wrong, a sentence; "" if nothing did
	User          string // what was typed into UserField
	Token         string // proves that the form is ours; "" if this page's can log nobody in, but one that Action leads to by GET
	UserField     string // the name of the field for the user's name
	PasswordField string // the name of the field for the password
	LoggedIn      string // the id of who is logged in already; "" if nobody is
	Continue      string // where to go on to without logging in again, if somebody is
}

// view is a Page with what only our own template needs.
type view struct {
	Page
	Style template.CSS
}

// makePage prepares what Options.Template says.
func (a *SimpleAuth) makePage() error {
	if a.opt.Template == "" {
		a.page, a.security = ownPage("login.html", a.way)
		return nil
	}
	t, err := readTemplate(a.opt.Template)
	if err != nil {
		return err
	}
	a.security = security("base-uri 'self'; " + formAction(a.way) + "; frame-ancestors 'none'; object-src 'none'")
	a.page = func(p Page) ([]byte, error) { return execute(t, p) }

	full := Page{
		Title: "T", Action: "?", Next: "/", NextName: "next", Error: "E", User: "U", Token: "the-token",
		UserField: "u", PasswordField: "p", LoggedIn: "U", Continue: "/",
	}
	var sample []byte
	for _, p := range []Page{full, {Title: "T", Action: "?", Token: "the-token", UserField: "u", PasswordField: "p"}} {
		if sample, err = a.page(p); err != nil {
			return err
		}
	}
	if !bytes.Contains(sample, []byte("the-token")) || !bytes.Contains(sample, []byte(tokenField)) {
		a.log.Warn("the template does not send the token: browsers that do not say where a form comes from cannot log in by it; it needs "+
			`<input type="hidden" name="_xsrf" value="{{.Token}}">`, "endpoint", a.opt.Name, "template", a.opt.Template)
	}
	return nil
}

// readTemplate reads a file. Its errors have file and line.
func readTemplate(path string) (*template.Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	if at := bytes.Index(text, []byte("{%")); at >= 0 {
		return nil, fmt.Errorf("template: %s:%d: {%% is Tornado's; templates here are those of Go's html/template, as in {{.Error}}",
			path, bytes.Count(text[:at], []byte("\n"))+1)
	}
	return template.New(path).Parse(string(text))
}

func execute(t *template.Template, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// ownPage returns what makes one of our pages, and its headers.
func ownPage(name string, to way) (page func(Page) ([]byte, error), header http.Header) {
	css, err := pageFiles.ReadFile("page/login.css")
	if err != nil {
		panic(err) // the program was built without it
	}
	t := template.Must(template.ParseFS(pageFiles, "page/"+name))
	page = func(p Page) ([]byte, error) { return execute(t, view{Page: p, Style: template.CSS(css)}) }
	sum := sha256.Sum256(css)
	return page, security("default-src 'none'; base-uri 'none'; " + formAction(to) + "; frame-ancestors 'none'; img-src 'self'; " +
		"style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
}

// formAction says where forms may lead, which browsers hold for what their
// answers lead to, too.
func formAction(to way) string {
	if to.elsewhere == "" {
		return "form-action 'self'"
	}
	return "form-action 'self' " + to.elsewhere
}

// security returns the headers of a page that asks for a password.
func security(policy string) http.Header {
	return http.Header{
		"Content-Type":               {"text/html; charset=utf-8"},
		"Cache-Control":              {"no-store"},
		"Content-Security-Policy":    {policy},
		"Cross-Origin-Opener-Policy": {"same-origin"},
		"Referrer-Policy":            {"same-origin"}, // not none: then browsers post with Origin: null
		"X-Content-Type-Options":     {"nosniff"},
		"X-Frame-Options":            {"DENY"},
	}
}

// A reply is an answer that does not lead on: the page, or what scripts get.
type reply struct {
	status int
	text   string        // what went wrong, a sentence; "" if nothing did
	retry  time.Duration // when it may be tried again; 0 says nothing
	user   string        // as typed
	next   string        // as the form carried it
}

// refuse is write for what has no session. For a foreign page there shall be
// none: browsers do not send it their cookie, but would take a new one for it.
func (a *SimpleAuth) refuse(w http.ResponseWriter, r *http.Request, out reply) {
	if auth.FromElsewhere(r) {
		a.write(w, r, nil, out)
		return
	}
	s, err := a.opt.Sessions.Open(r.Context(), r)
	if err != nil {
		a.write(w, r, nil, out)
		return
	}
	defer s.Release()
	a.write(w, r, s, out)
}

// write answers with the page and a status, or with JSON. If s is nil, the page
// has no token.
func (a *SimpleAuth) write(w http.ResponseWriter, r *http.Request, s *session.Session, out reply) {
	if out.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(out.retry)))
	}
	if s != nil && s.Fresh() {
		a.opt.Sessions.SetCookie(w.Header(), s, r.URL.Scheme == "https")
	}
	if r.Method == http.MethodPost && wantsJSON(r) {
		writeJSON(w, out.status, map[string]string{"error": out.text})
		return
	}
	p := Page{
		Title: a.opt.Title, Action: "?", NextName: a.way.query, Error: out.text,
		UserField: a.opt.UserField, PasswordField: a.opt.PasswordField, Continue: a.way.url,
	}
	if len(out.user) <= maxName {
		p.User = out.user
	}
	if next, ok := a.way.find(r, out.next); ok {
		p.Next, p.Continue = next, next
		p.Action += url.Values{p.NextName: {next}}.Encode()
	}
	if s != nil {
		p.Token = a.tokens.make(s.ID())
		if u := s.User(); u != nil {
			p.LoggedIn = cmp.Or(u.ID(), "somebody")
		}
	}
	html, err := a.page(p)
	if err != nil {
		a.log.Error("writing the login page", "endpoint", a.opt.Name, "err", err)
		http.Error(w, "the login page cannot be written; the server's log says why", http.StatusInternalServerError)
		return
	}
	writePage(w, a.security, out.status, html)
}

func writePage(w http.ResponseWriter, header http.Header, status int, html []byte) {
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	w.Write(html)
}

func writeJSON(w http.ResponseWriter, status int, object map[string]string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object) // nobody is left to tell if this fails
}

// seconds rounds up, to one at least.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// inWords is a time for people.
func inWords(d time.Duration) string {
	switch s := seconds(d); {
	case s == 1:
		return "a second"
	case s < 120:
		return strconv.Itoa(s) + " seconds"
	default:
		return strconv.Itoa((s+59)/60) + " minutes"
	}
}
