package session_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/session"
)

// ensure returns the "name=value" that EnsureCookie sets, or "".
func ensure(t *testing.T, m *session.Manager, cookies ...string) string {
	t.Helper()
	h := http.Header{}
	if err := m.EnsureCookie(t.Context(), h, request(cookies...), false); err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return text
}

func TestEnsureCookieHoldsNothing(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	sid := ensure(t, m)
	if sid == "" {
		t.Fatal("a browser without a session got none")
	}
	if again := ensure(t, m, sid); again != "" {
		t.Errorf("a browser with a session got %s", again)
	}
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.Stats(); got != (session.Stats{}) || store.saved() != 0 || store.loaded() != 0 {
		t.Errorf("stats = %+v, %d saves, %d loads; want nothing", got, store.saved(), store.loaded())
	}

	s := open(t, m, sid)
	defer s.Release()
	if s.Fresh() {
		t.Errorf("the cookie %s is not valid", sid)
	}
	store.fail(errors.New("disk gone")) // it is not asked for one that is live
	if again := ensure(t, m, sid); again != "" {
		t.Errorf("a browser with a live session got %s", again)
	}
}

func TestEnsureCookieLine(t *testing.T) {
	m := newManager(nil)
	s := open(t, m)
	defer s.Release()
	for _, secure := range []bool{false, true} {
		got, want := http.Header{}, http.Header{}
		got.Add("Set-Cookie", "other=1")
		if err := m.EnsureCookie(t.Context(), got, request("sid=invalid"), secure); err != nil {
			t.Fatal(err)
		}
		m.SetCookie(want, s, secure)
		_, gotTail, _ := strings.Cut(got["Set-Cookie"][1], ";")
		_, wantTail, _ := strings.Cut(want["Set-Cookie"][0], ";")
		if got["Set-Cookie"][0] != "other=1" || gotTail != wantTail {
			t.Errorf("secure %v: lines = %q, want the other one and %q", secure, got["Set-Cookie"], wantTail)
		}
	}
}

func TestEnsureCookieOfADestroyedSession(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	s := open(t, m)
	sid := cookieOf(m, s)
	broken := errors.New("disk full")
	store.failSave(broken)
	if err := m.Destroy(t.Context(), s.ID()); !errors.Is(err, broken) {
		t.Errorf("Destroy: %v, want %v", err, broken)
	}
	want := func(when string) {
		t.Helper()
		if got := ensure(t, m, sid); got == "" || strings.HasPrefix(got, "sid="+s.ID()) {
			t.Errorf("%s: the browser got %q, want a new session", when, got)
		}
	}
	want("before the store knows")
	store.failSave(nil)
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("while it is held")
	s.Release()
	want("after its release")
}

func TestEnsureCookieWhileTheStoreFails(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	sid := cookieOf(m, open(t, newManager(nil)))
	broken := errors.New("disk gone")
	store.fail(broken)
	h := http.Header{}
	if err := m.EnsureCookie(t.Context(), h, request(sid), false); !errors.Is(err, broken) || len(h) != 0 {
		t.Errorf("EnsureCookie: %v and %v; want %v and nothing", err, h, broken)
	}
	store.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.EnsureCookie(ctx, h, request(sid), false); !errors.Is(err, context.Canceled) {
		t.Errorf("EnsureCookie: %v, want %v", err, context.Canceled)
	}
	if got := ensure(t, m); got == "" { // needs no store
		t.Error("a browser without a session got none")
	}
}

func TestEnsureCookieInPages(t *testing.T) {
	m := newManager(nil)
	for name, steps := range map[string]string{"ensure first": "eo", "open first": "oe", "twice": "ee"} {
		t.Run(name, func(t *testing.T) {
			var opened string
			w := page(m, request(), func(w http.ResponseWriter, r *http.Request) {
				for _, step := range steps {
					if step == 'e' {
						if err := m.EnsureCookie(r.Context(), w.Header(), r, false); err != nil {
							t.Error(err)
						}
						continue
					}
					s := mustOpen(t, m, r)
					opened = s.ID()
					s.Release()
				}
			})
			s := open(t, m, sidOf(t, w)) // fails if it was set twice
			defer s.Release()
			if s.Fresh() || (opened != "" && s.ID() != opened) {
				t.Errorf("the browser got %s, the handler %s", s.ID(), opened)
			}
		})
	}
}

// TestDestroyedByAnotherServer lets two servers use one file.
func TestDestroyedByAnotherServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	here, there := newManager(openSQLite(t, path)), newManager(openSQLite(t, path))
	s := open(t, here)
	sid := cookieOf(here, s)
	set(s, "n", "1")
	s.Release()
	if err := here.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := open(t, there, sid)
	if got, want := show(other.Values()), "n=1"; got != want {
		t.Errorf("values there = %s, want %s", got, want)
	}
	other.Release()
	if err := there.Destroy(t.Context(), s.ID()); err != nil {
		t.Fatal(err)
	}
	back := open(t, here, sid)
	defer back.Release()
	if !back.Fresh() || ensure(t, here, sid) == "" {
		t.Errorf("%s is accepted here, though it was destroyed there", s.ID())
	}
}

// TestReadersTakeTurns has more readers than connections, while somebody
// writes.
func TestReadersTakeTurns(t *testing.T) {
	store, cookies := stock(t, 20)
	m := newManager(store)
	done := make(chan error)
	const readers = 20
	for range readers {
		go func() {
			var all error
			for _, c := range cookies {
				s, err := m.Open(t.Context(), withCookie(c))
				if err == nil && len(s.Values()) != 2 {
					err = errors.New(c + " has " + show(s.Values()))
				}
				if err == nil {
					s.Release()
				}
				all = errors.Join(all, err, m.EnsureCookie(t.Context(), http.Header{}, withCookie(c), false))
			}
			done <- all
		}()
	}
	for i := range 20 {
		c := twoValues("id", i)
		c.Expires = time.Now().Add(time.Hour)
		if err := store.Save(t.Context(), []session.Change{c}); err != nil {
			t.Error(err)
		}
	}
	for range readers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
