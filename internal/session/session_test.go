package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"parley.example/parley"
	"parley.example/parley/internal/session"
)

func TestHoldersShareOneLiveObject(t *testing.T) {
	m := newManager(nil)
	a := open(t, m)
	b := open(t, m, cookieOf(m, a))
	if !a.Fresh() || b.Fresh() || a.ID() != b.ID() {
		t.Fatalf("fresh, id = %v, %s and %v, %s; want a new one, and the same again", a.Fresh(), a.ID(), b.Fresh(), b.ID())
	}
	set(a, "cart", "[1]", "user", `"x"`)
	set(b, "cart", "[1,2]", "user", "")
	if got, want := show(a.Values()), "cart=[1,2]"; got != want {
		t.Errorf("values = %s, want %s", got, want)
	}
	a.Values()["cart"] = json.RawMessage("0") // a copy
	if got, want := show(b.Values()), "cart=[1,2]"; got != want {
		t.Errorf("values = %s, want %s", got, want)
	}
	a.Release()
	a.Release() // once counts
	if got := m.Stats(); got.Live != 1 {
		t.Errorf("stats = %+v, want one live session", got)
	}
	b.Release()
}

func TestValuesOutliveTheirHolders(t *testing.T) {
	for _, flush := range []bool{false, true} {
		t.Run(fmt.Sprintf("flush=%v", flush), func(t *testing.T) {
			m := newManager(nil)
			a := open(t, m)
			sid := cookieOf(m, a)
			set(a, "n", "1")
			a.Release()
			if flush {
				if err := m.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := m.Stats(); got.Live != 0 {
					t.Errorf("stats = %+v, want nothing live after the flush", got)
				}
			} else if got := m.Stats(); got.Live != 1 || got.Unwritten != 1 {
				t.Errorf("stats = %+v, want the session live until it is written", got)
			}
			b := open(t, m, sid)
			defer b.Release()
			if got, want := show(b.Values()), "n=1"; got != want || b.ID() != a.ID() {
				t.Errorf("%s: values = %s; want %s: %s", b.ID(), got, a.ID(), want)
			}
		})
	}
}

// TestUpdateAfterRelease: functions may still change a session when its holder
// lets go. What comes too late is not lost in half.
func TestUpdateAfterRelease(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	for i := range 100 {
		s := open(t, m)
		sid := cookieOf(m, s)
		var all sync.WaitGroup
		all.Go(func() { set(s, "a", "1") })
		all.Go(s.Release)
		all.Wait()
		set(s, "b", "2")
		again := open(t, m, sid)
		before := show(again.Values())
		again.Release()
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, store, s.ID()); got != before || (got != "" && got != "a=1") {
			t.Fatalf("round %d: stored %q, shown %q; want a=1 or nothing", i, got, before)
		}
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
}

func TestEmptySessionCostsNothing(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	s := open(t, m)
	sid := cookieOf(m, s)
	s.Release()
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.Stats(); got != (session.Stats{}) || store.saved() != 0 {
		t.Errorf("stats = %+v, %d saves; want nothing", got, store.saved())
	}
	again := open(t, m, sid)
	defer again.Release()
	if again.ID() != s.ID() || again.Fresh() {
		t.Errorf("id = %s, fresh %v; want %s, though the store has no row", again.ID(), again.Fresh(), s.ID())
	}
}

func TestWatchersHearTheOrder(t *testing.T) {
	m := newManager(nil)
	s := open(t, m)
	defer s.Release()
	set(s, "a", "1")
	w, other := &watcher{}, &watcher{}
	values, stop := s.Watch(w)
	if got, want := show(values), "a=1"; got != want {
		t.Errorf("values at the watch = %s, want %s", got, want)
	}
	_, stopAgain := s.Watch(w) // is not told twice
	_, stopOther := s.Watch(other)
	defer stopOther()

	s.Update(parley.SessionChange{Set: map[string]json.RawMessage{"b": json.RawMessage("2")}}, w)
	stop()
	stop() // counts once
	s.Update(parley.SessionChange{Delete: []string{"a"}}, other)
	s.Update(parley.SessionChange{}, nil)
	stopAgain()
	set(s, "c", "3")

	want := []string{"set b=2 delete [] own true", "set  delete [a] own false", "set  delete [] own false"}
	if got := w.heard(); !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	want = []string{
		"set b=2 delete [] own false", "set  delete [a] own true", "set  delete [] own false",
		"set c=3 delete [] own false",
	}
	if got := other.heard(); !slices.Equal(got, want) {
		t.Errorf("the other heard %q, want %q", got, want)
	}
}

func TestAllWatchersHearOneOrder(t *testing.T) {
	m := newManager(nil)
	s := open(t, m)
	defer s.Release()
	sid := cookieOf(m, s)
	watchers := []*watcher{{}, {}, {}}
	var all sync.WaitGroup
	holders := make([]*session.Session, len(watchers))
	for i, w := range watchers {
		holders[i] = open(t, m, sid)
		_, stop := holders[i].Watch(w)
		defer stop()
	}
	for i, holder := range holders {
		all.Go(func() {
			defer holder.Release()
			for k := range 50 {
				set(holder, fmt.Sprint(i), fmt.Sprint(k))
				open(t, m, sid).Release()
			}
		})
	}
	all.Go(func() {
		for range 20 {
			if err := m.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	for i, w := range watchers {
		if got := w.heard(); len(got) != 150 || !slices.Equal(got, watchers[0].heard()) {
			t.Errorf("watcher %d heard %d changes in another order than the first", i, len(got))
		}
	}
	if got, want := show(s.Values()), "0=49 1=49 2=49"; got != want {
		t.Errorf("values = %s, want %s", got, want)
	}
}

func TestDestroyedSessionStaysDestroyed(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	s := open(t, m)
	sid := cookieOf(m, s)
	w := &watcher{}
	_, stop := s.Watch(w)
	defer stop()
	set(s, "user", `"alice"`)
	if err := m.Destroy(t.Context(), s.ID()); err != nil {
		t.Fatal(err)
	}
	if got := s.Values(); len(got) != 0 {
		t.Errorf("values after Destroy = %s, want none", show(got))
	}
	if got, want := w.heard()[1:], []string{"set  delete [user] own false"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}

	// A connection that was open meanwhile does not bring it back (attack 14).
	set(s, "user", `"alice"`)
	if got, want := show(s.Values()), `user="alice"`; got != want {
		t.Errorf("values for the holder = %s, want %s", got, want)
	}
	for _, held := range []bool{true, false} {
		if !held {
			s.Release()
		}
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := open(t, m, sid)
		if back.ID() == s.ID() || !back.Fresh() || len(back.Values()) != 0 {
			t.Errorf("held %v: opened %s, fresh %v, %s; want a new session", held, back.ID(), back.Fresh(), show(back.Values()))
		}
		back.Release()
	}
	if got := stored(t, store, s.ID()); got != "destroyed" {
		t.Errorf("store: %s, want destroyed", got)
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
}

func TestDestroyWhileTheStoreFails(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	s := open(t, m)
	sid := cookieOf(m, s)
	set(s, "user", "1")
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Release()

	broken := errors.New("disk full")
	store.fail(broken)
	if err := m.Destroy(t.Context(), s.ID()); !errors.Is(err, broken) {
		t.Errorf("Destroy: %v, want %v", err, broken)
	}
	if back := open(t, m, sid); back.ID() == s.ID() {
		t.Error("the id was accepted before the store knew")
	}
	store.fail(nil)
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, store, s.ID()); got != "destroyed" {
		t.Errorf("store: %s, want destroyed", got)
	}
}

func TestOpenWhileTheStoreFails(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	sid := cookieOf(m, open(t, newManager(nil)))
	broken := errors.New("disk gone")
	store.fail(broken)
	if _, err := m.Open(t.Context(), request(sid)); !errors.Is(err, broken) {
		t.Errorf("Open: %v, want %v", err, broken)
	}
	if s := open(t, m); !s.Fresh() { // needs no store
		t.Error("a new session is not fresh")
	}
	store.fail(nil)
	open(t, m, sid).Release()
}

func TestOpenersShareOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		m := newManager(store)
		first := open(t, m)
		sid := cookieOf(m, first)
		set(first, "n", "1")
		first.Release()
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}

		store.gate = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := m.Open(ctx, request(sid)); !errors.Is(err, context.Canceled) {
				t.Errorf("the opener that gave up: %v", err)
			}
		})
		synctest.Wait() // it is loading now
		for range 3 {
			all.Go(func() {
				s := open(t, m, sid)
				if got, want := show(s.Values()), "n=1"; got != want {
					t.Errorf("values = %s, want %s", got, want)
				}
				s.Release()
			})
		}
		synctest.Wait()
		cancel() // the others go on without it
		synctest.Wait()
		close(store.gate)
		all.Wait()
		if got := m.Stats(); got != (session.Stats{}) {
			t.Errorf("stats = %+v, want nothing left", got)
		}
	})
}

func TestDestroyWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		m := newManager(store)
		first := open(t, m)
		sid := cookieOf(m, first)
		set(first, "n", "1")
		first.Release()
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.gate = make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			s := open(t, m, sid)
			defer s.Release()
			if s.ID() == first.ID() || len(s.Values()) != 0 {
				t.Errorf("opened %s with %s; want a new session", s.ID(), show(s.Values()))
			}
		})
		synctest.Wait()
		if err := m.Destroy(t.Context(), first.ID()); err != nil {
			t.Fatal(err)
		}
		close(store.gate)
		all.Wait()
	})
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, opt := range map[string]session.Options{
		"no secret":    {},
		"empty secret": {Secrets: [][]byte{[]byte("x"), {}}},
		"bad domain":   {Secrets: [][]byte{[]byte("x")}, Domain: "exa mple.com"},
		"bad cookie":   {Secrets: [][]byte{[]byte("x")}, Cookie: "my sid"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("New did not panic")
				}
			}()
			session.New(opt)
		})
	}
}
