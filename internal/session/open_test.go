package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"parley.example/parley/internal/session"
)

func TestLookupChangesNothing(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	for name, cookies := range map[string][]string{"none": nil, "invalid": {"sid=attackers-choice"}} {
		w := page(m, request(cookies...), func(w http.ResponseWriter, r *http.Request) {
			if s, err := m.Lookup(r.Context(), r); s != nil || err != nil {
				t.Errorf("%s: Lookup = %v, %v; want nothing", name, s, err)
			}
			if len(w.Header()) != 0 {
				t.Errorf("%s: the header has %v", name, w.Header())
			}
		})
		if sidOf(t, w) == "" { // as it does without
			t.Errorf("%s: the page sets no cookie", name)
		}
	}
	s := open(t, m)
	sid := cookieOf(m, s)
	set(s, "n", "1")
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	saves := store.saved()
	for _, live := range []bool{true, false} {
		if !live {
			s.Release()
		}
		found, err := m.Lookup(t.Context(), request(sid))
		if err != nil || found == nil {
			t.Fatalf("live %v: Lookup = %v, %v; want %s", live, found, err, s.ID())
		}
		if found.ID() != s.ID() || found.Fresh() || show(found.Values()) != "n=1" {
			t.Errorf("live %v: found %s with %s, want %s", live, found.ID(), show(found.Values()), s.ID())
		}
		found.Release()
	}
	if err := m.Flush(t.Context()); err != nil || store.saved() != saves {
		t.Errorf("flush: %v, and %d saves; want none", err, store.saved()-saves)
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing held", got)
	}
}

func TestLookupAndAdoptWhileTheStoreFails(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	s := open(t, newManager(nil))
	sid := cookieOf(m, s)
	broken := errors.New("disk gone")
	store.fail(broken)
	if got, err := m.Lookup(t.Context(), request(sid)); got != nil || !errors.Is(err, broken) {
		t.Errorf("Lookup = %v, %v; want %v", got, err, broken)
	}
	if got, err := m.Adopt(t.Context(), s.ID()); got != nil || !errors.Is(err, broken) {
		t.Errorf("Adopt = %v, %v; want %v", got, err, broken)
	}
	if got, err := m.Lookup(t.Context(), request()); got != nil || err != nil { // needs no store
		t.Errorf("Lookup without a cookie = %v, %v; want nothing", got, err)
	}
	store.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Lookup(ctx, request(sid)); !errors.Is(err, context.Canceled) {
		t.Errorf("Lookup: %v, want %v", err, context.Canceled)
	}
	if _, err := m.Adopt(ctx, s.ID()); !errors.Is(err, context.Canceled) {
		t.Errorf("Adopt: %v, want %v", err, context.Canceled)
	}
}

func TestAdoptAndAnonymous(t *testing.T) {
	m := newManager(nil)
	s := m.Anonymous()
	if s.Fresh() {
		t.Error("the browser is to be told of an anonymous session")
	}
	set(s, "n", "1")
	other := m.Anonymous()
	if other.ID() == s.ID() || len(other.Values()) != 0 {
		t.Errorf("two anonymous sessions: %s and %s with %s", s.ID(), other.ID(), show(other.Values()))
	}
	s.Release()
	other.Release()
	for _, written := range []bool{false, true} {
		adopted, err := m.Adopt(t.Context(), s.ID())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := show(adopted.Values()), "n=1"; got != want || adopted.ID() != s.ID() || adopted.Fresh() {
			t.Errorf("written %v: adopted %s with %s, fresh %v; want %s with %s", written, adopted.ID(), got, adopted.Fresh(), s.ID(), want)
		}
		adopted.Release()
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, held := range []bool{true, false} {
		holder := m.Anonymous()
		if !held {
			holder.Release()
		}
		if err := m.Destroy(t.Context(), holder.ID()); err != nil {
			t.Fatal(err)
		}
		if got, err := m.Adopt(t.Context(), holder.ID()); got != nil || !errors.Is(err, session.ErrDestroyed) {
			t.Errorf("held %v: Adopt = %v, %v; want %v", held, got, err, session.ErrDestroyed)
		}
		holder.Release()
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing held", got)
	}
}
