package hub

import (
	"hash/maphash"
	"slices"
	"sync"
)

// shards is how many locks divide what all channels or members share.
const shards = 64

// An index knows the rooms of each member, for Leave. A room's gate is held
// while its membership changes here, so that both always agree.
type index struct {
	seed   maphash.Seed // set by newIndex, then read-only
	shards [shards]indexShard
}

type indexShard struct {
	mu    sync.Mutex
	rooms map[Member][]*room
}

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	for i := range x.shards {
		x.shards[i].rooms = map[Member][]*room{}
	}
	return x
}

func (x *index) shard(m Member) *indexShard {
	return &x.shards[maphash.Comparable(x.seed, m)%shards]
}

func (x *index) add(m Member, r *room) {
	s := x.shard(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[m] = append(s.rooms[m], r)
}

func (x *index) remove(m Member, r *room) {
	s := x.shard(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := s.rooms[m]
	i := slices.Index(rooms, r)
	if i < 0 {
		return
	}
	last := len(rooms) - 1
	if last == 0 {
		delete(s.rooms, m)
		return
	}
	rooms[i], rooms[last] = rooms[last], nil
	s.rooms[m] = rooms[:last]
}

// roomsOf returns a copy of m's rooms.
func (x *index) roomsOf(m Member) []*room {
	s := x.shard(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rooms[m])
}

// members returns how many members belong to a room.
func (x *index) members() int {
	n := 0
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.Lock()
		n += len(s.rooms)
		s.mu.Unlock()
	}
	return n
}
