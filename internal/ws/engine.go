package ws

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
)

// Options are the engine's. The zero value is useful.
type Options struct {
	// How often a silent peer is pinged, and after how long a silence it is
	// closed as stale. 0 means 25 s and 50 s, negative never.
	PingEvery, StaleAfter time.Duration

	// CloseTimeout is how long a peer has to answer a close frame. 0, or
	// less, means 5 s.
	CloseTimeout time.Duration

	MaxConns int          // 0 means nine tenths of the descriptors that the process may open
	Log      *slog.Logger // nil means discard
}

// An Engine keeps WebSockets. Its methods are safe for every goroutine.
type Engine struct {
	// Set by New, then read-only.
	pingEvery, staleAfter time.Duration // negative: never
	closeTimeout          time.Duration
	maxConns              int
	log                   *slog.Logger
	began                 time.Time
	buffers               *buffers

	lastID   atomic.Uint64
	counters counters

	mu       sync.Mutex // guards all that follows
	conns    map[*Conn]struct{}
	places   int // connections, and handshakes on their way to be one
	closed   map[parley.CloseCode]uint64
	draining *drain // nil until Shutdown
}

// New makes an engine. It has nothing running until it has a connection.
func New(opt Options) *Engine {
	e := &Engine{
		pingEvery:    opt.PingEvery,
		staleAfter:   opt.StaleAfter,
		closeTimeout: opt.CloseTimeout,
		maxConns:     opt.MaxConns,
		log:          opt.Log,
		began:        time.Now(),
		buffers:      newBuffers(),
		conns:        map[*Conn]struct{}{},
		closed:       map[parley.CloseCode]uint64{},
	}
	if e.pingEvery == 0 {
		e.pingEvery = 25 * time.Second
	}
	if e.staleAfter == 0 {
		e.staleAfter = 50 * time.Second
	}
	if e.closeTimeout <= 0 {
		e.closeTimeout = 5 * time.Second
	}
	if e.maxConns == 0 {
		e.maxConns = int(min(descriptorLimit(), math.MaxInt32) / 10 * 9)
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	return e
}

// NewID returns an id that no connection of this engine has had.
func (e *Engine) NewID() parley.ConnID { return parley.ConnID(e.lastID.Add(1)) }

// now is the time since New.
func (e *Engine) now() time.Duration { return time.Since(e.began) }

// full returns why the engine takes no more connections, or nil.
func (e *Engine) full() *HandshakeError {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refusal()
}

// refusal is full; mu is held.
func (e *Engine) refusal() *HandshakeError {
	switch {
	case e.draining != nil:
		return unavailable("the server is stopping", parley.ErrDraining)
	case e.places >= e.maxConns:
		return unavailable("the server has all the connections it can have", parley.ErrUnavailable)
	}
	return nil
}

// reserve takes a place for a connection; add and then remove, or else release,
// give it back.
func (e *Engine) reserve() *HandshakeError {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.refusal(); err != nil {
		return err
	}
	e.places++
	return nil
}

func (e *Engine) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.places--
	if e.draining != nil && e.places == 0 {
		close(e.draining.done)
	}
}

// add puts c, which has a place, on the list. If the engine drains, the caller
// is to end c with what it returns.
func (e *Engine) add(c *Conn) *drain {
	e.counters.accepted.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns[c] = struct{}{}
	return e.draining
}

// remove is a reader's last word.
func (e *Engine) remove(c *Conn) {
	c.mu.Lock()
	code := c.code
	c.mu.Unlock()
	e.mu.Lock()
	delete(e.conns, c)
	e.closed[code]++
	e.mu.Unlock()
	e.release()
}

// A drain is a Shutdown under way.
type drain struct {
	code   parley.CloseCode
	reason string
	cut    atomic.Bool   // time is up
	done   chan struct{} // closed when no place is taken
}

func (d *drain) end(c *Conn) {
	c.Close(d.code, d.reason)
	if d.cut.Load() {
		c.cut()
	}
}

// Shutdown refuses new connections, closes all others with code and reason,
// and waits until each OnClose has returned and its connection is gone. When
// ctx ends first, it cuts what is left and returns an error once that has
// ended too. After Shutdown no goroutine of the engine is left. A second call
// waits for the same end.
func (e *Engine) Shutdown(ctx context.Context, code parley.CloseCode, reason string) error {
	d, conns := e.drain(code, reason)
	for _, c := range conns {
		d.end(c)
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
	}
	d.cut.Store(true)
	_, left := e.drain(code, reason)
	for _, c := range left {
		d.end(c)
	}
	<-d.done
	return fmt.Errorf("close all connections: %d cut: %w", len(left), context.Cause(ctx))
}

// drain makes the engine refuse new connections, and returns those it has.
func (e *Engine) drain(code parley.CloseCode, reason string) (*drain, []*Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining == nil {
		e.draining = &drain{code: code, reason: reason, done: make(chan struct{})}
		if e.places == 0 {
			close(e.draining.done)
		}
	}
	conns := make([]*Conn, 0, len(e.conns))
	for c := range e.conns {
		conns = append(conns, c)
	}
	return e.draining, conns
}
