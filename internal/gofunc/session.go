package gofunc

import (
	"encoding/json"
	"fmt"

	"parley.example/parley"
)

// A connSession is a Conn that is looked at as its session.
type connSession Conn

// ID is the session's id.
func (s *connSession) ID() string { return s.session.ID() }

// Get reads a value.
func (s *connSession) Get(key string, into any) (found bool, err error) {
	if s.over.Load() { // it may have been given back
		return false, parley.ErrClosed
	}
	value, found := s.session.Values()[key]
	if !found {
		return false, nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return true, fmt.Errorf("session: read %q: %w", key, err)
	}
	return true, nil
}

// Set keeps a value.
func (s *connSession) Set(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("session: set %q: %w", key, err)
	}
	return s.change(parley.SessionChange{Set: map[string]json.RawMessage{key: text}})
}

// Delete removes values.
func (s *connSession) Delete(keys ...string) error {
	return s.change(parley.SessionChange{Delete: keys})
}

func (s *connSession) change(change parley.SessionChange) error {
	if s.over.Load() {
		return parley.ErrClosed
	}
	s.effects.SetSession(change, nil)
	return nil
}
