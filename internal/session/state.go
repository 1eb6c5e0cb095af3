package session

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
)

// A state is what a session has once something is stored in it or somebody
// watches it. It is safe for every goroutine.
type state struct {
	// mu is held while watchers are called: they hear the session's order.
	mu        sync.Mutex
	values    values
	watchers  []watching
	unsaved   map[string]json.RawMessage // changes not yet taken by a batch; nil is "deleted"
	destroyed bool                       // nothing is saved any more

	// quiet is the second since 1970 before which Session.Seen has nothing to
	// do. It is written with mu held, and read without.
	quiet atomic.Uint32
}

// watching is one watcher; it is told once, however often it watches.
type watching struct {
	watcher parley.SessionWatcher
	times   int
}

func (s *state) copyValues() map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values.copy()
}

// update reports whether there is something to write now. id is the session's.
func (s *state) update(id string, change parley.SessionChange, by parley.SessionWatcher) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(id, change, by)
	s.quiet.Store(0) // the login may be another one
	return len(s.unsaved) > 0
}

// apply is called with s.mu held.
func (s *state) apply(id string, change parley.SessionChange, by parley.SessionWatcher) {
	for key, value := range change.Set {
		if value == nil {
			value = json.RawMessage("null")
		}
		s.values.set(key, value)
		s.save(key, value)
	}
	for _, key := range change.Delete {
		s.values.delete(key)
		s.save(key, nil)
	}
	s.tell(id, change, by)
}

func (s *state) get(key string) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values.get(key)
}

// seen moves the login. It reports whether there is something to write now.
func (s *state) seen(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := parseLogin(s.values.get(loginKey))
	moved, quiet := l.move(now)
	s.quiet.Store(uint32(min(quiet, math.MaxUint32)))
	if moved {
		s.apply(id, parley.SessionChange{Set: map[string]json.RawMessage{loginKey: l.text()}}, nil)
	}
	return moved && len(s.unsaved) > 0
}

// save is called with s.mu held.
func (s *state) save(key string, value json.RawMessage) {
	if s.destroyed {
		return
	}
	if s.unsaved == nil {
		s.unsaved = map[string]json.RawMessage{}
	}
	s.unsaved[key] = value
}

// tell is called with s.mu held.
func (s *state) tell(id string, change parley.SessionChange, by parley.SessionWatcher) {
	for _, w := range s.watchers {
		w.watcher.SessionChanged(id, change, w.watcher == by)
	}
}

// watch returns the values, and what takes this watch back, once.
func (s *state) watch(w parley.SessionWatcher) (values map[string]json.RawMessage, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.watching(w); i >= 0 {
		s.watchers[i].times++
	} else {
		s.watchers = append(s.watchers, watching{w, 1})
	}
	stopped := false
	return s.values.copy(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !stopped {
			stopped = true
			s.unwatch(w)
		}
	}
}

// unwatch is called with s.mu held, as is watching.
func (s *state) unwatch(w parley.SessionWatcher) {
	i := s.watching(w)
	if s.watchers[i].times--; s.watchers[i].times == 0 {
		s.watchers = slices.Delete(s.watchers, i, i+1)
	}
}

// watching returns the place of w, or -1.
func (s *state) watching(w parley.SessionWatcher) int {
	return slices.IndexFunc(s.watchers, func(other watching) bool { return other.watcher == w })
}

// destroy empties the session for everybody who holds it.
func (s *state) destroy(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := parley.SessionChange{Delete: s.values.keys()}
	s.destroyed, s.values, s.unsaved = true, values{}, nil
	if len(gone.Delete) > 0 {
		s.tell(id, gone, nil)
	}
}

// retire leaves the session to those who hold it, without the user, and returns
// a copy of the rest. had says that there was a user.
func (s *state) retire(id string) (rest map[string]json.RawMessage, had bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	had = parley.ParseUser(s.values.get(userKey)) != nil
	var gone parley.SessionChange
	for _, key := range [...]string{userKey, loginKey} {
		if s.values.get(key) != nil {
			gone.Delete = append(gone.Delete, key)
		}
	}
	s.destroyed, s.unsaved = true, nil
	if len(gone.Delete) > 0 {
		s.apply(id, gone, nil)
	}
	return s.values.copy(), had
}

// take hands over what is to be written.
func (s *state) take() map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	unsaved := s.unsaved
	s.unsaved = nil
	return unsaved
}

// putBack returns what could not be written; what was changed since wins.
func (s *state) putBack(taken map[string]json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.destroyed || len(taken) == 0 {
		return
	}
	maps.Copy(taken, s.unsaved)
	s.unsaved = taken
}
