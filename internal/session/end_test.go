package session_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"parley.example/parley/internal/session"
)

// An ender counts how often it was told.
type ender struct {
	mu    sync.Mutex
	times int
	then  func() // if not nil, what it does
}

func (e *ender) SessionEnded() {
	e.mu.Lock()
	e.times++
	e.mu.Unlock()
	if e.then != nil {
		e.then()
	}
}

func (e *ender) told() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.times
}

func TestHoldersAreToldOnce(t *testing.T) {
	for name, gone := range map[string][]int{
		"all hold it": nil, "the first has gone": {0}, "the last has gone": {9}, "some have gone": {4, 3, 9, 6},
	} {
		for _, lets := range []bool{true, false} { // what a socket does when it hears
			t.Run(fmt.Sprintf("%s, lets go %v", name, lets), func(t *testing.T) { testToldOnce(t, gone, lets) })
		}
	}
}

func testToldOnce(t *testing.T, gone []int, lets bool) {
	m := newManager(nil)
	sessions, enders := make([]*session.Session, 10), make([]*ender, 10)
	sessions[0] = open(t, m)
	sid := cookieOf(m, sessions[0])
	for i := range sessions {
		if i > 0 {
			sessions[i] = open(t, m, sid)
		}
		enders[i] = &ender{then: func() { // nothing is locked
			set(sessions[i], "n", "1")
			if lets {
				sessions[i].Release()
			}
		}}
		sessions[i].OnEnd(enders[i])
	}
	for _, i := range gone {
		sessions[i].Release()
	}
	silent := open(t, m, sid) // wants to hear nothing
	for range 2 {
		if err := m.Destroy(t.Context(), silent.ID()); err != nil {
			t.Fatal(err)
		}
		m.Ended(silent.ID())
	}
	for i, e := range enders {
		want := 1
		if slices.Contains(gone, i) {
			want = 0
		}
		if got := e.told(); got != want {
			t.Errorf("holder %d was told %d times, want %d", i, got, want)
		}
	}
	late := &ender{}
	silent.OnEnd(late)
	if got := late.told(); got != 1 {
		t.Errorf("who came late was told %d times, want once", got)
	}
	silent.Release()
	for _, s := range sessions {
		s.Release()
	}
	afterwards := &ender{}
	silent.OnEnd(afterwards)
	if got := afterwards.told(); got != 0 {
		t.Errorf("who had released was told %d times", got)
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
}

// TestAnnouncedWhenTheStoreKnows: other nodes ask the store.
func TestAnnouncedWhenTheStoreKnows(t *testing.T) {
	store := newFaultyStore()
	var announced []string
	m := session.New(session.Options{
		Store: store, Secrets: [][]byte{[]byte("for tests")},
		Announce: func(id string) { announced = append(announced, id+" "+stored(t, store, id)) },
	})
	s := open(t, m)
	defer s.Release()
	if err := m.Destroy(t.Context(), s.ID()); err != nil {
		t.Fatal(err)
	}
	if want := []string{s.ID() + " destroyed"}; !slices.Equal(announced, want) {
		t.Errorf("announced %q, want %q", announced, want)
	}

	other := open(t, m)
	ends := &ender{}
	other.OnEnd(ends)
	store.failSave(errors.New("disk full"))
	if err := m.Destroy(t.Context(), other.ID()); err == nil {
		t.Error("no error")
	}
	if len(announced) != 2 || ends.told() != 1 {
		t.Errorf("announced %q, told %d times; want so although the store fails", announced[1:], ends.told())
	}
}

// TestEndedOnAnotherNode has two managers on one store, and the first tells
// the second.
func TestEndedOnAnotherNode(t *testing.T) {
	store := newFaultyStore()
	there := newManager(store)
	here := session.New(session.Options{Store: store, Secrets: [][]byte{[]byte("for tests")}, Announce: there.Ended})
	s := open(t, here)
	sid := cookieOf(here, s)
	set(s, "user", `{"id":1}`, "cart", "[1]")
	if err := here.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	holder := open(t, there, sid)
	set(holder, "unwritten", "1")
	ends := &ender{}
	holder.OnEnd(ends)
	w := &watcher{}
	_, stop := holder.Watch(w)
	defer stop()

	if err := here.Destroy(t.Context(), s.ID()); err != nil {
		t.Fatal(err)
	}
	if got, want := w.heard(), []string{"set  delete [cart unwritten user] own false"}; !slices.Equal(got, want) || ends.told() != 1 {
		t.Errorf("the other node's holder heard %q, told %d times; want %q, once", got, ends.told(), want)
	}
	set(holder, "n", "1")
	saves := store.saved()
	if err := there.Flush(t.Context()); err != nil || store.saved() != saves {
		t.Errorf("flush: %v, and %d saves; want none", err, store.saved()-saves)
	}
	for _, held := range []bool{true, false} {
		if !held {
			holder.Release()
		}
		back := open(t, there, sid)
		if back.ID() == s.ID() || len(back.Values()) != 0 {
			t.Errorf("held %v: opened %s with %s", held, back.ID(), show(back.Values()))
		}
		back.Release()
	}
	if got := there.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
	there.Ended("nobody holds this one")
}

// TestEndsAllAtOnce: many hold a session and let it go while it ends. Each
// hears once, unless it has let go.
func TestEndsAllAtOnce(t *testing.T) {
	m := newManager(nil)
	for range 50 {
		first := open(t, m)
		sid := cookieOf(m, first)
		var all sync.WaitGroup
		for i := range 8 {
			s := open(t, m, sid)
			e := &ender{then: s.Release} // hears, at the latest, at its own OnEnd
			all.Go(func() {
				s.OnEnd(e)
				if i%2 == 0 {
					s.Release()
				}
				set(s, "n", "1")
			})
			defer func() {
				if got := e.told(); got > 1 || (i%2 == 1 && got != 1) {
					t.Errorf("holder %d was told %d times", i, got)
				}
			}()
		}
		all.Go(func() {
			if err := m.Destroy(t.Context(), first.ID()); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { m.Ended(first.ID()) })
		all.Go(first.Release)
		all.Wait()
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
}
