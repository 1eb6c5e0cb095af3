// Package calltest holds the fakes of package call's contracts and the suite
// that every runtime passes.
package calltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// Effects is a call.Effects that remembers what it was asked, one line a call:
// `write text "hi"`, `close 1000 "bye"`, `ping "x"`, `subscribe "lobby"`,
// `unsubscribe "lobby"`, `publish "lobby" text "hi"`, `session set=[a b]
// delete=[c]`, `log "line"`, `done 5`, `fail on_message: ValueError: no`,
// `ended`. It is safe for concurrent use.
type Effects struct {
	Session parley.SharedSession // where SetSession goes; nil means nowhere

	mu      sync.Mutex
	closed  bool
	lines   []string
	changed chan struct{} // closed and replaced at each new line
}

// Lines returns what was emitted so far.
func (e *Effects) Lines() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.lines)
}

// Changed returns a channel that is closed at the next line.
func (e *Effects) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return e.changed
}

func (e *Effects) addf(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, fmt.Sprintf(format, args...))
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// Gone says that there is no peer any more, as Close does: what is to be written
// is parley.ErrClosed, and not remembered.
func (e *Effects) Gone() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
}

func (e *Effects) toPeer(format string, args ...any) error {
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return parley.ErrClosed
	}
	e.addf(format, args...)
	return nil
}

// Write implements call.Effects, as do the other methods.
func (e *Effects) Write(kind parley.Kind, data []byte) error {
	return e.toPeer("write %s %q", kind, data)
}

// Close remembers code and reason.
func (e *Effects) Close(code parley.CloseCode, reason string) {
	e.addf("close %s %q", code, reason)
	e.Gone()
}

// Ping remembers data.
func (e *Effects) Ping(data []byte) error { return e.toPeer("ping %q", data) }

// Subscribe remembers the channel.
func (e *Effects) Subscribe(channel string) { e.addf("subscribe %q", channel) }

// Unsubscribe remembers the channel.
func (e *Effects) Unsubscribe(channel string) { e.addf("unsubscribe %q", channel) }

// Publish remembers channel and message.
func (e *Effects) Publish(channel string, m parley.Message) {
	e.addf("publish %q %s %q", channel, m.Kind, m.Data)
}

// SetSession remembers the keys and updates Session.
func (e *Effects) SetSession(change parley.SessionChange, by parley.SessionWatcher) {
	e.addf("session set=%v delete=%v", slices.Sorted(maps.Keys(change.Set)), change.Delete)
	if e.Session != nil {
		e.Session.Update(change, by)
	}
}

// Log remembers the line.
func (e *Effects) Log(line string) { e.addf("log %q", line) }

// Done remembers the size.
func (e *Effects) Done(n int) { e.addf("done %d", n) }

// Fail remembers the error without its traceback.
func (e *Effects) Fail(err *call.FunctionError) { e.addf("fail %s", err.Error()) }

// WhenDrained calls fn at once: this outbox is always empty.
func (e *Effects) WhenDrained(fn func()) { fn() }

// Ended remembers the end.
func (e *Effects) Ended() { e.addf("ended") }

// Session is a parley.SharedSession in memory. It is safe for concurrent use.
type Session struct {
	Name string // what ID returns

	mu       sync.Mutex
	values   map[string]json.RawMessage
	watchers map[parley.SessionWatcher]int
}

// ID implements parley.SharedSession, as do the other methods.
func (s *Session) ID() string { return s.Name }

// Values returns a copy of the values.
func (s *Session) Values() map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.values)
}

// Update applies change and tells the watchers.
func (s *Session) Update(change parley.SessionChange, by parley.SessionWatcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]json.RawMessage{}
	}
	maps.Copy(s.values, change.Set)
	for _, key := range change.Delete {
		delete(s.values, key)
	}
	for w := range s.watchers {
		w.SessionChanged(s.Name, change, w == by)
	}
}

// Watch adds w and returns a copy of the values.
func (s *Session) Watch(w parley.SessionWatcher) (values map[string]json.RawMessage, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers == nil {
		s.watchers = map[parley.SessionWatcher]int{}
	}
	s.watchers[w]++
	return maps.Clone(s.values), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.watchers[w]--; s.watchers[w] == 0 {
			delete(s.watchers, w)
		}
	}
}

// Watchers returns how many watch it.
func (s *Session) Watchers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watchers)
}

// String shows the values in key order, for test output.
func (s *Session) String() string {
	values := s.Values()
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s=%s ", key, values[key])
	}
	return strings.TrimSpace(b.String())
}
