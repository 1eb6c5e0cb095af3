package httpd

import (
	"container/list"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// silentFor is how long a connection has to have been silent before it may
	// be closed for another: long enough for a handshake of TLS and a request.
	silentFor = time.Second

	// busyFor is the same for one whose request is being answered.
	busyFor = time.Minute

	forever = time.Duration(math.MaxInt64)
)

// A gate is a listener that lets in a bounded number of connections, not
// counting those that were taken over. When they are that many, a new one
// takes the place of the one that has been silent longest, and if none has,
// of the one that is being answered longest. While all are too young for that,
// nothing is accepted, and the system makes peers wait.
//
// When the process has no descriptors left, it waits until it has.
type gate struct {
	net.Listener // set by newGate, then read-only, as are those that follow
	most         int
	log          *slog.Logger
	stats        *counters
	full         seldom
	shut         chan struct{} // closed by Close
	shutOnce     sync.Once
	moved        chan struct{} // holds one token: a connection has changed its state

	starvedAt time.Time // when there was no descriptor last; owned by Accept

	mu     sync.Mutex                 // guards all that follows
	conns  map[net.Conn]*list.Element // in one of the lists, where their value is a place
	silent list.List                  // before and between requests, the longest first
	busy   list.List                  // during them, likewise
	closed bool                       // silent ones are not wanted any more
}

// A place is what a gate knows of a connection.
type place struct {
	conn  net.Conn
	since time.Time // when it came into its list
}

func newGate(l net.Listener, most int, log *slog.Logger, stats *counters) *gate {
	return &gate{
		Listener: l, most: most, log: log, stats: stats,
		full: seldom{every: time.Minute},
		shut: make(chan struct{}), moved: make(chan struct{}, 1),
		conns: map[net.Conn]*list.Element{},
	}
}

// Accept is net.Listener's. One goroutine at a time may call it.
func (g *gate) Accept() (net.Conn, error) {
	const first, most = 5 * time.Millisecond, time.Second
	for retry := first; ; retry = min(2*retry, most) {
		conn, err := g.Listener.Accept()
		switch {
		case err == nil && g.admit(conn):
			g.stats.accepted.Add(1)
			return conn, nil
		case err == nil:
			conn.Close()
			return nil, net.ErrClosed
		case !starved(err):
			return nil, err
		}
		g.logStarved(err)
		if !g.wait(nil, retry) {
			return nil, net.ErrClosed
		}
	}
}

// Close is net.Listener's. It also ends an Accept that waits.
func (g *gate) Close() error {
	g.shutOnce.Do(func() { close(g.shut) })
	return g.Listener.Close()
}

// starved reports whether accepting failed for want of something that may be
// there again soon.
func starved(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// logStarved writes one line for a spell of failures, however often one
// succeeds in between.
func (g *gate) logStarved(err error) {
	g.stats.starved.Add(1)
	now := time.Now()
	if now.Sub(g.starvedAt) > time.Minute {
		g.log.Error("new connections have to wait: raise the number of files that parley may open (ulimit -n), or lower app.limits.connections",
			"err", err)
	}
	g.starvedAt = now
}

// admit waits until conn has its place; false means that the gate was closed.
func (g *gate) admit(conn net.Conn) bool {
	for {
		evicted, after, ok := g.enter(conn, time.Now())
		if evicted != nil {
			evicted.Close()
			g.stats.evicted.Add(1)
		}
		if evicted != nil || !ok {
			if g.full.due("", time.Now()) {
				g.log.Warn("too many HTTP connections: those that have been silent longest are closed for new ones", "most", g.most)
			}
		}
		if ok {
			return true
		}
		if !g.wait(g.moved, after) {
			return false
		}
	}
}

// enter gives conn a place, which another may have to leave: the caller closes
// that. If there is none, one can be had after a while, if not before.
func (g *gate) enter(conn net.Conn, now time.Time) (evicted net.Conn, after time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, forever, false
	}
	if len(g.conns) >= g.most {
		if evicted, after = g.evict(now); evicted == nil {
			return nil, after, false
		}
	}
	g.conns[conn] = g.silent.PushBack(place{conn, now})
	return evicted, 0, true
}

// evict takes a place away, or says after which time it could. mu is held.
func (g *gate) evict(now time.Time) (evicted net.Conn, after time.Duration) {
	after = forever
	for _, from := range []struct {
		list *list.List
		age  time.Duration
	}{{&g.silent, silentFor}, {&g.busy, busyFor}} {
		first := from.list.Front()
		if first == nil {
			continue
		}
		p := first.Value.(place)
		if left := from.age - now.Sub(p.since); left > 0 {
			after = min(after, left)
			continue
		}
		from.list.Remove(first)
		delete(g.conns, p.conn)
		return p.conn, 0
	}
	return nil, after
}

// wait waits for a token or until time has passed; false means that the gate
// was closed.
func (g *gate) wait(token <-chan struct{}, atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-token:
	case <-timer.C:
	case <-g.shut:
		return false
	}
	return true
}

// changed is http.Server's ConnState.
func (g *gate) changed(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	g.mu.Lock()
	late := g.closed && state == http.StateNew
	if at := g.conns[conn]; at != nil && state != http.StateNew {
		g.silent.Remove(at) // removes from the list that it is in, as does the next
		g.busy.Remove(at)
		switch state {
		case http.StateActive:
			g.conns[conn] = g.busy.PushBack(place{conn, time.Now()})
		case http.StateIdle:
			g.conns[conn] = g.silent.PushBack(place{conn, time.Now()})
		default:
			delete(g.conns, conn)
		}
	}
	g.mu.Unlock()
	select {
	case g.moved <- struct{}{}:
	default:
	}
	if late {
		conn.Close()
	}
}

// closeSilent closes all connections that wait for nothing. Browsers open such
// ahead of need, and net/http would wait seconds for them at the end.
func (g *gate) closeSilent() {
	g.mu.Lock()
	g.closed = true
	var conns []net.Conn
	for at := g.silent.Front(); at != nil; at = at.Next() {
		conns = append(conns, at.Value.(place).conn)
	}
	g.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
}

// open returns how many connections there are.
func (g *gate) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}
