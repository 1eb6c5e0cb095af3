package httpd

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const forever = time.Duration(math.MaxInt64)

// A gate is a listener that lets in a bounded number of connections, not
// counting those that were taken over. When they are that many, a new one
// takes another's place: see places.victim. While nobody can be asked to leave,
// nothing is accepted, and the system makes peers wait.
//
// When the process has no descriptors left, it waits until it has.
type gate struct {
	net.Listener                // set by newGate, then read-only, as are those that follow
	trusted      []netip.Prefix // proxies, which bring many clients
	log          *slog.Logger
	stats        *counters
	full         seldom
	shut         chan struct{} // closed by Close
	shutOnce     sync.Once
	moved        chan struct{} // holds one token: a connection has changed its state

	starvedAt time.Time // when there was no descriptor last; owned by Accept

	mu     sync.Mutex // guards all that follows
	places *places
	closed bool // silent connections are not wanted any more
}

func newGate(l net.Listener, s *Server) *gate {
	return &gate{
		Listener: l, trusted: s.opt.TrustedProxies, log: s.log, stats: &s.stats,
		full: seldom{every: time.Minute},
		shut: make(chan struct{}), moved: make(chan struct{}, 1),
		places: newPlaces(s.maxConns),
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
	from := g.client(conn)
	for {
		evicted, after, ok := g.enter(conn, from)
		if evicted != nil {
			evicted.Close()
			g.stats.evicted.Add(1)
		}
		if evicted != nil || !ok {
			if g.full.due("", time.Now()) {
				g.log.Warn("too many HTTP connections: those that have been silent longest are closed for new ones", "most", g.places.most)
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

// client returns the address that conn counts for; the zero Addr for a proxy.
func (g *gate) client(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if within(g.trusted, addr) {
		return netip.Addr{}
	}
	return countedAs(addr)
}

func (g *gate) enter(conn net.Conn, from netip.Addr) (evicted net.Conn, after time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, forever, false
	}
	return g.places.enter(conn, from, time.Now())
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
	switch state {
	case http.StateNew:
	case http.StateActive:
		g.places.move(conn, &g.places.busy, time.Now())
	case http.StateIdle:
		g.places.move(conn, &g.places.silent, time.Now())
	default:
		g.places.leave(conn)
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
	for at := g.places.silent.Front(); at != nil; at = at.Next() {
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
	return len(g.places.conns)
}
