//go:build amd64 || arm64

package ws

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"parley.example/parley"
)

// quiet is a Handler that hears nothing.
type quiet struct{}

func (quiet) OnOpen(*Conn)                            {}
func (quiet) OnMessage(*Conn, parley.Kind, []byte)    {}
func (quiet) OnPong(*Conn, []byte)                    {}
func (quiet) OnClose(*Conn, parley.CloseCode, string) {}

// timed notes when the engine thinks that it has last heard the peer.
type timed struct {
	quiet
	heard chan time.Duration
}

func (h timed) OnMessage(c *Conn, _ parley.Kind, _ []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.heard <- c.clock.heard
}

func loopPair(t *testing.T) (server, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if peer, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return server, peer
}

func shut(t *testing.T, e *Engine) {
	t.Helper()
	if err := e.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
		t.Error(err)
	}
}

// A loop's first turn has the time of now, not that of the engine's beginning.
func TestFirstTurn(t *testing.T) {
	// One processor: the connection is there before the loop runs.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	e := New(Options{Driver: Epoll, Loops: 1})
	e.began = time.Now().Add(-time.Hour)
	server, peer := loopPair(t)
	h := timed{heard: make(chan time.Duration, 1)}
	if _, err := peer.Write([]byte("\x81\x80\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Adopt(server, nil, Accept{Handler: h}); err != nil {
		t.Fatal(err)
	}
	if heard := <-h.heard; heard < time.Hour {
		t.Errorf("what came %v after the beginning was heard at %v", e.now(), heard)
	}
	peer.Close()
	shut(t, e)
}

// A connection that is gone has no alarm.
func TestNoAlarmIsLeft(t *testing.T) {
	e := New(Options{Driver: Epoll, Loops: 1})
	for range 20 {
		server, peer := loopPair(t)
		if _, err := e.Adopt(server, nil, Accept{Handler: quiet{}}); err != nil {
			t.Fatal(err)
		}
		// A close frame, and the end of the stream right behind it.
		if _, err := peer.Write([]byte("\x88\x80\x00\x00\x00\x00")); err != nil {
			t.Fatal(err)
		}
		peer.Close()
	}
	for e.Stats().Open > 0 {
		runtime.Gosched()
	}
	l, set := e.Loop(0), make(chan int)
	l.ask(func() {
		n := 0
		for _, a := range l.alarms.slots {
			for ; a != nil; a = a.next {
				n++
			}
		}
		set <- n
	})
	if n := <-set; n != 0 {
		t.Errorf("%d alarms of no connection", n)
	}
	shut(t, e)
}

// A connection that epoll does not take is closed, and told so.
func TestConnectionThatEpollDoesNotTake(t *testing.T) {
	e := New(Options{Driver: Epoll, Loops: 1, CloseTimeout: 50 * time.Millisecond})
	l := e.Loop(0)
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	server, peer := loopPair(t)
	broken, adopted := make(chan struct{}), make(chan struct{})
	l.ask(func() {
		epoll := l.poll.epoll
		l.poll.epoll = -1
		close(broken)
		<-adopted
		// The connection is registered before this is answered.
		l.ask(func() { l.poll.epoll = epoll })
	})
	<-broken
	if _, err := e.Adopt(server, nil, Accept{Handler: quiet{}}); err != nil {
		t.Fatal(err)
	}
	close(adopted)
	_ = peer.SetReadDeadline(time.Now().Add(20 * time.Second))
	got, err := io.ReadAll(peer)
	if want := "\x88\x2a\x03\xf3the server cannot wait for one more peer"; string(got) != want || err != nil {
		t.Errorf("the peer got %q (%v), want %q", got, err, want)
	}
	shut(t, e)
	if n := e.Stats().Closed[parley.CloseInternal]; n != 1 {
		t.Errorf("%d connections closed as internal error", n)
	}
}
