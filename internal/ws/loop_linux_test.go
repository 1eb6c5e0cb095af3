package ws_test

import (
	"net"
	"testing"

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
