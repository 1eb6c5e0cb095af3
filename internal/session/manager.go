package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Options of a Manager.
type Options struct {
	// Store keeps the values; nil means memory, for as long as the Manager
	// lives. The Manager does not close it.
	Store Store

	// Secret signs the cookies (LoadSecret makes one). Required. Whoever
	// knows it can take over any session.
	Secret []byte

	Cookie string        // the cookie's name; "" means "sid"
	Expiry time.Duration // how long a cookie is good for; 0 means 31 days
	Log    *slog.Logger  // nil means discard
}

const defaultExpiry = 31 * 24 * time.Hour

// A Manager hands out sessions and writes them behind. All methods are safe
// for concurrent use.
type Manager struct {
	store  Store         // set by New, then read-only
	secret []byte        // likewise
	cookie string        // likewise
	expiry time.Duration // likewise
	log    *slog.Logger  // likewise

	wake    chan struct{} // has an element if there is something to write
	writing chan struct{} // has an element while somebody calls store.Save

	// mu is never held together with an entry's lock.
	mu      sync.Mutex
	live    map[string]*entry
	dirty   []*entry            // live entries with changes for the next batch
	touched map[string]struct{} // ids whose cookie was renewed since the last batch
	revoked map[string]struct{} // destroyed ids whose tombstone is not in the store yet
}

// New makes a Manager without live sessions. It panics if opt.Secret is
// missing or opt.Cookie cannot be a cookie's name.
func New(opt Options) *Manager {
	if len(opt.Secret) == 0 {
		panic("session: Options.Secret is missing")
	}
	if opt.Cookie == "" {
		opt.Cookie = "sid"
	}
	if err := (&http.Cookie{Name: opt.Cookie}).Valid(); err != nil {
		panic(fmt.Sprintf("session: Options.Cookie %q: %v", opt.Cookie, err))
	}
	if opt.Store == nil {
		opt.Store = NewMemory()
	}
	if opt.Expiry == 0 {
		opt.Expiry = defaultExpiry
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Manager{
		store:   opt.Store,
		secret:  opt.Secret,
		cookie:  opt.Cookie,
		expiry:  opt.Expiry,
		log:     opt.Log,
		wake:    make(chan struct{}, 1),
		writing: make(chan struct{}, 1),
		live:    map[string]*entry{},
		touched: map[string]struct{}{},
		revoked: map[string]struct{}{},
	}
}

// Open returns the session whose id stands in r's cookie, or a new one if the
// cookie is missing, invalid or destroyed: an id that was not signed here is
// never adopted. It may wait for the store, at most until ctx ends, so it must
// not be called on a loop. An error means that the store did not answer.
//
// The session is held until its Release, which must be called exactly once.
// Calls for one request follow one another and get the same id, which Pages
// also gives to the browser.
func (m *Manager) Open(ctx context.Context, r *http.Request) (*Session, error) {
	if c, ok := m.readCookie(r); ok {
		e, err := m.acquire(ctx, c.id)
		if err == nil {
			return &Session{entry: e, manager: m}, nil
		}
		if !errors.Is(err, ErrDestroyed) {
			return nil, fmt.Errorf("opening session %s: %w", c.id, err)
		}
	}
	p := pageOf(r)
	if p != nil && p.chosen != "" {
		e, err := m.acquire(ctx, p.chosen)
		if err == nil {
			return &Session{entry: e, manager: m, fresh: true}, nil
		}
		if !errors.Is(err, ErrDestroyed) {
			return nil, fmt.Errorf("opening session %s: %w", p.chosen, err)
		}
	}
	id := newID()
	if p != nil {
		p.chosen = id
	}
	return &Session{entry: m.acquireNew(id), manager: m, fresh: true}, nil
}

// acquire returns the live entry of id and holds it. If there is none it loads
// one; whoever comes meanwhile waits for that.
func (m *Manager) acquire(ctx context.Context, id string) (*entry, error) {
	for {
		e, mine, err := m.hold(id)
		if err != nil {
			return nil, err
		}
		if mine {
			m.load(ctx, e)
		}
		err = e.wait(ctx)
		if err == nil {
			return e, nil
		}
		m.release(e)
		gaveUp := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
		if mine || !gaveUp || ctx.Err() != nil {
			return nil, err
		}
		// Only the one who was loading ran out of time: try again.
	}
}

// hold returns the live entry of id, with one reference more. mine says that
// it is new, and that the caller has to load it.
func (m *Manager) hold(id string) (e *entry, mine bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.revoked[id]; ok {
		return nil, false, ErrDestroyed
	}
	e = m.live[id]
	if e == nil {
		e, mine = &entry{id: id, ready: make(chan struct{})}, true
		m.live[id] = e
	}
	e.refs++
	return e, mine, nil
}

// load fills e from the store. If that fails nobody new finds e.
func (m *Manager) load(ctx context.Context, e *entry) {
	values, err := m.store.Load(ctx, e.id)
	if err != nil {
		m.mu.Lock()
		if m.live[e.id] == e {
			delete(m.live, e.id)
		}
		m.mu.Unlock()
	}
	e.loaded(values, err)
}

// acquireNew returns the entry of an id that nobody knows yet.
func (m *Manager) acquireNew(id string) *entry {
	e := &entry{id: id, refs: 1}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[id] = e
	return e
}

// release gives one reference back. An entry that nobody holds stays live
// until it has been written.
func (m *Manager) release(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.refs--
	m.dropIfIdle(e)
}

// dropIfIdle is called with m.mu held.
func (m *Manager) dropIfIdle(e *entry) {
	if e.refs == 0 && !e.queued && !e.saving && m.live[e.id] == e {
		delete(m.live, e.id)
	}
}

// Stats are the manager's figures at one moment.
type Stats struct {
	Live      int // sessions in memory
	Unwritten int // sessions with changes that no batch has taken yet
}

// Stats returns the figures of now.
func (m *Manager) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Stats{Live: len(m.live), Unwritten: len(m.dirty)}
}

// newID returns 144 random bits.
func newID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
