package session

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of a Manager.
type Options struct {
	// Store keeps the values; nil means memory, for as long as the Manager
	// lives. The Manager does not close it.
	Store Store

	// Secrets sign the cookies (LoadSecret makes one): the first signs, and
	// what any of them has signed is good. At least one is required. Whoever
	// knows one can take over any session.
	Secrets [][]byte

	Cookie string        // the cookie's name over HTTP; "" means "sid"
	Domain string        // whose hosts all get the cookie; "" means only the one that sets it
	Expiry time.Duration // how long a cookie is good for; 0 means 31 days
	Log    *slog.Logger  // nil means discard

	// Announce carries word that the session of id has ended to every node,
	// where it calls Ended; this node may be among them. It must not wait, and
	// is called from any goroutine. nil means that there is no other node.
	Announce func(id string)
}

const defaultExpiry = 31 * 24 * time.Hour

// A Manager hands out sessions and writes them behind. All methods are safe
// for concurrent use.
type Manager struct {
	store   Store         // set by New, then read-only
	expiry  time.Duration // likewise
	log     *slog.Logger  // likewise
	signers sync.Pool     // of *signer

	plain, secure form            // set by New, then read-only: the cookie over HTTP and HTTPS
	announce      func(id string) // likewise

	wake    chan struct{} // has an element if there is something to write
	writing chan struct{} // has an element while somebody calls store.Save

	// mu is never held together with a state's lock.
	mu      sync.Mutex
	live    map[string]*entry
	loading map[string]*load    // of ids that are not live
	dirty   []*entry            // with changes for the next batch
	touched map[string]struct{} // ids whose cookie was renewed since the last batch
	revoked map[string]struct{} // destroyed ids whose tombstone is not in the store yet
}

// New makes a Manager without live sessions. It panics if a secret is missing
// or empty, or if there can be no cookie of that name and domain.
func New(opt Options) *Manager {
	if len(opt.Secrets) == 0 || slices.ContainsFunc(opt.Secrets, func(s []byte) bool { return len(s) == 0 }) {
		panic("session: a secret is missing in Options.Secrets")
	}
	if opt.Cookie == "" {
		opt.Cookie = "sid"
	}
	if err := (&http.Cookie{Name: opt.Cookie, Domain: opt.Domain}).Valid(); err != nil {
		panic(fmt.Sprintf("session: Options.Cookie %q, Domain %q: %v", opt.Cookie, opt.Domain, err))
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
	if opt.Announce == nil {
		opt.Announce = func(string) {}
	}
	return &Manager{
		store:   opt.Store,
		expiry:  opt.Expiry,
		log:     opt.Log,
		signers: sync.Pool{New: func() any { return newSigner(opt.Secrets, opt.Cookie) }},

		plain:    newForm(opt, false),
		secure:   newForm(opt, true),
		announce: opt.Announce,

		wake:    make(chan struct{}, 1),
		writing: make(chan struct{}, 1),
		live:    map[string]*entry{},
		loading: map[string]*load{},
		touched: map[string]struct{}{},
		revoked: map[string]struct{}{},
	}
}

// acquire returns a grip on the live session of id. If there is none it loads
// one; whoever comes meanwhile waits for that.
func (m *Manager) acquire(ctx context.Context, id string) (*Session, error) {
	for {
		s, loading, err := m.find(id)
		switch {
		case s != nil || err != nil:
			return s, err
		case loading == nil:
			return m.load(ctx, id)
		}
		select {
		case <-loading: // which may have failed, and its session be released again
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// A load is a session on its way from the store. Manager.mu guards it.
type load struct {
	destroyed bool          // meanwhile
	done      chan struct{} // closed when it has ended; nil if nobody waits for that
}

// find returns a grip on the live session of id. If there is none it returns
// what is closed when somebody's load has ended; or, if nobody loads it, only
// nil: the caller must then call load.
func (m *Manager) find(id string) (s *Session, loading <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.revoked[id]; ok {
		return nil, nil, ErrDestroyed
	}
	if e := m.live[id]; e != nil {
		if e.dead {
			return nil, nil, ErrDestroyed
		}
		e.refs++
		return &Session{entry: e}, nil, nil
	}
	l := m.loading[id]
	if l == nil {
		m.loading[id] = &load{}
		return nil, nil, nil
	}
	if l.done == nil {
		l.done = make(chan struct{})
	}
	return nil, l.done, nil
}

// load makes the session of id live, with what the store has of it.
func (m *Manager) load(ctx context.Context, id string) (*Session, error) {
	stored, err := m.store.Load(ctx, id)
	e := newEntry(m, strings.Clone(id)) // id may be a part of something large
	if len(stored) > 0 {
		e.state.Store(&state{values: valuesOf(stored)})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.loading[id]
	delete(m.loading, id)
	if l.done != nil {
		close(l.done)
	}
	if err == nil && l.destroyed {
		err = ErrDestroyed
	}
	if err != nil {
		return nil, err
	}
	m.live[e.id] = e
	return &e.first, nil
}

// acquireNew returns a grip on the session of an id that nobody knows yet.
func (m *Manager) acquireNew(id string) *Session {
	e := newEntry(m, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[id] = e
	return &e.first
}

// hold keeps s's entry live until letGo. It reports false if s was released.
func (m *Manager) hold(s *Session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.released {
		return false
	}
	s.entry.refs++
	return true
}

// letGo ends a hold. changed puts e in the next batch.
func (m *Manager) letGo(e *entry, changed bool) {
	m.mu.Lock()
	e.refs--
	if changed && !e.queued {
		e.queued = true
		m.dirty = append(m.dirty, e)
	}
	m.dropIfIdle(e)
	m.mu.Unlock()
	if changed {
		m.wakeUp()
	}
}

// release ends what s holds. An entry that nobody holds stays live until it
// has been written.
func (m *Manager) release(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !s.released {
		s.released = true
		s.entry.forget(s)
		s.entry.refs--
		m.dropIfIdle(s.entry)
	}
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
