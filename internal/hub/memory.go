package hub

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"parley.example/parley"
)

// Memory is the Broker of a single node: a publication reaches the watchers
// before Publish returns, in one critical section per channel.
//
// A channel keeps its position while it is watched. After that its state is
// dropped and it gets another epoch; a publication to a channel that nobody
// watches is the only one of its epoch.
type Memory struct {
	seed   maphash.Seed  // set by NewMemory, then read-only
	epoch  atomic.Uint64 // the last one given away
	shards [shards]memoryShard
	dones  dones
}

// memoryShard guards the channels whose names hash to it. Its lock is never
// held while a channel's lock is, nor while a watcher is called.
type memoryShard struct {
	mu       sync.Mutex
	channels map[string]*memoryChannel
	closed   bool
	calls    sync.WaitGroup // Publish calls under way; Add under mu, unless closed

	_ [64]byte // keeps neighbours' locks on another cache line
}

type memoryChannel struct {
	watches int // owned by the shard's lock; the channel is dropped at 0

	mu       sync.Mutex // held while watchers are called
	at       parley.Position
	watchers []*watcher
}

type watcher struct {
	fn func(parley.Publication)
}

// NewMemory makes a Memory broker. Its epochs start at a random number, so
// that those of a later process differ.
func NewMemory() *Memory {
	b := &Memory{seed: maphash.MakeSeed()}
	b.epoch.Store(rand.Uint64())
	for i := range b.shards {
		b.shards[i].channels = map[string]*memoryChannel{}
	}
	return b
}

// Publish implements Broker: it calls the channel's watchers, and leaves done
// to another goroutine.
func (b *Memory) Publish(channel string, m parley.Message, done func(parley.Position, error)) {
	s := b.shard(channel)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		b.dones.add(done, parley.Position{}, parley.ErrDraining)
		return
	}
	s.calls.Add(1)
	c := s.channels[channel]
	s.mu.Unlock()
	defer s.calls.Done()

	var at parley.Position
	if c != nil {
		at = c.publish(channel, m)
	} else {
		at = parley.Position{Epoch: b.nextEpoch(), Offset: 1}
	}
	b.dones.add(done, at, nil)
}

func (c *memoryChannel) publish(channel string, m parley.Message) parley.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at.Offset++
	p := parley.Publication{Channel: channel, Position: c.at, Message: m}
	for _, w := range c.watchers {
		w.fn(p)
	}
	return p.Position
}

// Watch implements Broker. stop waits for a call of fn that is under way, so
// fn must not call it; calling it again does nothing.
func (b *Memory) Watch(channel string, fn func(parley.Publication)) (stop func()) {
	s := b.shard(channel)
	s.mu.Lock()
	c := s.channels[channel]
	if c == nil {
		c = &memoryChannel{at: parley.Position{Epoch: b.nextEpoch()}}
		s.channels[channel] = c
	}
	c.watches++
	s.mu.Unlock()

	w := &watcher{fn: fn}
	c.mu.Lock()
	c.watchers = append(c.watchers, w)
	c.mu.Unlock()

	return sync.OnceFunc(func() {
		c.mu.Lock()
		c.watchers = slices.DeleteFunc(c.watchers, func(x *watcher) bool { return x == w })
		c.mu.Unlock()

		s.mu.Lock()
		defer s.mu.Unlock()
		if c.watches--; c.watches == 0 {
			delete(s.channels, channel)
		}
	})
}

// Close implements Broker. It must not be called by a done or a watcher.
func (b *Memory) Close() error {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
	}
	for i := range b.shards {
		b.shards[i].calls.Wait()
	}
	b.dones.wait()
	return nil
}

func (b *Memory) shard(channel string) *memoryShard {
	return &b.shards[maphash.String(b.seed, channel)%shards]
}

// nextEpoch returns an epoch that no channel had before. 0 is none.
func (b *Memory) nextEpoch() uint64 {
	if e := b.epoch.Add(1); e != 0 {
		return e
	}
	return b.epoch.Add(1)
}
