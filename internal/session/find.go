package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"parley.example/parley"
)

// IsID reports whether text could be a session's id.
func IsID(text string) bool {
	id, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(id) == idBytes && len(text) == idLen
}

// Revoke destroys the session of id, whether anything is known of it or not: a
// cookie that is still about opens nothing. It reports whether something was
// known: somebody holds the session here, or the store has it. What is no id is
// unknown, and left at that.
func (m *Manager) Revoke(ctx context.Context, id string) (known bool, err error) {
	if !IsID(id) {
		return false, nil
	}
	if known, err = m.knows(ctx, id); err != nil {
		err = fmt.Errorf("looking for session %s: %w", id, err)
	}
	return known, errors.Join(err, m.Destroy(ctx, id))
}

// RevokeUser destroys every session in which the user of this id has logged in,
// of those that the store has and those that are held here, and returns how many
// there were. After an error it has destroyed what it could find.
func (m *Manager) RevokeUser(ctx context.Context, userID string) (n int, err error) {
	return m.revoke(ctx, func(u parley.User) bool { return userID != "" && u.ID() == userID })
}

// RevokeAll destroys all sessions of which anything is known. Ids that browsers
// hold and of which nothing is known stay valid: there is nothing behind them.
func (m *Manager) RevokeAll(ctx context.Context) (n int, err error) {
	return m.revoke(ctx, func(parley.User) bool { return true })
}

func (m *Manager) revoke(ctx context.Context, match func(parley.User) bool) (n int, err error) {
	ids := map[string]struct{}{}
	// What is released meanwhile was written before it is looked for.
	err = m.Flush(ctx)
	for _, e := range m.held() {
		if match(e.user()) {
			ids[e.id] = struct{}{}
		}
	}
	err = errors.Join(err, m.store.Each(ctx, func(s Stored) error {
		if match(parley.ParseUser(s.Values[userKey])) {
			ids[s.ID] = struct{}{}
		}
		return nil
	}))
	if err != nil {
		err = fmt.Errorf("looking for sessions: %w", err)
	}
	for id := range ids {
		m.end(id, true)
	}
	if len(ids) > 0 {
		m.wakeUp()
		err = errors.Join(err, m.Flush(ctx))
	}
	for id := range ids {
		m.announce(id)
	}
	return len(ids), err
}

// held returns the sessions that are live and have not ended.
func (m *Manager) held() []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	entries := make([]*entry, 0, len(m.live))
	for _, e := range m.live {
		if !e.dead {
			entries = append(entries, e)
		}
	}
	return entries
}

// knows reports whether somebody holds the session of id here, or the store has
// values of it.
func (m *Manager) knows(ctx context.Context, id string) (bool, error) {
	m.mu.Lock()
	_, ended := m.revoked[id]
	e := m.live[id]
	ended = ended || e != nil && e.dead
	m.mu.Unlock()
	if ended || e != nil {
		return !ended, nil
	}
	values, err := m.store.Load(ctx, id)
	if errors.Is(err, ErrDestroyed) {
		err = nil
	}
	return len(values) > 0, err
}

// A Summary is what an operator sees of a session.
type Summary struct {
	ID      string
	User    parley.User // who has logged in; nil if nobody has
	Login   time.Time   // when, if through a login page; else zero
	Expires time.Time   // when its cookie does
	Ends    time.Time   // when it ends unless something is done: then, or with the login
}

// Summaries returns what store has of the sessions that have not ended, in no
// order.
func Summaries(ctx context.Context, store Store) ([]Summary, error) {
	var list []Summary
	now := time.Now()
	err := store.Each(ctx, func(stored Stored) error {
		s := Summary{
			ID: stored.ID, User: parley.ParseUser(stored.Values[userKey]),
			Expires: stored.Expires, Ends: stored.Expires,
		}
		l := parseLogin(stored.Values[loginKey])
		if l.At > 0 {
			s.Login = time.Unix(l.At, 0)
		}
		if deadline, limited := l.deadline(); limited && deadline.Before(s.Ends) {
			s.Ends = deadline
		}
		if now.Before(s.Ends) {
			list = append(list, s)
		}
		return nil
	})
	return list, err
}
