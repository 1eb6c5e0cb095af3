// Package hubtest holds the fake Broker and the suite that every Broker
// passes.
package hubtest

import (
	"sync"

	"parley.example/parley"
)

// A Broker is a hub.Broker that delivers nothing by itself: it remembers what
// was published, and a test delivers with Deliver. It is safe for concurrent
// use.
type Broker struct {
	mu        sync.Mutex
	published []parley.Publication
	watchers  map[string]map[int]func(parley.Publication)
	next      int
	closed    bool
	dones     sync.WaitGroup
}

// Publish remembers m under the channel's next offset and calls done from
// another goroutine.
func (b *Broker) Publish(channel string, m parley.Message, done func(parley.Position, error)) {
	b.mu.Lock()
	var err error
	var at parley.Position
	if b.closed {
		err = parley.ErrDraining
	} else {
		at = parley.Position{Epoch: 1, Offset: 1}
		for _, p := range b.published {
			if p.Channel == channel {
				at.Offset++
			}
		}
		b.published = append(b.published, parley.Publication{Channel: channel, Position: at, Message: m})
	}
	b.mu.Unlock()
	if done != nil {
		b.dones.Go(func() { done(at, err) })
	}
}

// Watch registers fn for Deliver.
func (b *Broker) Watch(channel string, fn func(parley.Publication)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers == nil {
		b.watchers = map[string]map[int]func(parley.Publication){}
	}
	if b.watchers[channel] == nil {
		b.watchers[channel] = map[int]func(parley.Publication){}
	}
	id := b.next
	b.next++
	b.watchers[channel][id] = fn
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers[channel], id)
	}
}

// Deliver hands p to whoever watches its channel, and returns how many did.
func (b *Broker) Deliver(p parley.Publication) int {
	b.mu.Lock()
	var fns []func(parley.Publication)
	for _, fn := range b.watchers[p.Channel] {
		fns = append(fns, fn)
	}
	b.mu.Unlock()
	for _, fn := range fns {
		fn(p)
	}
	return len(fns)
}

// Published returns what was published so far, in order.
func (b *Broker) Published() []parley.Publication {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]parley.Publication(nil), b.published...)
}

// Close makes later publications end with parley.ErrDraining. No Publish may
// be under way.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.dones.Wait()
	return nil
}
