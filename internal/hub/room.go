package hub

import (
	"sync"

	"parley.example/parley"
)

// A room is one channel that has members on this node. It watches the channel
// from its first member to its last and is then over: the next member gets a
// new room.
type room struct {
	hub     *Hub   // set by Hub.room, then read-only
	channel string // likewise

	// gate is held while the membership changes, and so around the broker's
	// Watch and stop. See Hub for the order of the locks.
	gate sync.Mutex
	stop func() // ends the watch; nil before the first member
	over bool   // the last member has left

	// mu is held by each change of the members and by each fan-out.
	mu      sync.Mutex
	members []Member       // in no order
	at      map[Member]int // where each stands in members
}

// subscribe adds m, unless it is a member already. It reports ok = false if
// the room is over, and whether m is the one with which the channel begins.
func (r *room) subscribe(m Member) (began, ok bool) {
	r.gate.Lock()
	defer r.gate.Unlock()
	if r.over {
		return false, false
	}
	if !r.add(m) {
		return false, true
	}
	r.hub.index.add(m, r)
	r.hub.counts.subscriptions.Add(1)
	if r.stop != nil {
		return false, true
	}
	r.stop = r.hub.broker.Watch(r.channel, r.deliver)
	r.hub.counts.channels.Add(1)
	return true, true
}

// unsubscribe removes m, if it is a member. The last one ends the room, which
// it reports.
func (r *room) unsubscribe(m Member) (ended bool) {
	r.gate.Lock()
	defer r.gate.Unlock()
	removed, left := r.remove(m)
	if !removed {
		return false
	}
	r.hub.index.remove(m, r)
	r.hub.counts.subscriptions.Add(-1)
	if left > 0 {
		return false
	}
	r.over = true
	r.stop()
	r.hub.rooms.CompareAndDelete(r.channel, r)
	r.hub.counts.channels.Add(-1)
	return true
}

func (r *room) add(m Member) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.at[m]; ok {
		return false
	}
	if r.at == nil {
		r.at = map[Member]int{}
	}
	r.at[m] = len(r.members)
	r.members = append(r.members, m)
	return true
}

// remove takes m out by putting the last member in its place.
func (r *room) remove(m Member) (removed bool, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.at[m]
	if !ok {
		return false, len(r.members)
	}
	last := len(r.members) - 1
	moved := r.members[last]
	r.members[i], r.at[moved] = moved, i
	r.members[last] = nil
	r.members = r.members[:last]
	delete(r.at, m)
	return true, last
}

// deliver hands one publication to all members. The broker calls it in the
// channel's order, one at a time.
func (r *room) deliver(p parley.Publication) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.members) == 0 {
		return
	}
	f := r.hub.prepare(p.Message)
	for _, m := range r.members {
		m.Deliver(f)
	}
	r.hub.counts.deliveries.Add(uint64(len(r.members)))
}
