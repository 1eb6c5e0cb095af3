package ws_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// A scale weighs the heap.
type scale struct {
	t     *testing.T
	empty uint64
	limit uint64
}

func newScale(t *testing.T, limit uint64) *scale {
	s := &scale{t: t, limit: limit}
	s.empty = s.heap()
	return s
}

// heap is how many octets of the heap are in use, without garbage.
func (s *scale) heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what sync.Pool keeps for one more
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// weigh fails the test if the heap has grown by more than the limit.
func (s *scale) weigh(when string) {
	s.t.Helper()
	if now := s.heap(); now > s.empty+s.limit {
		s.t.Fatalf("%s: the heap has grown by %d MiB, %d are allowed", when, (now-s.empty)>>20, s.limit>>20)
	}
}

// drivers are those of this system, for tests that run on all.
var drivers = map[string]ws.Driver{"auto": ws.Auto, "goroutine": ws.Goroutine}

// crowd opens connections to n peers that say and read nothing.
func crowd(t *testing.T, driver ws.Driver, n int, a ws.Accept) (conns []*ws.Conn, peers []net.Conn) {
	t.Helper()
	e := ws.New(ws.Options{Driver: driver})
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Shutdown(ended, parley.CloseGoingAway, "", 0)
		for _, peer := range peers {
			peer.Close()
		}
	})
	for range n {
		server, peer := tcpPair(t)
		peers = append(peers, peer)
		c, err := e.Adopt(server, nil, a)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	return conns, peers
}

// Whatever is sent to a peer that reads nothing, a quarter of a gigabyte of it,
// costs what the outbox holds. So do messages that are hardly any.
func TestSendingToOneWhoDoesNotRead(t *testing.T) {
	defer noneLeft(t)
	large, tiny := []byte(strings.Repeat("x", 1000)), []byte("x")
	for name, driver := range drivers {
		for policy, slow := range map[string]ws.SlowPolicy{
			"disconnect": ws.Disconnect, "drop oldest": ws.DropOldest, "drop newest": ws.DropNewest,
		} {
			t.Run(name+", "+policy, func(t *testing.T) {
				conns, _ := crowd(t, driver, 1, ws.Accept{Handler: &wstest.Recorder{}, Settings: &ws.Settings{Slow: slow}})
				scale := newScale(t, 16<<20)
				for i := range 256 << 10 {
					_ = conns[0].Send(parley.Binary, large)
					if i%(16<<10) == 0 {
						scale.weigh(fmt.Sprint("after ", i))
					}
				}
				scale.weigh("in the end")
				conns, _ = crowd(t, driver, 1, ws.Accept{Handler: &wstest.Recorder{}, Settings: &ws.Settings{Slow: slow}})
				for range 1 << 20 {
					_ = conns[0].Send(parley.Text, tiny)
				}
				scale.weigh("after tiny messages")
			})
		}
	}
}

// A room whose members do not read costs what their outboxes hold, whatever is
// published in it.
func TestRoomThatDoesNotRead(t *testing.T) {
	defer noneLeft(t)
	const members, limit = 100, 64 << 10
	for name, driver := range drivers {
		for policy, slow := range map[string]ws.SlowPolicy{"drop oldest": ws.DropOldest, "drop newest": ws.DropNewest} {
			t.Run(name+", "+policy, func(t *testing.T) {
				conns, _ := crowd(t, driver, members, ws.Accept{
					Handler: &wstest.Recorder{}, Settings: &ws.Settings{Slow: slow, Outbox: limit},
				})
				scale := newScale(t, 4*members*limit)
				for i := range 4000 { // 40 MB for each
					p := ws.Prepare(parley.Message{Kind: parley.Binary, Data: make([]byte, 10_000)})
					publish(conns, p)
					if i%1000 == 0 {
						scale.weigh(fmt.Sprint("after ", i))
					}
				}
				scale.weigh("in the end")
			})
		}
	}
}

// publish sends p to all, through their loops if they have some.
func publish(conns []*ws.Conn, p *ws.Prepared) {
	for _, c := range conns {
		if l := c.Loop(); l != nil {
			l.Post(members{}, delivery{c, p})
		} else {
			c.SendPrepared(p)
		}
	}
}

type members struct{}

type delivery struct {
	to *ws.Conn
	p  *ws.Prepared
}

// Receive implements ws.Receiver.
func (members) Receive(items []any) {
	for _, item := range items {
		d := item.(delivery)
		d.to.SendPrepared(d.p)
	}
}

// Peers that send as fast as they can, to an application that answers nothing,
// are not read beyond their windows.
func TestFloodOfOneWhoIsNotAnswered(t *testing.T) {
	defer noneLeft(t)
	for name, driver := range drivers {
		t.Run(name, func(t *testing.T) {
			_, peers := crowd(t, driver, 20, ws.Accept{Handler: &keeper{}})
			scale := newScale(t, 20*2<<20)
			flood := wstest.Wire(wstest.Binary(strings.Repeat("x", 10_000)))
			blocked := make(chan int)
			for _, peer := range peers {
				go func() {
					sent := 0
					for {
						_ = peer.SetWriteDeadline(time.Now().Add(time.Second))
						n, err := peer.Write(flood)
						if sent += n; err != nil {
							blocked <- sent
							return
						}
					}
				}()
			}
			for range peers {
				if n := <-blocked; n > 64<<20 {
					t.Errorf("%d MiB were taken", n>>20)
				}
			}
			scale.weigh("blocked")
		})
	}
}

// A keeper answers nothing.
type keeper struct{ wstest.Recorder }

func (*keeper) OnMessage(c *ws.Conn, _ parley.Kind, data []byte) { c.Hold(len(data)) }
