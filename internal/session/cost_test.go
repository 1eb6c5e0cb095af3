package session_test

import (
	"net/http"
	"testing"

	"parley.example/parley/internal/session"
)

// TestRoomOfAHeldSession: the bounds leave room for other versions of Go.
func TestRoomOfAHeldSession(t *testing.T) {
	const held = 1000
	store, cookies := stock(t, held)
	w := &watcher{}
	for name, test := range map[string]struct {
		limit float64 // bytes
		open  func(m *session.Manager, i int) *session.Session
	}{
		"fresh": {200, func(m *session.Manager, _ int) *session.Session { return mustOpen(t, m, &http.Request{}) }},
		"two values, watched": {600, func(m *session.Manager, i int) *session.Session {
			s := mustOpen(t, m, withCookie(cookies[i]))
			s.Watch(w)
			return s
		}},
	} {
		if got := room(store, held, test.open); got > test.limit {
			t.Errorf("%s: %.0f bytes, want at most %.0f", name, got, test.limit)
		}
	}
}

// TestAllocationsOfAHandshake: with the race detector a few signers are made
// anew.
func TestAllocationsOfAHandshake(t *testing.T) {
	m := newManager(nil)
	s := open(t, m)
	defer s.Release()
	fresh, known := &http.Request{}, withCookie(cookieOf(m, s))
	header := http.Header{}
	for name, test := range map[string]struct {
		limit float64
		do    func()
	}{
		"no cookie":        {4, func() { mustOpen(t, m, fresh).Release() }},
		"cookie of a live": {8, func() { mustOpen(t, m, known).Release() }},
		"telling": {8, func() {
			clear(header)
			m.SetCookie(header, s, false)
		}},
		"unheld, no cookie": {8, func() {
			clear(header)
			if err := m.EnsureCookie(t.Context(), header, fresh, false); err != nil {
				t.Error(err)
			}
		}},
		"unheld, cookie of a live": {8, func() {
			if err := m.EnsureCookie(t.Context(), header, known, false); err != nil {
				t.Error(err)
			}
		}},
	} {
		got := testing.AllocsPerRun(200, test.do)
		t.Logf("%s: %v", name, got)
		if got > test.limit {
			t.Errorf("%s: %v allocations, want at most %v", name, got, test.limit)
		}
	}
}
