package login_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/login"
	"parley.example/parley/internal/session"
)

// A site is an app with a login and a logout, behind what gives pages their
// session.
type site struct {
	t         *testing.T
	sessions  *session.Manager
	passwords *auth.Passwords
	login     *login.SimpleAuth
	handler   http.Handler
	log       *journal
}

// alice's password is "wonderland", bob's "builder".
func users() map[string]login.Credential {
	return map[string]login.Credential{
		"alice": {Password: "wonderland", Attributes: map[string]json.RawMessage{"role": json.RawMessage(`["admin"]`)}},
		"bob":   {Password: "builder"},
	}
}

// newSite makes a site after change has had a look at the options. It delays
// nobody otherwise.
func newSite(t *testing.T, change func(*login.Options)) *site {
	t.Helper()
	s := &site{t: t, passwords: auth.NewPasswords(), log: &journal{}}
	opt := login.Options{
		Name: "login", Users: users(), Passwords: s.passwords, Key: []byte("a key for tests"), Delay: []time.Duration{},
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	if change != nil {
		change(&opt)
	}
	if opt.Sessions == nil {
		opt.Sessions = session.New(session.Options{Secrets: [][]byte{[]byte("a secret for tests")}})
	}
	s.sessions = opt.Sessions
	var err error
	if s.login, err = login.New(opt); err != nil {
		t.Fatal(err)
	}
	logout, err := login.NewLogout(login.LogoutOptions{Name: "logout", Sessions: s.sessions, Redirect: opt.Redirect, Log: opt.Log})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) { s.login.Serve(w, r, nil) })
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) { logout.Serve(w, r, nil) })
	s.handler = s.sessions.Pages(mux)
	return s
}

// A journal is a log that several goroutines write.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// lines returns what was logged with this message.
func (j *journal) lines(msg string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, `msg="`+msg+`"`) {
			found = append(found, line)
		}
	}
	return found
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// A browser keeps the cookie of a site and says where its requests come from.
type browser struct {
	*site
	remote string // its address and port
	scheme string // http or https
	cookie string // name=value; "" before the first answer
}

func (s *site) browser() *browser {
	return &browser{site: s, remote: "192.0.2.1:1234", scheme: "http"}
}

// An answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

var tokenInput = regexp.MustCompile(`name="_xsrf" value="([^"]*)"`)

// token is what the form of a page carries.
func (a answer) token() string {
	if found := tokenInput.FindStringSubmatch(a.body); found != nil {
		return found[1]
	}
	return ""
}

// sid is "name=value" of the cookie that an answer sets, or "".
func (a answer) sid() string {
	line, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	return line
}

// send sends a request with the browser's cookie. headers are names and values;
// an empty value takes a header away.
func (b *browser) send(method, target, body string, headers ...string) answer {
	b.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr, r.URL.Scheme = "gramener.com", b.remote, b.scheme
	if b.cookie != "" {
		r.Header.Set("Cookie", b.cookie)
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", b.scheme+"://gramener.com")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r.WithContext(b.t.Context()))
	a := answer{Response: w.Result()}
	text, err := io.ReadAll(a.Response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a.body = string(text)
	if lines := a.Header.Values("Set-Cookie"); len(lines) > 1 {
		b.t.Errorf("%s %s sets several cookies: %q", method, target, lines)
	}
	if sid := a.sid(); sid != "" {
		b.cookie = sid
	}
	return a
}

func (b *browser) get(target string, headers ...string) answer {
	b.t.Helper()
	return b.send(http.MethodGet, target, "", headers...)
}

// form is the body of a form, of names and values.
func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// logIn opens the page and sends its form.
func (b *browser) logIn(user, password string, more ...string) answer {
	b.t.Helper()
	page := b.get("/login")
	return b.send(http.MethodPost, "/login", form(append(more, "_xsrf", page.token(), "user", user, "password", password)...))
}

// session is what the site has for the browser's cookie; nil if that opens
// nothing.
func (b *browser) session() *session.Session {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.Scheme = b.scheme
	r.Header.Set("Cookie", b.cookie)
	s, err := b.sessions.Lookup(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	if s != nil {
		b.t.Cleanup(s.Release)
	}
	return s
}

// user is who the browser is for the site; "" is nobody.
func (b *browser) user() string {
	b.t.Helper()
	if s := b.session(); s != nil {
		return s.User().ID()
	}
	return ""
}

// want checks the status, and the way on if it is one of those that lead on.
func (a answer) want(t *testing.T, status int, location string) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Location") != location {
		t.Errorf("answer is %d to %q, want %d to %q: %s", a.StatusCode, a.Header.Get("Location"), status, location, shorten(a.body))
	}
}

func shorten(text string) string {
	if _, body, found := strings.Cut(text, "<main>"); found {
		text = body
	}
	return text[:min(len(text), 700)]
}
