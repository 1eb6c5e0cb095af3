package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/session"
)

var alice = parley.User{"id": json.RawMessage(`"alice"`)}

func login(t *testing.T, m *session.Manager, old *session.Session, user parley.User, terms session.Terms) *session.Session {
	t.Helper()
	s, err := m.Login(t.Context(), old, user, terms)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// withoutLogin shows the values but for those that Login adds.
func withoutLogin(values map[string]json.RawMessage) string {
	delete(values, "user")
	delete(values, "_login")
	return show(values)
}

// TestSessionFixation: an id that somebody planted before the login is worth
// nothing after it.
func TestSessionFixation(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	old := open(t, m)
	planted := cookieOf(m, old)
	set(old, "cart", "[1]", "n", "1")
	holder := open(t, m, planted) // a socket, say
	ends := &ender{}
	holder.OnEnd(ends)
	w := &watcher{}
	_, stop := holder.Watch(w)
	defer stop()

	s := login(t, m, old, alice, session.Terms{By: "login"})
	if s.ID() == old.ID() || !s.Fresh() {
		t.Errorf("id = %s, fresh %v; want a new one", s.ID(), s.Fresh())
	}
	if got := store.saved(); got != 1 {
		t.Errorf("%d saves, want one: a crash leaves both sessions as they are, or none", got)
	}
	if got, want := s.User().ID(), "alice"; got != want {
		t.Errorf("user = %q, want %q", got, want)
	}
	for when, values := range map[string]map[string]json.RawMessage{"live": s.Values(), "stored": loaded(t, store, s.ID())} {
		if string(values["user"]) != `{"id":"alice"}` || withoutLogin(values) != "cart=[1] n=1" {
			t.Errorf("%s: %s; want alice and the values from before", when, show(values))
		}
	}
	if got := stored(t, store, old.ID()); got != "destroyed" {
		t.Errorf("store: the session before has %s, want destroyed", got)
	}

	// Those who hold the old one go on with it, and it stays what it was.
	if got := show(holder.Values()); got != "cart=[1] n=1" || holder.User() != nil {
		t.Errorf("values of a holder = %s, want the values and no user", got)
	}
	set(holder, "n", "2", "user", `{"id":"mallory"}`)
	if err := m.Flush(t.Context()); err != nil || store.saved() != 1 {
		t.Errorf("flush: %v, and %d saves; want none of what the holder changed", err, store.saved()-1)
	}
	set(s, "n", "3")
	if got := show(holder.Values()); got != `cart=[1] n=2 user={"id":"mallory"}` {
		t.Errorf("values of a holder = %s, want its own", got)
	}
	if len(w.heard()) != 1 || ends.told() != 0 {
		t.Errorf("the holder heard %q and of %d ends; want its own change only", w.heard(), ends.told())
	}
	for _, held := range []bool{true, false} {
		if !held {
			old.Release()
			holder.Release()
		}
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := open(t, m, planted)
		if back.ID() == old.ID() || back.ID() == s.ID() || !back.Fresh() || len(back.Values()) != 0 {
			t.Errorf("held %v: the planted id opened %s with %s", held, back.ID(), show(back.Values()))
		}
		back.Release()
		if got, err := m.Lookup(t.Context(), request(planted)); got != nil || err != nil {
			t.Errorf("held %v: Lookup of the planted id = %v, %v; want nothing", held, got, err)
		}
		if _, err := m.Adopt(t.Context(), old.ID()); !errors.Is(err, session.ErrDestroyed) {
			t.Errorf("held %v: Adopt of the planted id: %v, want %v", held, err, session.ErrDestroyed)
		}
		if got := ensure(t, m, planted); got == "" {
			t.Errorf("held %v: EnsureCookie accepts the planted id", held)
		}
	}
	again := open(t, m, cookieOf(m, s))
	if again.ID() != s.ID() || again.User().ID() != "alice" || string(again.Values()["n"]) != "3" {
		t.Errorf("the new cookie opened %s with %s", again.ID(), show(again.Values()))
	}
	again.Release()
	s.Release()
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
}

// loaded is what the store has.
func loaded(t *testing.T, store session.Store, id string) map[string]json.RawMessage {
	t.Helper()
	values, err := store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestLoginInPlaceOfAnother(t *testing.T) {
	var announced []string
	m := session.New(session.Options{
		Secrets:  [][]byte{[]byte("for tests")},
		Announce: func(id string) { announced = append(announced, id) },
	})
	first := login(t, m, nil, alice, session.Terms{Expiry: time.Hour, By: "one"})
	set(first, "cart", "[1]")
	ends := &ender{}
	first.OnEnd(ends)
	w := &watcher{}
	_, stop := first.Watch(w)
	defer stop()

	second := login(t, m, first, parley.User{"id": json.RawMessage("7"), "role": json.RawMessage(`["a","<b>"]`)}, session.Terms{By: "two"})
	if got := ends.told(); got != 1 {
		t.Errorf("the holder was told %d times, want once", got)
	}
	if want := []string{first.ID()}; !slices.Equal(announced, want) {
		t.Errorf("announced %q, want %q", announced, want)
	}
	if got, want := w.heard(), []string{"set  delete [_login user] own false"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	if got, want := show(first.Values()), "cart=[1]"; got != want {
		t.Errorf("values before = %s, want %s", got, want)
	}
	var roles []string
	if _, err := second.User().Get("role", &roles); err != nil || second.User().ID() != "7" || !slices.Equal(roles, []string{"a", "<b>"}) {
		t.Errorf("user = %v (%v), want 7 with roles", second.User(), err)
	}
	if _, limited := second.Deadline(); limited {
		t.Error("the terms of the first login hold for the second")
	}
	if got, want := withoutLogin(second.Values()), "cart=[1]"; got != want {
		t.Errorf("other values = %s, want %s", got, want)
	}

	// Whoever finds out late that it has ended hears at once.
	late := &ender{}
	first.OnEnd(late)
	if got := late.told(); got != 1 {
		t.Errorf("a late holder was told %d times, want once", got)
	}
}

func TestLoginsThatAreNone(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	old, released := open(t, m), open(t, m)
	released.Release()
	for name, test := range map[string]struct {
		old  *session.Session
		user parley.User
	}{
		"nobody":          {old, nil},
		"no attribute":    {old, parley.User{}},
		"broken user":     {old, parley.User{"id": json.RawMessage("{")}},
		"session is gone": {released, alice},
	} {
		if s, err := m.Login(t.Context(), test.old, test.user, session.Terms{}); err == nil || s != nil {
			t.Errorf("%s: %v, %v; want an error", name, s, err)
		}
	}
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if back := open(t, m, cookieOf(m, old)); back.ID() != old.ID() || store.saved() != 0 {
		t.Errorf("opened %s after %d saves, want %s and none", back.ID(), store.saved(), old.ID())
	}
}

func TestLoginWhileTheStoreFails(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	old := open(t, m)
	planted := cookieOf(m, old)
	store.failSave(errors.New("disk full"))
	s := login(t, m, old, alice, session.Terms{})
	old.Release()
	if back := open(t, m, planted); back.ID() == old.ID() {
		t.Error("the old id was accepted before the store knew")
	}
	if back := open(t, m, cookieOf(m, s)); back.User().ID() != "alice" {
		t.Errorf("user = %v, want alice before the store knows", back.User())
	}
	store.failSave(nil)
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, store, old.ID()); got != "destroyed" {
		t.Errorf("store: %s, want destroyed", got)
	}
	if got := loaded(t, store, s.ID()); string(got["user"]) != `{"id":"alice"}` {
		t.Errorf("store: %s, want alice", show(got))
	}
}

// TestPagesGiveTheSessionOfTheLogin: whatever the page did before, the browser
// gets the session that was logged in, and only that.
func TestPagesGiveTheSessionOfTheLogin(t *testing.T) {
	for name, steps := range map[string]string{
		"opened": "ol", "looked up": "kl", "ensured": "el", "told": "otl", "opened later": "olo", "ensured later": "ole",
		"from nothing": "l", "from nothing, opened later": "lo", "twice": "oll",
	} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, known %v", name, known), func(t *testing.T) {
				m := newManager(nil)
				r := request()
				if known {
					before := open(t, m)
					defer before.Release()
					set(before, "cart", "[1]")
					r = request(cookieOf(m, before))
				}
				var now *session.Session
				w := page(m, r, func(w http.ResponseWriter, r *http.Request) {
					var s *session.Session
					var err error
					for _, step := range steps {
						switch step {
						case 'o':
							s, err = m.Open(r.Context(), r)
							if err == nil && now != nil && s.ID() != now.ID() {
								t.Errorf("opened %s after the login, want %s", s.ID(), now.ID())
							}
						case 'k':
							s, err = m.Lookup(r.Context(), r)
						case 'e':
							err = m.EnsureCookie(r.Context(), w.Header(), r, false)
						case 't':
							m.SetCookie(w.Header(), s, false)
						case 'l':
							s, err = m.Login(r.Context(), s, alice, session.Terms{})
							now = s
							if err == nil {
								m.SetCookie(w.Header(), s, false)
							}
						}
						if err != nil {
							t.Fatal(err)
						}
					}
				})
				back := open(t, m, sidOf(t, w)) // fails if it was set twice
				if back.ID() != now.ID() || back.User().ID() != "alice" {
					t.Errorf("the browser got %s, want %s", back.ID(), now.ID())
				}
				if got := w.Header.Get("Cache-Control"); got != "private" {
					t.Errorf("Cache-Control = %q, want private", got)
				}
			})
		}
	}
}

// TestPagesGiveANewSessionAfterALogout, which is what an Open gets from then
// on.
func TestPagesGiveANewSessionAfterALogout(t *testing.T) {
	m := newManager(nil)
	s := login(t, m, nil, alice, session.Terms{})
	defer s.Release()
	for name, sets := range map[string]bool{"cookie of the request": false, "set by the page": true} {
		t.Run(name, func(t *testing.T) {
			var opened string
			w := page(m, request(cookieOf(m, s)), func(w http.ResponseWriter, r *http.Request) {
				if sets {
					m.SetCookie(w.Header(), s, false)
				}
				if err := m.Destroy(r.Context(), s.ID()); err != nil {
					t.Fatal(err)
				}
				fresh := mustOpen(t, m, r)
				opened = fresh.ID()
				fresh.Release()
			})
			back := open(t, m, sidOf(t, w))
			defer back.Release()
			if back.ID() != opened || back.ID() == s.ID() || back.User() != nil || back.Fresh() {
				t.Errorf("the browser got %s, user %v; want %s", back.ID(), back.User(), opened)
			}
		})
	}
}

func TestExpiryOfALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		var announced []string
		m := session.New(session.Options{
			Store: store, Secrets: [][]byte{[]byte("for tests")},
			Announce: func(id string) { announced = append(announced, id) },
		})
		s := login(t, m, nil, alice, session.Terms{Expiry: 30 * time.Minute, By: "login"})
		sid := cookieOf(m, s)
		if got, ok := s.Deadline(); !ok || !got.Equal(time.Now().Add(30*time.Minute)) {
			t.Errorf("deadline = %v, %v; want in 30 minutes", got, ok)
		}
		ends := &ender{}
		s.OnEnd(ends)
		time.Sleep(30*time.Minute - time.Second)
		s.Seen() // does not move it
		if again := open(t, m, sid); again.ID() != s.ID() {
			t.Error("the session ended early")
		} else {
			again.Release()
		}
		time.Sleep(time.Second)

		saves := store.saved()
		if got, err := m.Lookup(t.Context(), request(sid)); got != nil || err != nil {
			t.Errorf("Lookup = %v, %v; want nothing", got, err)
		}
		if err := m.Flush(t.Context()); err != nil || store.saved() != saves || ends.told() != 0 || s.User() == nil {
			t.Errorf("Lookup has changed something: %v", err)
		}
		back := open(t, m, sid)
		defer back.Release()
		if back.ID() == s.ID() || back.User() != nil {
			t.Errorf("opened %s with %s, want a new session", back.ID(), show(back.Values()))
		}
		if ends.told() != 1 || len(s.Values()) != 0 || !slices.Equal(announced, []string{s.ID()}) {
			t.Errorf("holders told %d times, left with %s, announced %q", ends.told(), show(s.Values()), announced)
		}
		if _, ok := s.Deadline(); ok {
			t.Error("a session that has ended has a deadline")
		}
		s.Release()
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, store, s.ID()); got != "destroyed" {
			t.Errorf("store: %s, want destroyed", got)
		}
	})
}

// TestExpiryFromTheStore: the session is not live when it expires, as after a
// restart.
func TestExpiryFromTheStore(t *testing.T) {
	for name, get := range map[string]func(t *testing.T, m *session.Manager, sid, id string) *session.Session{
		"open": func(t *testing.T, m *session.Manager, sid, _ string) *session.Session { return open(t, m, sid) },
		"look up": func(t *testing.T, m *session.Manager, sid, _ string) *session.Session {
			s, err := m.Lookup(t.Context(), request(sid))
			if err != nil {
				t.Error(err)
			}
			return s
		},
		"adopt": func(t *testing.T, m *session.Manager, _, id string) *session.Session {
			s, err := m.Adopt(t.Context(), id)
			if err != nil && !errors.Is(err, session.ErrDestroyed) {
				t.Error(err)
			}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := session.NewMemory()
				m := newManager(store)
				s := login(t, m, nil, alice, session.Terms{Expiry: time.Hour})
				sid := cookieOf(m, s)
				s.Release()
				for _, step := range []struct {
					sleep time.Duration
					user  string
				}{{time.Hour - time.Second, "alice"}, {time.Second, ""}, {0, ""}} {
					time.Sleep(step.sleep)
					got := get(t, newManager(store), sid, s.ID())
					var user parley.User
					if got != nil {
						user = got.User()
						got.Release()
					}
					if user.ID() != step.user {
						t.Errorf("user = %v, want %q", user, step.user)
					}
				}
			})
		})
	}
}

func TestInactivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		m := newManager(store)
		s := login(t, m, nil, alice, session.Terms{Inactive: 30 * time.Minute, Expiry: 10 * time.Hour})
		defer s.Release()
		sid := cookieOf(m, s)
		w := &watcher{}
		_, stop := s.Watch(w)
		defer stop()
		for range 60 { // an hour of messages
			time.Sleep(time.Minute)
			for range 3 {
				s.Seen()
			}
		}
		if got, want := len(w.heard()), 20; got != want {
			t.Errorf("%d changes in two times the limit, want %d", got, want)
		}
		deadline, ok := s.Deadline()
		if want := time.Now().Add(30 * time.Minute); !ok || !deadline.Equal(want) {
			t.Errorf("deadline = %v, %v; want %v", deadline, ok, want)
		}
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := open(t, newManager(store), sid) // in another process
		if got, _ := other.Deadline(); !got.Equal(deadline) {
			t.Errorf("stored deadline = %v, want %v", got, deadline)
		}

		time.Sleep(30 * time.Minute)
		s.Seen() // too late
		if got, _ := s.Deadline(); !got.Equal(deadline) {
			t.Errorf("deadline = %v, want it to stay", got)
		}
		if back := open(t, m, sid); back.ID() == s.ID() {
			t.Error("the session goes on after 30 minutes without a message")
		}
	})
}

// TestActivityAfterALateLogin: a function may write what Seen has to move.
func TestActivityAfterALateLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(nil)
		s := open(t, m)
		defer s.Release()
		for _, text := range []string{`1`, `{"inactive":0}`, `{"inactive":600,"seen":%d}`, `{"inactive":60,"seen":%d}`} {
			if strings.Contains(text, "%d") {
				text = fmt.Sprintf(text, time.Now().Unix())
			}
			s.Seen()
			set(s, "_login", text)
			s.Seen()
		}
		time.Sleep(30 * time.Second)
		s.Seen()
		if got, ok := s.Deadline(); !ok || !got.Equal(time.Now().Add(time.Minute)) {
			t.Errorf("deadline = %v, %v; want in a minute", got, ok)
		}
	})
}

// TestActivityMovesNoExpiry: the earlier of both ends the session.
func TestActivityMovesNoExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(nil)
		s := login(t, m, nil, alice, session.Terms{Inactive: 10 * time.Minute, Expiry: 15 * time.Minute})
		defer s.Release()
		end := time.Now().Add(15 * time.Minute)
		time.Sleep(9 * time.Minute)
		s.Seen()
		if got, ok := s.Deadline(); !ok || !got.Equal(end) {
			t.Errorf("deadline = %v, %v; want %v", got, ok, end)
		}
		time.Sleep(6 * time.Minute)
		if back := open(t, m, cookieOf(m, s)); back.ID() == s.ID() {
			t.Error("the session goes on after its expiry")
		}
	})
}

// TestTermsAreNotCutShort: times are kept in seconds.
func TestTermsAreNotCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(nil)
		for _, terms := range []session.Terms{
			{Expiry: time.Millisecond},
			{Inactive: time.Millisecond},
			{Inactive: 1500 * time.Millisecond},
			{Expiry: math.MaxInt64},
			{Inactive: math.MaxInt64},
		} {
			time.Sleep(300 * time.Millisecond)
			s := login(t, m, nil, alice, terms)
			promised := time.Now().Add(terms.Expiry + terms.Inactive)
			if got, ok := s.Deadline(); !ok || got.Before(promised) || got.Sub(promised) > 2*time.Second {
				t.Errorf("%+v: deadline = %v, %v; want %v or a little later", terms, got, ok, promised)
			}
			s.Release()
		}
	})
}

// TestTermsThatFunctionsWrite: what makes no sense limits nothing, and what
// does holds at once.
func TestTermsThatFunctionsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(nil)
		now := time.Now().Unix()
		for text, limited := range map[string]bool{
			`null`: false, `7`: false, `"x"`: false, `[]`: false, `{}`: false, `{"by":"me"}`: false,
			`{"expires":"soon"}`: false, `{"expires":1.5}`: false, `{"expires":-1}`: false, `{"expires":1e300}`: false,
			`{"expires":9223372036854775807}`:                             false,
			`{"expires":1,"seen":"x"}`:                                    false,
			`{"inactive":9223372036854775807,"seen":9223372036854775807}`: false,
			`{"expires":0,"inactive":0}`:                                  false,
			fmt.Sprintf(`{"expires":%d}`, now+60):                         true,
			fmt.Sprintf(`{"inactive":60,"seen":%d}`, now):                 true,
			fmt.Sprintf(`{"inactive":60,"seen":%d,"more":[1]}`, now):      true,
		} {
			s := open(t, m)
			s.Seen()
			set(s, "_login", text, "user", `{"id":1}`)
			s.Seen()
			if got, ok := s.Deadline(); ok != limited || (ok && got.Unix() != now+60) {
				t.Errorf("%s: deadline = %v, %v; want %v", text, got, ok, limited)
			}
			if back := open(t, m, cookieOf(m, s)); back.ID() != s.ID() {
				t.Errorf("%s: the session has ended", text)
			}
		}
		s := open(t, m)
		set(s, "_login", fmt.Sprintf(`{"expires":%d}`, now-1))
		if back := open(t, m, cookieOf(m, s)); back.ID() == s.ID() {
			t.Error("a session that a function has let expire goes on")
		}
	})
}

func TestUserOfASession(t *testing.T) {
	m := newManager(nil)
	s := open(t, m)
	defer s.Release()
	if got := s.User(); got != nil {
		t.Errorf("user = %v, want nobody", got)
	}
	for text, want := range map[string]string{
		`{"id":"bob"}`: "bob", `{"id":7}`: "7", `{}`: "", `null`: "", `"bob"`: "", `["bob"]`: "",
	} {
		set(s, "user", text)
		if got := s.User(); got.ID() != want || (got != nil) != (want != "") {
			t.Errorf("%s: user = %v, want %q", text, got, want)
		}
	}
}

// TestLoginsAllAtOnce: of one session many are made, changed, looked up and
// destroyed at the same time. Nobody keeps what was destroyed, each change to a
// session that goes on is there in the end, and nothing is left in memory.
func TestLoginsAllAtOnce(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	end := run(t, m)
	const rounds, racers = 40, 3
	for range rounds {
		old := open(t, m)
		planted := cookieOf(m, old)
		set(old, "cart", "[1]", "user", `{"id":"bob"}`)
		ends, holders := make([]*ender, racers), make([]*session.Session, racers)
		for i := range racers {
			ends[i], holders[i] = &ender{}, open(t, m, planted)
			holders[i].OnEnd(ends[i])
		}
		var all sync.WaitGroup
		results := make([]*session.Session, racers)
		for i, holder := range holders {
			all.Go(func() {
				results[i] = login(t, m, holder, alice, session.Terms{Inactive: time.Hour})
				set(results[i], "mine", fmt.Sprint(i))
			})
			all.Go(func() {
				for k := range 20 {
					set(holder, fmt.Sprint("k", k), "1")
					holder.Seen()
					if s, err := m.Lookup(t.Context(), request(planted)); err != nil {
						t.Error(err)
					} else if s != nil {
						s.Release()
					}
				}
			})
			all.Go(func() { open(t, m, planted).Release() })
		}
		all.Wait()
		var gone sync.WaitGroup
		gone.Go(func() {
			if err := m.Destroy(t.Context(), results[0].ID()); err != nil {
				t.Error(err)
			}
		})
		gone.Go(func() { set(results[0], "late", "1") })
		gone.Go(func() { open(t, m, cookieOf(m, results[0])).Release() })
		gone.Wait()
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, s := range results {
			want := fmt.Sprintf("[1] %d", i)
			if i == 0 {
				want = "destroyed"
			}
			got := stored(t, store, s.ID())
			if got != "destroyed" {
				values := loaded(t, store, s.ID())
				got = string(values["cart"]) + " " + string(values["mine"])
			}
			if got != want {
				t.Errorf("login %d: stored %s, want %s", i, got, want)
			}
			s.Release()
		}
		if got := stored(t, store, old.ID()); got != "destroyed" {
			t.Errorf("the session before: stored %s, want destroyed", got)
		}
		for i, e := range ends {
			if e.told() != 1 {
				t.Errorf("holder %d was told %d times, want once", i, e.told())
			}
			holders[i].Release()
		}
		if values := old.Values(); strings.Contains(show(values), "bob") {
			t.Errorf("values before = %s, want no user", show(values))
		}
		old.Release()
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
}
