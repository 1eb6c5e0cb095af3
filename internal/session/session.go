package session

import (
	"encoding/json"
	"sync/atomic"

	"parley.example/parley"
)

// A Session is one holder's grip on the live object of an id; it implements
// parley.SharedSession. Everybody who holds the same id sees the same values at
// once.
//
// After Release, Update does nothing, also if both are called at the same
// time; the other methods must not be called any more.
type Session struct {
	entry *entry // set by the Manager, then read-only

	// Owned by Manager.mu.
	ender    Ender // who hears of the end; nil if nobody does, or it was told
	place    int32 // in entry.others, of a grip with an ender that is not entry.first
	released bool

	fresh bool // set by the Manager, then read-only
}

var _ parley.SharedSession = (*Session)(nil)

// Fresh reports whether Open or Login made the id, so that the browser has yet
// to be told: SetCookie does that.
func (s *Session) Fresh() bool { return s.fresh }

// Release gives the session back. What was changed is still written. A second
// call does nothing.
func (s *Session) Release() { s.entry.manager.release(s) }

// ID implements parley.SharedSession, as do the methods below.
func (s *Session) ID() string { return s.entry.id }

// Values returns a copy of the map.
func (s *Session) Values() map[string]json.RawMessage {
	state := s.entry.state.Load()
	if state == nil {
		return map[string]json.RawMessage{}
	}
	return state.copyValues()
}

// Update applies change, tells the watchers and leaves the writing to Run. It
// sets before it deletes. A session that was destroyed, or left by a login,
// still shows the change to its holders, but never writes it.
func (s *Session) Update(change parley.SessionChange, by parley.SessionWatcher) {
	e := s.entry
	if e.manager.hold(s) {
		e.manager.letGo(e, e.needState().update(e.id, change, by))
	}
}

// Watch makes w hear of changes, under the session's lock.
func (s *Session) Watch(w parley.SessionWatcher) (values map[string]json.RawMessage, stop func()) {
	return s.entry.needState().watch(w)
}

// An entry is the live object of one id. There is one for every session that
// is held, and most hold nothing: it is kept small.
type entry struct {
	first   Session  // the grip of the first holder: no object of its own
	manager *Manager // set by newEntry, then read-only
	id      string   // likewise

	state atomic.Pointer[state] // nil until it is needed, then always the same

	// Owned by Manager.mu.
	others *[]*Session // grips with an ender, but for first; nil if there are none
	refs   int32       // holders, and updates under way
	queued bool        // stands in Manager.dirty
	saving bool        // its changes are on their way to the store
	dead   bool        // destroyed, or left by a login: nobody new gets it
	ended  bool        // its holders were told
}

// newEntry makes the entry of an id, held by its first grip.
func newEntry(m *Manager, id string) *entry {
	e := &entry{manager: m, id: id, refs: 1}
	e.first.entry = e
	return e
}

// needState returns the state, and makes it if there is none.
func (e *entry) needState() *state {
	if s := e.state.Load(); s != nil {
		return s
	}
	e.state.CompareAndSwap(nil, &state{})
	return e.state.Load()
}
