package ws_test

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// TestGoroutineDriver runs the suite on every kind of connection that the
// driver tells apart.
func TestGoroutineDriver(t *testing.T) {
	for name, pair := range map[string]func(testing.TB) (server, peer net.Conn){
		"pipe":    func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() },
		"TCP":     tcpPair,
		"unknown": unknownPair,
		"TLS":     tlsPair,
	} {
		t.Run(name, func(t *testing.T) {
			wstest.Run(t, wstest.Setup{Engine: goroutineEngine, Pair: pair})
			noneLeft(t)
		})
	}
}

func goroutineEngine(opt ws.Options) *ws.Engine {
	opt.Driver = ws.Goroutine
	return ws.New(opt)
}

// noneLeft waits until no goroutine of the engine is left.
func noneLeft(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !strings.Contains(string(stacks), "ws.(*goroutine)") && !strings.Contains(string(stacks), "ws.(*Loop)") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines are left:\n%s", stacks)
		}
		runtime.Gosched()
	}
}

func tcpPair(t testing.TB) (server, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if peer, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return server, peer
}

// unknownPair is TCP that does not look like it.
func unknownPair(t testing.TB) (server, peer net.Conn) {
	server, peer = tcpPair(t)
	return disguised{server, server.(*net.TCPConn).CloseWrite}, peer
}

type disguised struct {
	net.Conn
	closeWrite func() error
}

func (d disguised) CloseWrite() error { return d.closeWrite() }

func tlsPair(t testing.TB) (server, peer net.Conn) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	defer web.Close()
	server, peer = tcpPair(t)
	in := tls.Server(server, &tls.Config{Certificates: web.TLS.Certificates})
	out := tls.Client(peer, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- in.Handshake() }()
	if err := out.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return in, out
}
