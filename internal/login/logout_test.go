package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/login"
	"parley.example/parley/internal/session"
)

func TestLogOut(t *testing.T) {
	b := newSite(t, nil).browser()
	b.logIn("alice", "wonderland")
	before, socket := b.cookie, make(ender)
	held := b.session()
	held.OnEnd(socket)
	held.Update(parley.SessionChange{Set: map[string]json.RawMessage{"cart": json.RawMessage(`["tea"]`)}}, nil)

	b.send(http.MethodPost, "/logout", "").want(t, http.StatusSeeOther, "/")
	if b.cookie == before {
		t.Error("the browser keeps its id")
	}
	if got := show(b.session().Values()); got != "" {
		t.Errorf("the new session has %s", got)
	}
	if (&browser{site: b.site, cookie: before}).session() != nil {
		t.Error("the old id still opens something")
	}
	if !socket.ended() || len(held.Values()) > 0 {
		t.Errorf("its socket ended: %v, and sees %v", socket.ended(), held.Values())
	}
}

func TestLogOutOfNothing(t *testing.T) {
	b := newSite(t, nil).browser()
	b.send(http.MethodPost, "/logout", "").want(t, http.StatusSeeOther, "/")
	if b.cookie == "" || len(b.log.lines("logged out")) > 0 {
		t.Errorf("cookie %q, log\n%s", b.cookie, b.log)
	}
}

func TestWhoMayLogOut(t *testing.T) {
	for name, tc := range map[string]struct {
		method  string
		headers []string
		status  int
	}{
		"a form":                        {"POST", nil, http.StatusSeeOther},
		"a form, no browser":            {"POST", []string{"Origin", ""}, http.StatusSeeOther},
		"a foreign form":                {"POST", []string{"Origin", "http://evil.com"}, http.StatusForbidden},
		"a neighbour's form":            {"POST", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		"a link":                        {"GET", []string{"Sec-Fetch-Site", "same-origin"}, http.StatusSeeOther},
		"a neighbour's link":            {"GET", []string{"Sec-Fetch-Site", "same-site"}, http.StatusSeeOther},
		"a bookmark":                    {"GET", []string{"Sec-Fetch-Site", "none"}, http.StatusSeeOther},
		"a link, the browser is silent": {"GET", nil, http.StatusSeeOther},
		"a link, with its page":         {"GET", []string{"Referer", "http://gramener.com/chat"}, http.StatusSeeOther},
		"a foreign link":                {"GET", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusOK},
		"a foreign link, over HTTP":     {"GET", []string{"Referer", "http://evil.com/gramener.com"}, http.StatusOK},
		"a link from nonsense":          {"GET", []string{"Referer", "http://gramener.com@evil.com/"}, http.StatusOK},
		"a foreign script":              {"GET", []string{"Origin", "http://evil.com"}, http.StatusOK},
		"a browser that looks ahead":    {"GET", []string{"Sec-Fetch-Site", "same-origin", "Sec-Purpose", "prefetch;prerender"}, http.StatusOK},
		"an older one":                  {"GET", []string{"Purpose", "prefetch"}, http.StatusOK},
		"a look at the header":          {"HEAD", nil, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSite(t, nil).browser()
			b.logIn("alice", "wonderland")
			page := b.send(tc.method, "/logout?next=/bye", "", tc.headers...)
			if tc.status == http.StatusSeeOther {
				page.want(t, tc.status, "/bye")
				if got := b.user(); got != "" {
					t.Errorf("still logged in as %q", got)
				}
				return
			}
			page.want(t, tc.status, "")
			if got := b.user(); got != "alice" || page.sid() != "" {
				t.Errorf("user is %q, cookie %q", got, page.sid())
			}
			if !strings.Contains(page.body, "<button") {
				t.Errorf("the page has no button: %s", shorten(page.body))
			}
			b.send(http.MethodPost, "/logout"+actionOf(t, page), "").want(t, http.StatusSeeOther, "/bye")
		})
	}
}

func TestLogOutByScript(t *testing.T) {
	b := newSite(t, nil).browser()
	b.logIn("alice", "wonderland")
	foreign := b.send(http.MethodPost, "/logout", "{}", "Content-Type", "application/json", "Origin", "http://evil.com")
	foreign.want(t, http.StatusForbidden, "")
	a := b.send(http.MethodPost, "/logout?next=/bye", "{}", "Content-Type", "application/json")
	a.want(t, http.StatusOK, "")
	if got := strings.TrimSpace(a.body); got != `{"redirect":"/bye"}` || b.user() != "" {
		t.Errorf("answer is %s, user %q", got, b.user())
	}
}

func TestWhereLogoutLeads(t *testing.T) {
	b := newSite(t, func(o *login.Options) {
		o.Redirect = &login.Redirect{Query: "next", Header: "Referer", URL: "/home"}
	}).browser()
	for _, tc := range []struct{ target, referer, want string }{
		{"/logout", "", "/home"},
		{"/logout?next=/bye", "http://gramener.com/chat", "/bye"},
		{"/logout?next=//evil.com", "http://gramener.com/chat", "/home"},
		{"/logout?next=/%5Cevil.com", "", "/home"},
		{"/logout", "http://gramener.com/chat", "/chat"},
		{"/logout", "http://gramener.com/logout", "/home"},
	} {
		b.get(tc.target, "Referer", tc.referer).want(t, http.StatusSeeOther, tc.want)
	}
}

func TestBadRedirectOfLogout(t *testing.T) {
	_, err := login.NewLogout(login.LogoutOptions{
		Sessions: session.New(session.Options{Secrets: [][]byte{[]byte("x")}}), Redirect: &login.Redirect{URL: "bye"},
	})
	if want := `redirect to "bye": must begin with / or https://`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// A brokenStore knows nothing.
type brokenStore struct{ *session.Memory }

var errDisk = errors.New("disk on fire")

func (brokenStore) Load(context.Context, string) (map[string]json.RawMessage, error) {
	return nil, errDisk
}

func TestStoreThatFails(t *testing.T) {
	memory := session.NewMemory()
	secrets := [][]byte{[]byte("a secret for tests")}
	whole := newSite(t, func(o *login.Options) { o.Sessions = session.New(session.Options{Secrets: secrets, Store: memory}) }).browser()
	whole.logIn("alice", "wonderland")

	b := newSite(t, func(o *login.Options) {
		o.Sessions = session.New(session.Options{Secrets: secrets, Store: brokenStore{memory}})
	}).browser()
	b.cookie = whole.cookie
	for _, a := range []answer{
		b.get("/login"),
		b.send(http.MethodPost, "/login", form("user", "alice", "password", "wonderland")),
		b.send(http.MethodPost, "/logout", ""),
	} {
		a.want(t, http.StatusServiceUnavailable, "")
		if a.Header.Get("Retry-After") == "" || strings.Contains(a.body, "fire") || a.token() != "" {
			t.Errorf("Retry-After %q, page %s", a.Header.Get("Retry-After"), shorten(a.body))
		}
	}
	if got := strings.Count(b.log.String(), "disk on fire"); got != 2 { // one for each endpoint
		t.Errorf("%d lines in the log, want 2:\n%s", got, b.log)
	}
}
