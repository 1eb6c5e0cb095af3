//go:build amd64 || arm64

package ws_test

import (
	"net"
	"testing"
	"time"

	"parley.example/parley"

	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// TestLoops runs the suite on connections that live on loops.
func TestLoops(t *testing.T) {
	for name, loops := range map[string]int{"one": 1, "three": 3} {
		engine := func(opt ws.Options) *ws.Engine {
			opt.Driver, opt.Loops = ws.Epoll, loops
			return ws.New(opt)
		}
		for name2, pair := range map[string]func(testing.TB) (server, peer net.Conn){"TCP": tcpPair, "Unix": unixPair} {
			t.Run(name+" "+name2, func(t *testing.T) {
				wstest.Run(t, wstest.Setup{Engine: engine, Pair: pair})
				noneLeft(t)
			})
		}
	}
}

func unixPair(t testing.TB) (server, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if peer, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return server, peer
}

// A peer that takes nothing any more and goes on pinging is given up: what
// cannot be answered does not prolong the connection.
func TestPingsOfOneWhoTakesNothing(t *testing.T) {
	for name, driver := range map[string]ws.Driver{"loop": ws.Epoll, "goroutine": ws.Goroutine} {
		t.Run(name, func(t *testing.T) {
			e := ws.New(ws.Options{Driver: driver, CloseTimeout: 200 * time.Millisecond})
			server, client := unixPair(t)
			h := &wstest.Recorder{}
			if _, err := e.Adopt(server, nil, ws.Accept{Handler: h}); err != nil {
				t.Fatal(err)
			}
			if err := client.(*net.UnixConn).CloseRead(); err != nil {
				t.Fatal(err)
			}
			peer := wstest.NewPeer(t, client)
			deadline := time.Now().Add(20 * time.Second)
			for e.Stats().Open > 0 {
				peer.Send(wstest.Ping("x"))
				if time.Sleep(10 * time.Millisecond); time.Now().After(deadline) {
					t.Fatal("the connection does not end")
				}
			}
			h.Expect(t, "open", `close 1006 ""`)
			if err := e.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
				t.Error(err)
			}
		})
	}
}
