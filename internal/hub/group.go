package hub

import "sync"

// A group is those members of a room that have one home, or those that have
// none. What is published is posted to the home once for all of them.
type group struct {
	room *room // set by room.groupOf, then read-only
	home Home  // likewise; nil: they get what is published at once

	mu      sync.Mutex // held by each change of the members and while they are delivered to
	members []place    // in no order
	frames  []Frame    // what Receive works with; empty between calls
}

// A place is one member's in its group.
type place struct {
	member Member
	since  uint64 // the room's count when it came: what has a higher number is for it
}

// A numbered frame is a publication on its way to a group.
type numbered struct {
	frame  Frame
	number uint64 // in its room, from 1
}

// Receive hands publications to all members that were there when they were
// published. items are *numbered.
func (g *group) Receive(items []any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, item := range items {
		g.frames = append(g.frames, item.(*numbered).frame)
	}
	first := items[0].(*numbered).number
	last := items[len(items)-1].(*numbered).number
	delivered := 0
	for _, p := range g.members {
		late := 0 // how many of the items were published before it came
		if p.since >= first {
			late = int(min(p.since, last) - first + 1)
		}
		if late < len(items) {
			p.member.Deliver(g.frames[late:])
			delivered += len(items) - late
		}
	}
	clear(g.frames)
	g.frames = g.frames[:0]
	g.room.hub.counts.deliveries.Add(uint64(delivered))
}

// add makes m a member from now on, and returns its place.
func (g *group) add(m Member, since uint64) (at int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = append(g.members, place{member: m, since: since})
	return len(g.members) - 1
}

// remove empties a place by putting the last member there, which it returns;
// nil if it was the last.
func (g *group) remove(at int) (moved Member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.members) - 1
	if at != last {
		g.members[at] = g.members[last]
		moved = g.members[at].member
	}
	g.members[last] = place{}
	g.members = g.members[:last]
	return moved
}
