package session_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"parley.example/parley/internal/session"
)

// stock returns a new store with n sessions of two small values each, and
// their cookies for newManager.
func stock(tb testing.TB, n int) (store session.Store, cookies []string) {
	sqlite, err := session.OpenSQLite(filepath.Join(tb.TempDir(), "sessions.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := sqlite.Close(); err != nil {
			tb.Error(err)
		}
	})
	changes := make([]session.Change, n)
	cookies = make([]string, n)
	m := newManager(nil)
	for i := range n {
		s := mustOpen(tb, m, &http.Request{})
		cookies[i] = cookieOf(m, s)
		changes[i] = twoValues(s.ID(), i)
		s.Release()
	}
	if err := sqlite.Save(tb.Context(), changes); err != nil {
		tb.Fatal(err)
	}
	return sqlite, cookies
}

func twoValues(id string, i int) session.Change {
	return session.Change{ID: id, Expires: time.Now().Add(time.Hour), Values: map[string]json.RawMessage{
		"user": json.RawMessage(fmt.Sprintf(`{"id":"user%d"}`, i)), "visits": json.RawMessage("12"),
	}}
}

func mustOpen(tb testing.TB, m *session.Manager, r *http.Request) *session.Session {
	s, err := m.Open(tb.Context(), r)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// withCookie returns a request like a browser's.
func withCookie(cookie string) *http.Request {
	return &http.Request{Header: http.Header{"Cookie": {"theme=dark; " + cookie}}}
}

// room returns the live bytes of each of n sessions while open has opened them
// all: with a share of a new manager's table.
func room(store session.Store, n int, open func(m *session.Manager, i int) *session.Session) float64 {
	m := newManager(store)
	sessions := make([]*session.Session, n)
	before := liveHeap()
	for i := range sessions {
		sessions[i] = open(m, i)
	}
	bytes := float64(liveHeap()-before) / float64(n)
	for _, s := range sessions {
		s.Release()
	}
	return bytes
}

func liveHeap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// BenchmarkHold tells the live bytes of each session that is held.
func BenchmarkHold(b *testing.B) {
	const held = 19_000
	store, cookies := stock(b, held)
	w := &watcher{}
	for _, bench := range []struct {
		name string
		open func(m *session.Manager, i int) *session.Session
	}{
		{"fresh", func(m *session.Manager, _ int) *session.Session { return mustOpen(b, m, &http.Request{}) }},
		{"watched", func(m *session.Manager, _ int) *session.Session {
			s := mustOpen(b, m, &http.Request{})
			s.Watch(w) // nobody keeps stop
			return s
		}},
		{"stored", func(m *session.Manager, i int) *session.Session { return mustOpen(b, m, withCookie(cookies[i])) }},
		{"stored and watched", func(m *session.Manager, i int) *session.Session {
			s := mustOpen(b, m, withCookie(cookies[i]))
			s.Watch(w)
			return s
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for range b.N {
				b.ReportMetric(room(store, held, bench.open), "live-B/session")
			}
		})
	}
}

// BenchmarkOpen is what each handshake costs, with Open or EnsureCookie.
func BenchmarkOpen(b *testing.B) {
	store, cookies := stock(b, 10_000)
	m := newManager(store)
	var stored, unknown []*http.Request
	for _, c := range cookies {
		s := mustOpen(b, m, &http.Request{})
		stored = append(stored, withCookie(c))
		unknown = append(unknown, withCookie(cookieOf(m, s)))
		s.Release()
	}
	header := http.Header{}
	for _, bench := range []struct {
		name     string
		requests []*http.Request
	}{
		{"no cookie", []*http.Request{{}}},
		{"nothing stored", unknown},
		{"stored", stored},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				mustOpen(b, m, bench.requests[rand.IntN(len(bench.requests))]).Release()
			}
		})
		b.Run(bench.name+", unheld", func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				clear(header)
				err := m.EnsureCookie(b.Context(), header, bench.requests[rand.IntN(len(bench.requests))], false)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSetCookie(b *testing.B) {
	m := newManager(nil)
	s := mustOpen(b, m, &http.Request{})
	b.ReportAllocs()
	for range b.N {
		m.SetCookie(http.Header{}, s, false)
	}
}

// BenchmarkSave is what a session costs in a batch of a hundred.
func BenchmarkSave(b *testing.B) {
	store, _ := stock(b, 0)
	const batch = 100
	b.ReportAllocs()
	for i := 0; i < b.N; i += batch {
		var changes []session.Change
		for k := range batch {
			changes = append(changes, twoValues(fmt.Sprint("id", (i*7919+k)%10_000), i))
		}
		if err := store.Save(b.Context(), changes); err != nil {
			b.Fatal(err)
		}
	}
}
