package hub

import "parley.example/parley"

// A Broker carries publications between nodes and gives each its position.
// All methods are safe for concurrent use.
type Broker interface {
	// Publish never waits: it may be called on a loop. Calls for one channel
	// that follow one another are delivered in that order; all watchers of a
	// channel, on all nodes, see the same order. done, if not nil, is called
	// once, never from within Publish and never under a lock, when the
	// broker has accepted the message or knows that it will not. m.Data must
	// not change afterwards.
	Publish(channel string, m parley.Message, done func(parley.Position, error))

	// Watch calls fn for each later publication of channel, in position order
	// and one at a time, until stop has returned. fn must not block, and must
	// not call the broker for the same channel.
	Watch(channel string, fn func(parley.Publication)) (stop func())

	// Close stops the broker: what was accepted is delivered, later
	// publications end with parley.ErrDraining. It waits for every done.
	Close() error
}
