package ws

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"parley.example/parley"
)

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
// evenly spread over a time, and waits until each OnClose has returned and its
// connection is gone. When ctx ends first, it cuts what is left and returns an
// error once that has ended too. A second call waits for the same end.
func (e *Engine) Shutdown(ctx context.Context, code parley.CloseCode, reason string, over time.Duration) error {
	d := e.drain(code, reason)
	e.closeAll(ctx, d, over)
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
	}
	return fmt.Errorf("close all connections: %d cut: %w", e.cut(d), context.Cause(ctx))
}

// cut cuts every connection that is left, and returns how many they were once
// they have ended.
func (e *Engine) cut(d *drain) int {
	d.cut.Store(true)
	left := e.all()
	for _, c := range left {
		d.end(c)
	}
	<-d.done
	return len(left)
}

// Close cuts the connections that a Shutdown has left, or would find, and
// returns when nothing of the engine is running any more. Streams (see
// Loop.Attach) are waited for: whoever has attached them ends them first.
func (e *Engine) Close() {
	e.cut(e.drain(parley.CloseGoingAway, ""))
	for _, l := range e.loops {
		l.join()
	}
}

// pace is between two batches of closings.
const pace = 10 * time.Millisecond

// closeAll closes every connection, in batches if that may take a while.
func (e *Engine) closeAll(ctx context.Context, d *drain, over time.Duration) {
	conns := e.all()
	batches := max(1, min(int(over/pace), len(conns)))
	if batches == 1 {
		for _, c := range conns {
			d.end(c)
		}
		return
	}
	tick := time.NewTicker(over / time.Duration(batches))
	defer tick.Stop()
	for i := range batches {
		for _, c := range conns[len(conns)*i/batches : len(conns)*(i+1)/batches] {
			d.end(c)
		}
		select {
		case <-tick.C:
		case <-d.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// drain makes the engine refuse new connections.
func (e *Engine) drain(code parley.CloseCode, reason string) *drain {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.draining.Load()
	if d == nil {
		d = &drain{code: code, reason: reason, done: make(chan struct{})}
		e.draining.Store(d)
		if e.places == 0 {
			e.allGone(d)
		}
	}
	return d
}

// allGone ends what runs: no connection will come any more. mu is held.
func (e *Engine) allGone(d *drain) {
	close(d.done)
	e.hands.close()
	for _, l := range e.loops {
		l.stop()
	}
}

// all returns the connections of now.
func (e *Engine) all() []*Conn {
	e.mu.Lock()
	conns := make([]*Conn, 0, e.open)
	for c := range e.conns {
		conns = append(conns, c)
	}
	e.mu.Unlock()
	for _, l := range e.loops {
		conns = append(conns, l.all()...)
	}
	return conns
}
