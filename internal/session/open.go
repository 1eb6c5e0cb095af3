package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Open returns the session whose id stands in r's cookie, or a new one if the
// cookie is missing or invalid, or its session has ended: an id that was not
// signed here is never adopted. A session that is past its Deadline ends with
// that. Open may wait for the store, at most until ctx ends, so it must not be
// called on a loop. An error means that the store did not answer.
//
// The session is held until its Release, which must be called exactly once.
// Calls for one request follow one another and get the same id, which Pages
// also gives to the browser; after a SetCookie in the page's header they get
// the session of that.
func (m *Manager) Open(ctx context.Context, r *http.Request) (*Session, error) {
	var s *Session
	id, fresh, err := m.choose(r, func(id string) (err error) {
		s, err = m.acquireTimely(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = m.acquireNew(id)
	}
	s.fresh = fresh
	return s, nil
}

// Lookup returns the session whose id stands in r's cookie, held as by Open; or
// nil without an error if the cookie is missing or invalid, or its session has
// ended or is past its Deadline. It makes no session and changes nothing, here,
// in the store or in the browser. It waits and fails like Open.
func (m *Manager) Lookup(ctx context.Context, r *http.Request) (*Session, error) {
	c, ok := m.readCookie(r)
	if !ok {
		return nil, nil
	}
	s, err := m.acquire(ctx, c.id)
	switch {
	case errors.Is(err, ErrDestroyed):
		return nil, nil
	case err != nil:
		return nil, opening(c.id, err)
	case s.late(time.Now()):
		s.Release()
		return nil, nil
	}
	return s, nil
}

// Adopt returns the session of an id that the server itself has kept, say with
// a ticket, held as by Open. The error is ErrDestroyed if the session has ended
// or is past its Deadline; otherwise it waits and fails like Open.
func (m *Manager) Adopt(ctx context.Context, id string) (*Session, error) {
	s, err := m.acquireTimely(ctx, id)
	return s, opening(id, err)
}

// Anonymous returns a new session, held as by Open, of which no cookie tells:
// it is not Fresh.
func (m *Manager) Anonymous() *Session { return m.acquireNew(newID()) }

// EnsureCookie is for answers to r by what cannot look at the session: the
// browser has one after it all the same. If Open would return a fresh session,
// EnsureCookie adds the Set-Cookie line of that to h, as SetCookie does.
// Nothing is held, and no values are read, so a Deadline is not looked at: it
// matters to those who look at the values, and ends the session for them. Else
// it waits and fails like Open.
func (m *Manager) EnsureCookie(ctx context.Context, h http.Header, r *http.Request, secure bool) error {
	id, fresh, err := m.choose(r, func(id string) error { return m.check(ctx, id) })
	if fresh {
		m.setCookie(h, id, secure)
	}
	return err
}

// choose returns the first id for r that try does not call destroyed: the one
// that the header of its page sets; the one in its cookie; that which an
// earlier call chose for its response; or a new one, which is not tried. fresh
// says that it does not come from the cookie.
func (m *Manager) choose(r *http.Request, try func(id string) error) (id string, fresh bool, err error) {
	c, _ := m.readCookie(r)
	p := pageOf(r)
	told, chosen := p.ids()
	for _, id := range [...]string{told, c.id, chosen} {
		if id == "" {
			continue
		}
		if err := try(id); !errors.Is(err, ErrDestroyed) {
			return id, err == nil && id != c.id, opening(id, err)
		}
	}
	id = newID()
	p.choose(id)
	return id, true, nil
}

func opening(id string, err error) error {
	if err != nil {
		return fmt.Errorf("opening session %s: %w", id, err)
	}
	return nil
}

// check returns ErrDestroyed, or why the store did not answer.
func (m *Manager) check(ctx context.Context, id string) error {
	m.mu.Lock()
	_, revoked := m.revoked[id]
	e := m.live[id]
	revoked = revoked || (e != nil && e.dead)
	m.mu.Unlock()
	switch {
	case revoked:
		return ErrDestroyed
	case e != nil:
		return nil
	}
	destroyed, err := m.store.Destroyed(ctx, id)
	if destroyed && err == nil {
		return ErrDestroyed
	}
	return err
}

// acquireTimely is acquire for a session that is not past its Deadline: one
// that is ends here.
func (m *Manager) acquireTimely(ctx context.Context, id string) (*Session, error) {
	s, err := m.acquire(ctx, id)
	if err != nil || !s.late(time.Now()) {
		return s, err
	}
	id = s.ID()
	m.end(id, true)
	s.Release()
	m.wakeUp() // the tombstone is written behind
	m.announce(id)
	return nil, ErrDestroyed
}

// newID returns 144 random bits.
func newID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails
	var text [idLen]byte
	base64.RawURLEncoding.Encode(text[:], b[:])
	return string(text[:])
}
