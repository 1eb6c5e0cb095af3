package httpd

import (
	"container/list"
	"net"
	"net/netip"
	"time"
)

const (
	// silentFor is how long a connection has to have been silent before it may
	// be closed for another: long enough for a handshake of TLS and a request.
	silentFor = time.Second

	// busyFor is the same for one whose request is being answered.
	busyFor = time.Minute

	// greedyPart of all places is what one client may have before its silent
	// connections are closed first, and at any age.
	greedyPart = 8
)

// places are what a gate's connections have, up to a number. They are not safe
// for concurrent use.
type places struct {
	most   int
	conns  map[net.Conn]*list.Element // in one of the lists, where their value is a place
	silent list.List                  // before and between requests, the longest first
	busy   list.List                  // during them, likewise
	shares map[netip.Addr]int         // how many each client has; only those above 0
	greedy int                        // clients that have more than their part
}

// A place is what is known of a connection.
type place struct {
	conn  net.Conn
	from  netip.Addr // the client; the zero Addr for nobody in particular
	since time.Time  // when it came into its list
}

func newPlaces(most int) *places {
	return &places{most: most, conns: map[net.Conn]*list.Element{}, shares: map[netip.Addr]int{}}
}

// enter gives conn a place, which another may have lost for it: that is for the
// caller to close. Without a place for conn, there may be one after a while, or
// when another connection changes.
func (p *places) enter(conn net.Conn, from netip.Addr, now time.Time) (evicted net.Conn, after time.Duration, ok bool) {
	if len(p.conns) >= p.most {
		var at *list.Element
		if at, after = p.victim(now); at == nil {
			return nil, after, false
		}
		evicted = at.Value.(place).conn
		p.leave(evicted)
	}
	p.conns[conn] = p.silent.PushBack(place{conn, from, now})
	p.share(from, 1)
	return evicted, 0, true
}

// victim finds who has to leave: of a greedy client the connection that has
// been silent longest; of all the one that has been silent longest, or busy
// longest, if that is long. If there is none, after is when there will be.
func (p *places) victim(now time.Time) (at *list.Element, after time.Duration) {
	if p.greedy > 0 {
		for at := p.silent.Front(); at != nil; at = at.Next() {
			if p.isGreedy(at.Value.(place).from) {
				return at, 0
			}
		}
	}
	after = forever
	for _, from := range []struct {
		list *list.List
		age  time.Duration
	}{{&p.silent, silentFor}, {&p.busy, busyFor}} {
		at := from.list.Front()
		if at == nil {
			continue
		}
		left := from.age - now.Sub(at.Value.(place).since)
		if left <= 0 {
			return at, 0
		}
		after = min(after, left)
	}
	return nil, after
}

// move puts conn, if it has a place, at the end of a list.
func (p *places) move(conn net.Conn, to *list.List, now time.Time) {
	at := p.conns[conn]
	if at == nil {
		return
	}
	from := at.Value.(place).from
	p.remove(at)
	p.conns[conn] = to.PushBack(place{conn, from, now})
}

// leave takes away conn's place, if it has one.
func (p *places) leave(conn net.Conn) {
	at := p.conns[conn]
	if at == nil {
		return
	}
	p.remove(at)
	delete(p.conns, conn)
	p.share(at.Value.(place).from, -1)
}

// remove takes at out of the list that it is in.
func (p *places) remove(at *list.Element) {
	p.silent.Remove(at)
	p.busy.Remove(at)
}

// share counts a client's places.
func (p *places) share(from netip.Addr, change int) {
	if !from.IsValid() {
		return
	}
	before := p.isGreedy(from)
	p.shares[from] += change
	switch after := p.isGreedy(from); {
	case after && !before:
		p.greedy++
	case before && !after:
		p.greedy--
	}
	if p.shares[from] == 0 {
		delete(p.shares, from)
	}
}

func (p *places) isGreedy(from netip.Addr) bool {
	return p.shares[from] > max(1, p.most/greedyPart)
}
