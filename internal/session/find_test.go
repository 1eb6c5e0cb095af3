package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/session"
)

// TestRevokeUser has two servers on one store: what the first has ended in the
// store, the second still ends for those who hold it there.
func TestRevokeUser(t *testing.T) {
	store := session.NewMemory()
	var announced []string
	here := session.New(session.Options{
		Store: store, Secrets: [][]byte{[]byte("for tests")},
		Announce: func(id string) { announced = append(announced, id) },
	})
	there := newManager(store)
	stays, kept, held := open(t, here), open(t, here), open(t, here)
	set(stays, "user", `{"id": "bob"}`)
	set(kept, "user", `{"id": "alice"}`)
	set(held, "user", `{"id": "alice"}`)
	empty, other := open(t, here), open(t, here)
	set(other, "user", `"alice"`, "id", `"alice"`) // is nobody
	if err := here.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(here, kept)
	kept.Release()
	heldThere := open(t, there, cookieOf(here, held))
	fresh := open(t, there) // not in the store yet
	set(fresh, "user", `{"id": "alice", "role": "admin"}`)
	ends := map[*session.Session]*ender{}
	for _, s := range []*session.Session{stays, held, empty, other, heldThere, fresh} {
		defer s.Release()
		ends[s] = &ender{}
		s.OnEnd(ends[s])
	}

	if n, err := here.RevokeUser(t.Context(), "alice"); n != 2 || err != nil {
		t.Errorf("here: %d sessions, %v, want 2", n, err)
	}
	want := []string{kept.ID(), held.ID()}
	slices.Sort(want)
	if slices.Sort(announced); !slices.Equal(announced, want) {
		t.Errorf("announced %q, want %q", announced, want)
	}
	for range 2 {
		if n, err := here.RevokeUser(t.Context(), "alice"); n != 0 || err != nil {
			t.Errorf("here, again: %d sessions, %v, want none", n, err)
		}
	}
	if n, err := there.RevokeUser(t.Context(), "alice"); n != 2 || err != nil {
		t.Errorf("there: %d sessions, %v, want the one that is held and the fresh one", n, err)
	}
	for name, s := range map[string]*session.Session{
		"bob's": stays, "alice's": held, "an empty one": empty, "one of nobody": other,
		"alice's on the other server": heldThere, "a fresh one there": fresh,
	} {
		gone := s == held || s == heldThere || s == fresh
		if told := ends[s].told() == 1; told != gone {
			t.Errorf("the holder of %s was told %d times", name, ends[s].told())
		}
		if got := stored(t, store, s.ID()); (got == "destroyed") != gone {
			t.Errorf("the store has of %s: %s", name, got)
		}
		if got := show(s.Values()); gone && got != "" {
			t.Errorf("%s still has %s", name, got)
		}
	}
	if again := open(t, here, cookie); again.ID() == kept.ID() {
		t.Error("a cookie of a revoked session opens it")
	}
	for _, id := range []string{"", "carol"} {
		if n, err := here.RevokeUser(t.Context(), id); n != 0 || err != nil {
			t.Errorf("user %q: %d sessions, %v, want none", id, n, err)
		}
	}
}

func TestRevokeByID(t *testing.T) {
	store := session.NewMemory()
	m := newManager(store)
	held, kept, silent := open(t, m), open(t, m), open(t, m)
	set(kept, "n", "1")
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(m, silent)
	kept.Release()
	silent.Release() // nothing is known of it any more
	for _, tc := range []struct {
		name, id string
		known    bool
	}{
		{"one that is held", held.ID(), true},
		{"one in the store", kept.ID(), true},
		{"one that is held and destroyed", held.ID(), false},
		{"one that is destroyed", kept.ID(), false},
		{"one that holds nothing", silent.ID(), false},
		{"no id", "alice", false},
		{"nothing", "", false},
	} {
		if known, err := m.Revoke(t.Context(), tc.id); known != tc.known || err != nil {
			t.Errorf("%s: known = %v, %v, want %v", tc.name, known, err, tc.known)
		}
	}
	held.Release()
	for _, id := range []string{held.ID(), kept.ID(), silent.ID()} {
		if got := stored(t, store, id); got != "destroyed" {
			t.Errorf("the store has %q, want a tombstone", got)
		}
	}
	if again := open(t, m, cookie); again.ID() == silent.ID() {
		t.Error("the cookie of a session that held nothing opens it")
	}
	if got := stored(t, store, "alice"); got != "" {
		t.Errorf("the store has %q under what is no id", got)
	}
}

func TestRevokeAll(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	held, empty, kept := open(t, m), open(t, m), open(t, m)
	set(held, "n", "1")
	set(kept, "user", `{"id": 1}`)
	kept.Release()
	if n, err := m.RevokeAll(t.Context()); n != 3 || err != nil {
		t.Errorf("%d sessions, %v, want 3", n, err)
	}
	if saves := store.saved(); saves != 2 {
		t.Errorf("%d writes, want 2: what is changed, and all ends", saves)
	}
	for _, s := range []*session.Session{held, empty, kept} {
		if got := stored(t, store, s.ID()); got != "destroyed" {
			t.Errorf("the store has %q, want a tombstone", got)
		}
	}
	if n, err := m.RevokeAll(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d sessions, %v, want none", n, err)
	}
}

// TestRevokeWhileTheStoreFails: what is held here ends all the same.
func TestRevokeWhileTheStoreFails(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	s := open(t, m)
	defer s.Release()
	set(s, "user", `{"id": "alice"}`)
	ends := &ender{}
	s.OnEnd(ends)
	full := errors.New("disk full")
	store.fail(full)
	if n, err := m.RevokeUser(t.Context(), "alice"); n != 1 || !errors.Is(err, full) {
		t.Errorf("%d sessions, %v, want 1 and that the disk is full", n, err)
	}
	if ends.told() != 1 {
		t.Errorf("the holder was told %d times, want once", ends.told())
	}
	if known, err := m.Revoke(t.Context(), strings.Repeat("a", 24)); known || !errors.Is(err, full) {
		t.Errorf("of an unknown id: %v, %v, want that the disk is full", known, err)
	}
	store.fail(nil)
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, store, s.ID()); got != "destroyed" {
		t.Errorf("the store has %q, want a tombstone", got)
	}
}

func TestIDs(t *testing.T) {
	s := open(t, newManager(nil))
	defer s.Release()
	for text, want := range map[string]bool{
		s.ID(): true, "-_" + s.ID()[2:]: true,
		"": false, s.ID()[1:]: false, s.ID() + "a": false, "+" + s.ID()[1:]: false,
		s.ID()[:12] + "\n" + s.ID()[12:]: false, s.ID()[:23] + "=": false, s.ID()[:23] + "\n": false,
	} {
		if got := session.IsID(text); got != want {
			t.Errorf("IsID(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestSummaries(t *testing.T) {
	now := time.Now()
	expires := now.Add(time.Hour).Truncate(time.Millisecond)
	store := session.NewMemory()
	at := func(in time.Duration) int64 { return now.Add(in).Unix() }
	login := func(expires, inactive, seen int64) string {
		return fmt.Sprintf(`{"at": %d, "expires": %d, "inactive": %d, "seen": %d, "by": "login"}`,
			at(-2*time.Minute), expires, inactive, seen)
	}
	changes := []session.Change{
		change("anonymous", "n", "1"),
		change("function", "user", `{"id": "ann"}`),
		change("page", "user", `{"id": "bob"}`, "_login", login(0, 0, 0)),
		change("limited", "user", `{"id": "cid"}`, "_login", login(at(time.Minute), 0, 0)),
		change("over", "user", `{"id": "dan"}`, "_login", login(at(-time.Minute), 0, 0)),
		change("silent", "user", `{"id": "eve"}`, "_login", login(0, 60, at(-time.Minute))),
		change("long", "user", `{"id": "fay"}`, "_login", login(at(2*time.Hour), 0, 0)),
		change("expired", "n", "1"),
		{ID: "destroyed", Destroy: true},
	}
	for i := range changes {
		changes[i].Expires = expires
		if changes[i].ID == "expired" {
			changes[i].Expires = now.Add(-time.Millisecond)
		}
	}
	if err := store.Save(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	list, err := session.Summaries(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		if !s.Expires.Equal(expires) {
			t.Errorf("%s: its cookie expires at %v, want %v", s.ID, s.Expires, expires)
		}
		line := s.ID + " " + s.User.ID()
		if s.Login.Unix() == at(-2*time.Minute) {
			line += " logged in"
		} else if !s.Login.IsZero() {
			line += fmt.Sprintf(" logged in at %v?", s.Login)
		}
		switch {
		case s.Ends.Unix() == at(time.Minute):
			line += ", ends with the login"
		case !s.Ends.Equal(expires):
			line += fmt.Sprintf(", ends at %v?", s.Ends)
		}
		got = append(got, line)
	}
	slices.Sort(got)
	want := []string{
		"anonymous ", "function ann", "limited cid logged in, ends with the login", "long fay logged in", "page bob logged in",
	}
	if !slices.Equal(got, want) {
		t.Errorf("summaries = %q\nwant        %q", got, want)
	}
}
