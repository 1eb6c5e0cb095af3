package session

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"
)

// Memory is a Store that lives as long as the process. It grows with the
// number of sessions in which an app has stored something and forgets them as
// they expire; a session without values takes no room.
type Memory struct {
	mu   sync.Mutex
	rows map[string]*row
}

type row struct {
	expires   time.Time
	values    map[string]json.RawMessage
	destroyed bool
}

// NewMemory makes an empty Memory store.
func NewMemory() *Memory { return &Memory{rows: map[string]*row{}} }

// Load implements Store, as do the other methods.
func (s *Memory) Load(_ context.Context, id string) (map[string]json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[id]
	switch {
	case r == nil:
		return nil, nil
	case r.destroyed:
		return nil, ErrDestroyed
	}
	return maps.Clone(r.values), nil
}

// Destroyed looks for a tombstone.
func (s *Memory) Destroyed(_ context.Context, id string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[id]
	return r != nil && r.destroyed, nil
}

// Save applies the changes.
func (s *Memory) Save(_ context.Context, changes []Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		s.save(c)
	}
	return nil
}

// save is called with s.mu held.
func (s *Memory) save(c Change) {
	r := s.rows[c.ID]
	if r == nil {
		r = &row{values: map[string]json.RawMessage{}}
	}
	if c.Expires.After(r.expires) {
		r.expires = c.Expires
	}
	if c.Destroy {
		r.destroyed, r.values = true, nil
	}
	if !r.destroyed {
		for key, value := range c.Values {
			if value == nil {
				delete(r.values, key)
			} else {
				r.values[key] = value
			}
		}
	}
	if len(r.values) == 0 && !r.destroyed {
		delete(s.rows, c.ID)
	} else {
		s.rows[c.ID] = r
	}
}

// Each lists the sessions of the moment at which it is called.
func (s *Memory) Each(ctx context.Context, fn func(Stored) error) error {
	for _, stored := range s.snapshot() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := fn(stored); err != nil {
			return err
		}
	}
	return nil
}

func (s *Memory) snapshot() []Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Stored
	for id, r := range s.rows {
		if !r.destroyed {
			all = append(all, Stored{ID: id, Expires: r.expires, Values: maps.Clone(r.values)})
		}
	}
	return all
}

// Purge forgets expired rows.
func (s *Memory) Purge(_ context.Context, now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.rows)
	maps.DeleteFunc(s.rows, func(_ string, r *row) bool { return r.expires.Before(now) })
	return before - len(s.rows), nil
}

// Close does nothing.
func (s *Memory) Close() error { return nil }
