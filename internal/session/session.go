package session

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"sync/atomic"

	"parley.example/parley"
)

// A Session is one holder's grip on the live object of an id; it implements
// parley.Session. Everybody who holds the same id sees the same values at
// once. After Release no other method may be called.
type Session struct {
	entry    *entry   // set by Open, then read-only
	manager  *Manager // likewise
	fresh    bool     // likewise
	released atomic.Bool
}

var _ parley.Session = (*Session)(nil)

// Fresh reports whether Open made the id, so that the browser has yet to be
// told: SetCookie does that.
func (s *Session) Fresh() bool { return s.fresh }

// Release gives the session back. What was changed is still written. A second
// call does nothing.
func (s *Session) Release() {
	if !s.released.Swap(true) {
		s.manager.release(s.entry)
	}
}

// ID implements parley.Session, as do the methods below.
func (s *Session) ID() string { return s.entry.id }

// Values returns a copy of the map.
func (s *Session) Values() map[string]json.RawMessage {
	s.entry.mu.Lock()
	defer s.entry.mu.Unlock()
	return s.entry.copyValues()
}

// Update applies change, tells the watchers and leaves the writing to Run. It
// sets before it deletes. A session that was destroyed still shows the change
// to its holders, but never writes it.
func (s *Session) Update(change parley.SessionChange, by parley.SessionWatcher) {
	if s.entry.update(change, by) {
		s.manager.queue(s.entry)
	}
}

// Watch makes w hear of changes, under the session's lock.
func (s *Session) Watch(w parley.SessionWatcher) (values map[string]json.RawMessage, stop func()) {
	e := s.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watchers == nil {
		e.watchers = map[parley.SessionWatcher]int{}
	}
	e.watchers[w]++
	return e.copyValues(), sync.OnceFunc(func() { e.unwatch(w) })
}

// An entry is the live object of one id.
type entry struct {
	id string // set by its maker, then read-only

	ready  chan struct{} // closed when loaded; nil if there was nothing to load
	failed error         // why loading failed; set before ready is closed

	// Owned by Manager.mu.
	refs   int  // holders
	queued bool // stands in Manager.dirty
	saving bool // its changes are on their way to the store

	// mu is held while watchers are called: they hear the session's order.
	mu        sync.Mutex
	values    map[string]json.RawMessage
	watchers  map[parley.SessionWatcher]int
	unsaved   map[string]json.RawMessage // changes not yet taken by a batch; nil is "deleted"
	destroyed bool                       // nothing is saved any more
}

// loaded says how loading ended. It is called once.
func (e *entry) loaded(values map[string]json.RawMessage, err error) {
	e.failed = err
	e.mu.Lock()
	if !e.destroyed {
		e.values = values
	}
	e.mu.Unlock()
	close(e.ready)
}

// wait returns when e can be used, or why it cannot.
func (e *entry) wait(ctx context.Context) error {
	if e.ready != nil {
		select {
		case <-e.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if e.failed != nil {
			return e.failed
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.destroyed {
		return ErrDestroyed
	}
	return nil
}

// copyValues is called with e.mu held.
func (e *entry) copyValues() map[string]json.RawMessage {
	if e.values == nil {
		return map[string]json.RawMessage{}
	}
	return maps.Clone(e.values)
}

// update reports whether there is something to write now.
func (e *entry) update(change parley.SessionChange, by parley.SessionWatcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.values == nil {
		e.values = map[string]json.RawMessage{}
	}
	if e.unsaved == nil {
		e.unsaved = map[string]json.RawMessage{}
	}
	for key, value := range change.Set {
		if value == nil {
			value = json.RawMessage("null")
		}
		e.values[key], e.unsaved[key] = value, value
	}
	for _, key := range change.Delete {
		delete(e.values, key)
		e.unsaved[key] = nil
	}
	if e.destroyed {
		e.unsaved = nil
	}
	e.tell(change, by)
	return len(e.unsaved) > 0
}

// tell is called with e.mu held.
func (e *entry) tell(change parley.SessionChange, by parley.SessionWatcher) {
	for w := range e.watchers {
		w.SessionChanged(e.id, change, w == by)
	}
}

func (e *entry) unwatch(w parley.SessionWatcher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watchers[w]--; e.watchers[w] == 0 {
		delete(e.watchers, w)
	}
}

// destroy empties the session for everybody who holds it.
func (e *entry) destroy() {
	e.mu.Lock()
	defer e.mu.Unlock()
	var gone parley.SessionChange
	for key := range e.values {
		gone.Delete = append(gone.Delete, key)
	}
	e.destroyed, e.values, e.unsaved = true, nil, nil
	if len(gone.Delete) > 0 {
		e.tell(gone, nil)
	}
}

// take hands over what is to be written.
func (e *entry) take() map[string]json.RawMessage {
	e.mu.Lock()
	defer e.mu.Unlock()
	unsaved := e.unsaved
	e.unsaved = nil
	return unsaved
}

// putBack returns what could not be written; what was changed since wins.
func (e *entry) putBack(taken map[string]json.RawMessage) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.destroyed {
		return
	}
	maps.Copy(taken, e.unsaved)
	e.unsaved = taken
}
