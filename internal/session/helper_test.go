package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/session"
)

func newManager(store session.Store) *session.Manager {
	return session.New(session.Options{Store: store, Secrets: [][]byte{[]byte("for tests")}})
}

// open opens the session of the cookies, which are whole "name=value" texts.
func open(t *testing.T, m *session.Manager, cookies ...string) *session.Session {
	t.Helper()
	s, err := m.Open(t.Context(), request(cookies...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(cookies ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// cookieOf returns "name=value" as the browser would send it back.
func cookieOf(m *session.Manager, s *session.Session) string {
	h := http.Header{}
	m.SetCookie(h, s, false)
	text, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return text
}

// set changes a session by pairs of key and value; an empty value deletes.
func set(s parley.SharedSession, pairs ...string) {
	c := parley.SessionChange{Set: map[string]json.RawMessage{}}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			c.Delete = append(c.Delete, pairs[i])
		} else {
			c.Set[pairs[i]] = json.RawMessage(pairs[i+1])
		}
	}
	s.Update(c, nil)
}

func change(id string, pairs ...string) session.Change {
	c := session.Change{ID: id, Values: map[string]json.RawMessage{}}
	for i := 0; i < len(pairs); i += 2 {
		c.Values[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return c
}

func show(values map[string]json.RawMessage) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		out = append(out, key+"="+string(values[key]))
	}
	return strings.Join(out, " ")
}

// stored is what the store has.
func stored(t *testing.T, store session.Store, id string) string {
	t.Helper()
	values, err := store.Load(t.Context(), id)
	if errors.Is(err, session.ErrDestroyed) {
		return "destroyed"
	}
	if err != nil {
		t.Fatal(err)
	}
	return show(values)
}

// A watcher is a parley.SessionWatcher that remembers what it heard, one line
// a change.
type watcher struct {
	mu    sync.Mutex
	lines []string
}

func (w *watcher) SessionChanged(_ string, c parley.SessionChange, own bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(c.Delete)
	w.lines = append(w.lines, fmt.Sprintf("set %s delete %v own %v", show(c.Set), c.Delete, own))
}

func (w *watcher) heard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lines)
}

// A faultyStore is a Memory store whose calls can be made to fail or to wait.
type faultyStore struct {
	*session.Memory

	mu    sync.Mutex
	fault error         // what Save returns, and reading unless it is spared; nil for none
	spare bool          // reading works all the same
	saves int           // calls of Save, also those that failed
	loads int           // calls of Load, likewise
	gate  chan struct{} // if not nil, reading waits until it is closed
}

func newFaultyStore() *faultyStore { return &faultyStore{Memory: session.NewMemory()} }

func (s *faultyStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// failSave makes only Save fail.
func (s *faultyStore) failSave(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.spare = err, true
}

func (s *faultyStore) saved() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves
}

func (s *faultyStore) loaded() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

func (s *faultyStore) Load(ctx context.Context, id string) (map[string]json.RawMessage, error) {
	s.mu.Lock()
	s.loads++
	s.mu.Unlock()
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.Memory.Load(ctx, id)
}

func (s *faultyStore) Destroyed(ctx context.Context, id string) (bool, error) {
	if err := s.reading(ctx); err != nil {
		return false, err
	}
	return s.Memory.Destroyed(ctx, id)
}

// reading waits and fails as it was told to.
func (s *faultyStore) reading(ctx context.Context) error {
	s.mu.Lock()
	fault, spare, gate := s.fault, s.spare, s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if spare {
		return nil
	}
	return fault
}

func (s *faultyStore) Save(ctx context.Context, changes []session.Change) error {
	s.mu.Lock()
	s.saves++
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		return fault
	}
	return s.Memory.Save(ctx, changes)
}
