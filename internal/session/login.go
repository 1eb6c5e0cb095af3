package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"parley.example/parley"
)

// Keys of a session that mean something to the server.
const (
	userKey  = "user"   // who has logged in: a parley.User
	loginKey = "_login" // when, and for how long: a login
)

// Terms say how long a login lasts. A session is kept for as long as its cookie
// anyway.
type Terms struct {
	Expiry   time.Duration // from the login on; 0 means no limit
	Inactive time.Duration // without Session.Seen; likewise
	By       string        // the endpoint that has logged in
}

// Login returns a new session, held as by Open, in which user has logged in. It
// starts with a copy of old's values, if old is not nil. The browser is to be
// told of it by SetCookie.
//
// The id of old, which the caller holds and still has to release, opens nothing
// from now on: whoever planted it in the browser has nothing of the login. Who
// holds it keeps its values, but for the user, and nothing of it is written any
// more. If there was a user, its holders are told that it has ended.
//
// Login returns when the store knows, or has failed: then the login holds in
// this process, like any change, and is written when the store works again. An
// error means that nothing was done.
func (m *Manager) Login(ctx context.Context, old *Session, user parley.User, terms Terms) (*Session, error) {
	if len(user) == 0 {
		return nil, errors.New("logging in: no user")
	}
	text, err := json.Marshal(user)
	if err != nil {
		return nil, fmt.Errorf("logging in: user: %w", err)
	}
	values, hadUser := map[string]json.RawMessage{}, false
	if old != nil {
		if !m.refuse(old) {
			return nil, errors.New("logging in: the session before was released")
		}
		values, hadUser = old.entry.needState().retire(old.ID())
	}
	values[userKey] = text
	values[loginKey] = newLogin(terms, time.Now()).text()

	s := m.succeed(old, values)
	_ = m.Flush(ctx) // what fails is tried again, and logged, by Run
	if hadUser {
		m.end(old.ID(), false)
		m.announce(old.ID())
	}
	return s, nil
}

// refuse lets nobody new have old. It reports false if old was released.
func (m *Manager) refuse(old *Session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old.released {
		return false
	}
	old.entry.dead = true
	return true
}

// succeed makes a session with these values. The batch that writes it also
// writes the end of old, which may be nil: a crash leaves both or none.
func (m *Manager) succeed(old *Session, values map[string]json.RawMessage) *Session {
	e := newEntry(m, newID())
	e.first.fresh = true
	state := &state{unsaved: values}
	for key, value := range values {
		state.values.set(key, value)
	}
	e.state.Store(state)
	e.queued = true
	m.mu.Lock()
	if old != nil {
		m.revoked[old.ID()] = struct{}{}
	}
	m.live[e.id] = e
	m.dirty = append(m.dirty, e)
	m.mu.Unlock()
	m.wakeUp()
	return &e.first
}

// User is who has logged in, as things stand; nil if nobody has.
func (s *Session) User() parley.User { return s.entry.user() }

func (e *entry) user() parley.User {
	if state := e.state.Load(); state != nil {
		return parley.ParseUser(state.get(userKey))
	}
	return nil
}

// Deadline is when the terms of the login end the session, as things stand:
// Seen may move it. It is false if they do not. Nothing happens at that time by
// itself: Open, Lookup and Adopt refuse the session from then on.
func (s *Session) Deadline() (t time.Time, ok bool) {
	state := s.entry.state.Load()
	if state == nil {
		return time.Time{}, false
	}
	return parseLogin(state.get(loginKey)).deadline()
}

// late reports whether the session is past its Deadline.
func (s *Session) late(now time.Time) bool {
	deadline, ok := s.Deadline()
	return ok && !now.Before(deadline)
}

// Seen says that whoever has logged in is active, which moves Deadline where
// Terms.Inactive sets it. It may be called for every message: it changes the
// session after a tenth of that time at the earliest, so the session may end so
// much sooner. One that is past its Deadline stays so.
func (s *Session) Seen() {
	e := s.entry
	state := e.state.Load()
	if state == nil {
		return
	}
	now := time.Now()
	if now.Unix() < int64(state.quiet.Load()) || !e.manager.hold(s) {
		return
	}
	e.manager.letGo(e, state.seen(e.id, now))
}

// A login is what stands under loginKey. Its times are in seconds, since 1970
// where they are no durations; 0 is no limit.
type login struct {
	At       int64  `json:"at"`
	Expires  int64  `json:"expires"`
	Inactive int64  `json:"inactive"`
	Seen     int64  `json:"seen"`
	By       string `json:"by"`
}

// maxSeconds is more than any time that makes sense, and far from an overflow.
const maxSeconds = 1 << 40

func newLogin(terms Terms, now time.Time) login {
	l := login{At: now.Unix(), Seen: ceilUnix(now), By: terms.By}
	if terms.Expiry > 0 {
		l.Expires = ceilUnix(now.Add(terms.Expiry))
	}
	if terms.Inactive > 0 {
		l.Inactive = int64((terms.Inactive-1)/time.Second) + 1
	}
	return l
}

// ceilUnix rounds up: nobody's time is cut short.
func ceilUnix(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }

// parseLogin reads what may have been written by a function: what makes no
// sense is no login, and limits nothing.
func parseLogin(text json.RawMessage) login {
	if text == nil {
		return login{}
	}
	var l login
	if json.Unmarshal(text, &l) != nil {
		return login{}
	}
	for _, seconds := range [...]int64{l.At, l.Expires, l.Inactive, l.Seen} {
		if seconds < 0 || seconds > maxSeconds {
			return login{}
		}
	}
	return l
}

func (l login) text() json.RawMessage {
	text, _ := json.Marshal(l) // never fails
	return text
}

func (l login) deadline() (t time.Time, ok bool) {
	end := int64(math.MaxInt64)
	if l.Expires > 0 {
		end = l.Expires
	}
	if l.Inactive > 0 {
		end = min(end, l.Seen+l.Inactive)
	}
	if end == math.MaxInt64 {
		return time.Time{}, false
	}
	return time.Unix(end, 0), true
}

// move is Seen at now: it reports whether l has changed, and until when there
// is nothing to move.
func (l *login) move(now time.Time) (moved bool, quiet int64) {
	deadline, _ := l.deadline()
	if l.Inactive == 0 || !now.Before(deadline) {
		return false, math.MaxInt64
	}
	tenth := (l.Inactive + 9) / 10
	if moved = now.Unix() >= l.Seen+tenth; moved {
		l.Seen = ceilUnix(now)
	}
	return moved, l.Seen + tenth
}
