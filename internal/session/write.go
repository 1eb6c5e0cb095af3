package session

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	// writeDelay is how long the first change waits for others. It leaves the
	// other half of the promised 100 ms to the store.
	writeDelay = 50 * time.Millisecond

	purgeEvery = time.Hour
	retryMin   = 100 * time.Millisecond // between writes that went wrong; doubles
	retryMax   = 5 * time.Second
	lastChance = 5 * time.Second // for all writing after Run's ctx has ended
)

// Run writes changes to the store, at most 100 ms after they were made if the
// store keeps up, and purges what has expired, at the start and every hour.
// What the store refuses is logged, kept and tried again. When ctx ends, Run
// writes what is left, and returns nil if that worked: changes made after its
// return are written by Flush only. Call it once.
func (m *Manager) Run(ctx context.Context) error {
	m.purge(ctx)
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			return m.finish(context.WithoutCancel(ctx))
		case <-purge.C:
			m.purge(ctx)
		case <-m.wake:
			if sleep(ctx, writeDelay) {
				_ = m.write(ctx) // logged there; what ctx cuts short is left to finish
			}
		}
	}
}

// write flushes until it works or ctx ends.
func (m *Manager) write(ctx context.Context) error {
	for wait := retryMin; ; wait = min(2*wait, retryMax) {
		err := m.Flush(ctx)
		if err == nil && wait > retryMin {
			m.log.Info("sessions are saved again")
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		m.log.Error("sessions are not saved; trying again", "err", err, "backoff", wait)
		if !sleep(ctx, wait) {
			return err
		}
	}
}

func (m *Manager) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastChance)
	defer cancel()
	if err := m.write(ctx); err != nil {
		return fmt.Errorf("saving sessions at the end: %w", err)
	}
	return nil
}

func (m *Manager) purge(ctx context.Context) {
	n, err := m.store.Purge(ctx, time.Now())
	switch {
	case err != nil && ctx.Err() == nil:
		m.log.Error("purging expired sessions", "err", err)
	case n > 0:
		m.log.Debug("purged expired sessions", "sessions", n)
	}
}

// Flush writes every change made before it was called, and returns when the
// store has them, or why it has not; they are then kept for the next time.
func (m *Manager) Flush(ctx context.Context) error {
	select {
	case m.writing <- struct{}{}:
		defer func() { <-m.writing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	b := m.takeBatch()
	var err error
	if len(b.changes) > 0 {
		err = m.store.Save(ctx, b.changes)
	}
	m.endBatch(b, err)
	return err
}

// touch keeps the row of id, if there is one, as long as a cookie of now.
func (m *Manager) touch(id string) {
	id = strings.Clone(id) // it may be a part of something large
	m.mu.Lock()
	m.touched[id] = struct{}{}
	m.mu.Unlock()
	m.wakeUp()
}

func (m *Manager) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// A batch is what one Save writes.
type batch struct {
	changes []Change

	entries []*entry                     // with a state
	taken   []map[string]json.RawMessage // of entries
	touched map[string]struct{}
	revoked []string
}

func (m *Manager) takeBatch() batch {
	expires := time.Now().Add(m.expiry)
	b := m.takeQueues()
	for _, id := range b.revoked {
		b.changes = append(b.changes, Change{ID: id, Expires: expires, Destroy: true})
	}
	for id := range b.touched {
		b.changes = append(b.changes, Change{ID: id, Expires: expires})
	}
	for _, e := range b.entries {
		taken := e.state.Load().take()
		b.taken = append(b.taken, taken)
		if len(taken) > 0 {
			b.changes = append(b.changes, Change{ID: e.id, Expires: expires, Values: taken})
		}
	}
	return b
}

func (m *Manager) takeQueues() batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := batch{entries: m.dirty, touched: m.touched}
	for id := range m.revoked {
		b.revoked = append(b.revoked, id)
	}
	for _, e := range m.dirty {
		e.queued, e.saving = false, true
	}
	m.dirty = nil
	m.touched = map[string]struct{}{}
	return b
}

// endBatch forgets what was written, or puts everything back after an error.
func (m *Manager) endBatch(b batch, err error) {
	if err != nil {
		for i, e := range b.entries {
			e.state.Load().putBack(b.taken[i])
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		for _, id := range b.revoked {
			delete(m.revoked, id)
		}
	}
	for id := range b.touched {
		if err != nil {
			m.touched[id] = struct{}{}
		}
	}
	for _, e := range b.entries {
		e.saving = false
		if err != nil && !e.queued {
			e.queued = true
			m.dirty = append(m.dirty, e)
		}
		m.dropIfIdle(e)
	}
	if err != nil {
		m.wakeUp()
	}
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
