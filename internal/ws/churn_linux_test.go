//go:build amd64 || arm64

package ws_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// TestChurn opens and closes 100,000 connections while other goroutines write
// to them, to those that have ended too. Every frame carries the number of its
// connection and its place among what was sent to it, and the peers check: no
// frame goes to another descriptor's heir, none is lost before a close frame,
// none overtakes another. Nothing is left in the end.
func TestChurn(t *testing.T) {
	for _, tc := range []struct {
		name  string
		opt   ws.Options
		conns int
	}{
		{"one loop", ws.Options{Driver: ws.Epoll, Loops: 1}, 50_000},
		{"three loops", ws.Options{Driver: ws.Epoll, Loops: 3}, 50_000},
		{"goroutines", ws.Options{Driver: ws.Goroutine}, 5_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tcpPair(t) // what package net opens once is open now
			c := &churn{t: t, conns: int64(tc.conns), work: make(chan *member, 64)}
			descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
			c.run(tc.opt)
			eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
			eventually(t, "all descriptors are closed", func() bool { return openDescriptors(t) <= descriptors })
		})
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

// A churn is one run of TestChurn.
type churn struct {
	t       *testing.T
	conns   int64 // in all
	engine  *ws.Engine
	adopts  *net.TCPAddr // connects to a WebSocket at once
	shakes  *net.TCPAddr // is HTTP
	begun   atomic.Int64 // connections that peers have begun
	work    chan *member // those that writers are to write to next
	members [256]atomic.Pointer[member]
}

func (c *churn) run(opt ws.Options) {
	c.engine = ws.New(opt)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := c.engine.Accept(w, r, ws.Accept{Handler: &member{churn: c}}); err != nil {
			c.t.Error(err)
		}
	}))
	c.adopts, c.shakes = l.Addr().(*net.TCPAddr), web.Listener.Addr().(*net.TCPAddr)
	var accepting, writing, dialling sync.WaitGroup
	for range 2 {
		accepting.Go(func() { c.accept(l) })
	}
	for i := range 4 {
		writing.Go(func() { c.write(rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	for i := range 16 {
		dialling.Go(func() { c.dial(rand.New(rand.NewPCG(uint64(i), 2))) })
	}
	dialling.Wait()
	eventually(c.t, "all connections are accepted and end", func() bool {
		n := c.engine.Stats()
		return n.Accepted == uint64(c.conns) && n.Open == 0
	})
	l.Close()
	web.Close()
	accepting.Wait()
	close(c.work)
	writing.Wait()
	n := c.engine.Stats()
	if err := c.engine.Shutdown(c.t.Context(), parley.CloseGoingAway, "", 0); err != nil {
		c.t.Error(err)
	}
	for code, times := range n.Closed {
		if !slices.Contains([]parley.CloseCode{1000, 1002, 1006, closedByWriter}, code) {
			c.t.Errorf("%d connections closed with %v", times, code)
		}
	}
	c.t.Logf("closed: %v, messages in %d, out %d", n.Closed, n.MessagesIn, n.MessagesOut)
}

// accept adopts connections until the listener is closed.
func (c *churn) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := c.engine.Adopt(nc, nil, ws.Accept{Handler: &member{churn: c}}); err != nil {
			c.t.Error(err)
			nc.Close()
		}
	}
}

// write writes to connections that are new, and to some that may be gone.
func (c *churn) write(random *rand.Rand) {
	for m := range c.work {
		m.act(random)
		for range 3 {
			if m := c.members[random.IntN(len(c.members))].Load(); m != nil {
				m.act(random)
			}
		}
	}
}

// closedByWriter is the code of all closings that do not answer the peer.
const closedByWriter = 4711

// A member is the handler of one connection and what is known of what was sent
// to it.
type member struct {
	churn *churn
	id    uint64 // set by OnOpen, as is conn

	mu   sync.Mutex // held while something is sent
	conn *ws.Conn
	sent uint32 // frames so far, all numbered
}

// OnOpen lets the writers have the connection before it has said anything.
func (m *member) OnOpen(c *ws.Conn) {
	m.conn, m.id = c, uint64(c.ID())
	m.churn.members[m.id%uint64(len(m.churn.members))].Store(m)
	select {
	case m.churn.work <- m:
	default:
	}
	m.send(10)
}

// OnMessage is given the connection's number and what to do.
func (m *member) OnMessage(_ *ws.Conn, _ parley.Kind, data []byte) {
	if len(data) != 9 || binary.BigEndian.Uint64(data) != m.id {
		m.churn.t.Errorf("connection %d got a message %x", m.id, data)
		return
	}
	if data[8] == 'c' {
		m.close()
	} else {
		m.send(20)
	}
}

func (m *member) OnPong(*ws.Conn, []byte) {}

func (m *member) OnClose(*ws.Conn, parley.CloseCode, string) { m.send(0) }

// frame is the payload of the next frame; m.mu is held.
func (m *member) frame(padding int) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 12+padding), m.id)
	b = binary.BigEndian.AppendUint32(b, m.sent+1)
	return append(b, make([]byte, padding)...)
}

func (m *member) send(padding int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn.Send(parley.Binary, m.frame(padding)) == nil {
		m.sent++
	}
}

func (m *member) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn.Close(closedByWriter, fmt.Sprint(m.id, " ", m.sent))
}

// act does something that a goroutine may do with a connection.
func (m *member) act(random *rand.Rand) {
	switch what := random.IntN(20); {
	case what == 0:
		m.close()
	case what < 5:
		m.send(random.IntN(200))
	case what < 10:
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.conn.Ping(m.frame(random.IntN(100))) == nil {
			m.sent++
		}
	default:
		m.mu.Lock()
		defer m.mu.Unlock()
		padding := random.IntN(200)
		if what == 10 {
			padding = 8000
		}
		p := ws.Prepare(parley.Message{Kind: parley.Binary, Data: m.frame(padding)})
		if l := m.conn.Loop(); l != nil && what < 16 {
			l.Post(room{}, posted{m.conn, p})
			m.sent++ // or the connection has ended, and nothing more is sent
			return
		} else if l != nil {
			l.Settle()
		}
		m.sent += uint32(m.conn.SendPrepared(p))
	}
}

// A room hands on what was posted.
type room struct{}

type posted struct {
	conn  *ws.Conn
	frame *ws.Prepared
}

// Receive implements ws.Receiver.
func (room) Receive(items []any) {
	for _, item := range items {
		p := item.(posted)
		p.conn.SendPrepared(p.frame)
	}
}

// dial is one peer after the other, until there have been enough.
func (c *churn) dial(random *rand.Rand) {
	for c.begun.Add(1) <= c.conns {
		address, shake := c.adopts, random.IntN(20) == 0
		if shake {
			address = c.shakes
		}
		p, err := dialRaw(address)
		if err == nil && shake {
			err = p.shake()
		}
		if err != nil {
			c.t.Error(err)
			return
		}
		if err := c.play(p, random.IntN(20)); err != nil {
			c.t.Errorf("connection %d: %v", p.id, err)
		}
		p.reset()
	}
}

// play is what one peer does before it resets the connection.
func (c *churn) play(p *rawPeer, what int) error {
	if what == 0 {
		return nil // resets at once
	}
	if err := p.hear(false); err != nil || p.over {
		return err
	}
	say := func(do byte) wstest.Frame {
		return wstest.Binary(string(append(binary.BigEndian.AppendUint64(nil, p.id), do)))
	}
	switch {
	case what < 4: // reads a little
		return p.hear(false)
	case what == 4: // leaves half a frame
		return p.say(wstest.Wire(say('x'), say('x'))[:20])
	case what == 5: // is broken
		if err := p.say(wstest.Wire(say('x'), wstest.Frame{Op: 3})); err != nil {
			return err
		}
	case what < 13: // wants to be closed
		if err := p.say(wstest.Wire(say('x'), say('c'))); err != nil {
			return err
		}
	default: // closes
		if err := p.say(wstest.Wire(say('x'), say('x'), wstest.Close(1000, ""))); err != nil {
			return err
		}
	}
	return p.hear(true)
}
