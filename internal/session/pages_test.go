package session_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/session"
)

// page serves one request through Pages.
func page(m *session.Manager, r *http.Request, handler http.HandlerFunc) *http.Response {
	w := httptest.NewRecorder()
	m.Pages(handler).ServeHTTP(w, r)
	return w.Result()
}

// sidOf returns "sid=…" as w sets it, or "".
func sidOf(t *testing.T, w *http.Response) string {
	t.Helper()
	found := ""
	for _, c := range w.Cookies() {
		if c.Name == "sid" {
			if found != "" {
				t.Errorf("sid is set twice: %q", w.Header["Set-Cookie"])
			}
			found = "sid=" + c.Value
		}
	}
	return found
}

func TestPagesSetTheCookie(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"write":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
		"status":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"flush":   func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"control": func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() },
		"copy":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("hello")) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(nil)
			w := page(m, request(), handler)
			sid := sidOf(t, w)
			if s := open(t, m, sid); s.Fresh() {
				t.Errorf("the page's cookie %q is not valid", sid)
			}
			if got := w.Header.Get("Cache-Control"); got != "private" {
				t.Errorf("Cache-Control = %q, want private", got)
			}
			again := page(m, request(sid), handler)
			if got := sidOf(t, again); got != "" || again.Header.Get("Cache-Control") != "" {
				t.Errorf("the second page sets %q, Cache-Control %q", got, again.Header.Get("Cache-Control"))
			}
		})
	}
}

func TestPagesSendEarlyHints(t *testing.T) {
	m := newManager(nil)
	server := httptest.NewServer(m.Pages(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "hello")
	})))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if sid := sidOf(t, response); sid == "" || response.StatusCode != http.StatusOK {
		t.Errorf("%s, sets %q; want 200 and a cookie", response.Status, sid)
	}
}

func TestPagesAndTheSessionOfTheHandler(t *testing.T) {
	m := newManager(nil)
	revoked := open(t, m)
	if err := m.Destroy(t.Context(), revoked.ID()); err != nil {
		t.Fatal(err)
	}
	for name, cookies := range map[string][]string{"no cookie": nil, "destroyed": {cookieOf(m, revoked)}} {
		for _, tells := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				var id string
				w := page(m, request(cookies...), func(w http.ResponseWriter, r *http.Request) {
					for range 2 { // the second Open finds the first one's session
						s, err := m.Open(r.Context(), r)
						if err != nil {
							t.Fatal(err)
						}
						if !s.Fresh() || (id != "" && s.ID() != id) {
							t.Errorf("opened %s, fresh %v; want %s", s.ID(), s.Fresh(), id)
						}
						id = s.ID()
						set(s, "n", "1")
						if tells {
							m.SetCookie(w.Header(), s, false)
						}
						s.Release()
						if err := m.Flush(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				})
				s := open(t, m, sidOf(t, w))
				defer s.Release()
				if got, want := show(s.Values()), "n=1"; s.ID() != id || got != want {
					t.Errorf("the browser got %s with %s, want %s with %s", s.ID(), got, id, want)
				}
			})
		}
	}
}

func TestPagesKeepSharedCachesOut(t *testing.T) {
	for given, want := range map[string]string{
		"":                                    "private",
		"no-store":                            "no-store",
		"no-cache":                            "no-cache, private",
		"Private, max-age=5":                  "Private, max-age=5",
		"public, max-age=60, s-maxage=60":     "max-age=60, private",
		"PUBLIC,stale-while-revalidate=30 , ": "stale-while-revalidate=30, private",
	} {
		m := newManager(nil)
		w := page(m, request(), func(w http.ResponseWriter, _ *http.Request) {
			if given != "" {
				w.Header().Set("Cache-Control", given)
			}
		})
		if got := w.Header.Get("Cache-Control"); got != want {
			t.Errorf("Cache-Control %q became %q, want %q", given, got, want)
		}
	}
}

func TestPagesLeaveA101Alone(t *testing.T) {
	m := newManager(nil)
	w := page(m, request(), func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	if got := sidOf(t, w); got != "" {
		t.Errorf("a 101 response sets %q", got)
	}

	server := httptest.NewServer(m.Pages(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := sidOf(t, response); got != "" || response.StatusCode != http.StatusNoContent {
		t.Errorf("a hijacked response: %s, sets %q", response.Status, got)
	}
}

func TestPagesAreSecureOnHTTPS(t *testing.T) {
	for scheme, want := range map[string]bool{"http": false, "https": true, "": false} {
		r := request()
		r.URL.Scheme = scheme
		w := page(newManager(nil), r, func(http.ResponseWriter, *http.Request) {})
		name := map[bool]string{false: "sid", true: "__Host-sid"}[want]
		if got := w.Cookies()[0]; got.Secure != want || got.Name != name {
			t.Errorf("%q: %s, want %s, secure %v", scheme, got, name, want)
		}
	}
}

func TestPagesRenewTheCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		store := session.NewMemory()
		m := newManager(store)
		s := open(t, m)
		sid := cookieOf(m, s)
		set(s, "n", "1")
		s.Release()
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		nothing := func(http.ResponseWriter, *http.Request) {}
		time.Sleep(15 * day)
		if got := sidOf(t, page(m, request(sid), nothing)); got != "" {
			t.Errorf("after 15 of 31 days the page sets %q", got)
		}
		time.Sleep(day)
		renewed := sidOf(t, page(m, request(sid), nothing))
		if renewed == "" || renewed == sid {
			t.Fatalf("after 16 of 31 days the page sets %q", renewed)
		}
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * day)
		if _, err := store.Purge(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		again := open(t, m, renewed)
		defer again.Release()
		if got, want := show(again.Values()), "n=1"; again.ID() != s.ID() || got != want {
			t.Errorf("after 46 days: %s with %s, want %s with %s", again.ID(), got, s.ID(), want)
		}
	})
}

// TestPagesRenewWhatAnOldSecretSigned: once browsers have come by, the old
// secret can go.
func TestPagesRenewWhatAnOldSecretSigned(t *testing.T) {
	before := session.New(session.Options{Secrets: [][]byte{[]byte("old")}})
	now := session.New(session.Options{Secrets: [][]byte{[]byte("new"), []byte("old")}})
	after := session.New(session.Options{Secrets: [][]byte{[]byte("new")}})
	nothing := func(http.ResponseWriter, *http.Request) {}
	s := open(t, before)
	renewed := sidOf(t, page(now, request(cookieOf(before, s)), nothing))
	if got := open(t, after, renewed); got.ID() != s.ID() {
		t.Errorf("the page sets %q, want the same session signed anew", renewed)
	}
	if got := sidOf(t, page(now, request(renewed), nothing)); got != "" {
		t.Errorf("the next page sets %q, want nothing", got)
	}
}

// The browser has a cookie, which it has not sent: it must keep it.
func TestPagesForForeignPostsSetNoCookie(t *testing.T) {
	for _, tc := range []struct {
		method, site, origin string
		host                 string
		sets                 bool
	}{
		{"POST", "", "", "gramener.com", true}, // no browser
		{"POST", "same-origin", "https://gramener.com", "gramener.com", true},
		{"POST", "same-site", "https://www.gramener.com", "gramener.com", true}, // the cookie would have been sent
		{"POST", "none", "null", "gramener.com", true},
		{"POST", "", "https://gramener.com", "gramener.com", true},
		{"POST", "", "http://GRAMENER.com:8443", "gramener.com", true},
		{"POST", "", "http://localhost:9988", "localhost:9988", true},
		{"POST", "", "http://[::1]:9988", "[::1]:9988", true},
		{"POST", "", "http://[::1]", "[::1]", true},
		{"GET", "cross-site", "https://evil.com", "gramener.com", true}, // a link: the cookie would have been sent
		{"POST", "cross-site", "", "gramener.com", false},
		{"POST", "cross-site", "https://evil.com", "gramener.com", false},
		{"PUT", "cross-site", "https://evil.com", "gramener.com", false},
		{"POST", "", "https://evil.com", "gramener.com", false},
		{"POST", "", "https://gramener.com.evil.com", "gramener.com", false},
		{"POST", "", "http://[::2]", "[::1]", false},
		{"POST", "", "null", "gramener.com", false},
	} {
		for name, handler := range map[string]func(m *session.Manager) http.HandlerFunc{
			"nothing": func(*session.Manager) http.HandlerFunc { return func(http.ResponseWriter, *http.Request) {} },
			"a session": func(m *session.Manager) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					s, err := m.Open(r.Context(), r)
					if err != nil {
						t.Error(err)
						return
					}
					defer s.Release()
					m.SetCookie(w.Header(), s, false)
				}
			},
		} {
			m := newManager(nil)
			r := httptest.NewRequest(tc.method, "/", nil)
			r.Host = tc.host
			for header, value := range map[string]string{"Sec-Fetch-Site": tc.site, "Origin": tc.origin} {
				if value != "" {
					r.Header.Set(header, value)
				}
			}
			if got := sidOf(t, page(m, r, handler(m))) != ""; got != tc.sets {
				t.Errorf("%s, site %q, origin %q, host %q, handler that does %s: sets the cookie: %v, want %v",
					tc.method, tc.site, tc.origin, tc.host, name, got, tc.sets)
			}
		}
	}
}
