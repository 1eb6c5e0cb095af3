//go:build amd64 || arm64

package ws

import (
	"testing"
	"time"
)

// A dripper is a Tenant that says a lot, one octet a write.
type dripper struct {
	loop  *Loop
	left  int
	wrote int
	turn  chan int // what had been written when the loop did something else
	ended chan struct{}
}

func (d *dripper) Output() []byte {
	if d.left == 0 {
		return nil
	}
	if d.wrote == 0 {
		d.loop.ask(func() { d.turn <- d.wrote })
	}
	return []byte{'x'}
}

func (d *dripper) Wrote(n int) { d.left -= n; d.wrote += n }

func (d *dripper) Read([]byte) {}

func (d *dripper) Ended() { close(d.ended) }

// A stream with much to write lets others have their turn.
func TestStreamsTakeTurns(t *testing.T) {
	e := New(Options{Driver: Epoll, Loops: 1})
	server, peer := loopPair(t)
	d := &dripper{loop: e.Loop(0), left: 1000, turn: make(chan int, 1), ended: make(chan struct{})}
	s, err := d.loop.Attach(server, d)
	if err != nil {
		t.Fatal(err)
	}
	if n := <-d.turn; n > streamWrites {
		t.Errorf("the loop has written %d times before others had their turn", n)
	}
	buf := make([]byte, 1000)
	_ = peer.SetReadDeadline(time.Now().Add(20 * time.Second))
	for n := 0; n < 1000; {
		more, err := peer.Read(buf)
		if err != nil {
			t.Fatalf("after %d octets: %v", n, err)
		}
		n += more
	}
	s.Close()
	<-d.ended
	shut(t, e)
}
