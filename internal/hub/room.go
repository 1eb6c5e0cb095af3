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

	mu     sync.Mutex // guards what follows
	count  uint64     // publications so far
	groups []*group
	at     map[Member]seat
}

// A seat is where a member stands.
type seat struct {
	group *group
	at    int // in group.members
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
		r.at = map[Member]seat{}
	}
	g := r.groupOf(m.Home())
	r.at[m] = seat{group: g, at: g.add(m, r.count)}
	return true
}

// groupOf returns the group of a home; mu is held.
func (r *room) groupOf(home Home) *group {
	for _, g := range r.groups {
		if g.home == home {
			return g
		}
	}
	g := &group{room: r, home: home}
	r.groups = append(r.groups, g)
	return g
}

func (r *room) remove(m Member) (removed bool, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.at[m]
	if !ok {
		return false, len(r.at)
	}
	delete(r.at, m)
	if moved := s.group.remove(s.at); moved != nil {
		r.at[moved] = s
	}
	return true, len(r.at)
}

// deliver hands one publication to all members, by way of their homes. The
// broker calls it in the channel's order, one at a time.
func (r *room) deliver(p parley.Publication) {
	r.mu.Lock()
	r.count++
	number, groups, empty := r.count, r.groups, len(r.at) == 0
	r.mu.Unlock()
	if empty {
		return
	}
	n := &numbered{frame: r.hub.prepare(p.Message), number: number}
	for _, g := range groups {
		if g.home != nil {
			g.home.Post(g, n)
		} else {
			g.Receive([]any{n})
		}
	}
}
