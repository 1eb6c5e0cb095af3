package gofunc_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/gofunc"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// peersEnv makes the test binary the peers of the server at that address: a
// process may not have descriptors enough for both ends.
const peersEnv = "PARLEY_TEST_PEERS_OF"

const blockedPeers = 10_000

func TestMain(m *testing.M) {
	if address := os.Getenv(peersEnv); address != "" {
		if err := playPeers(address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// playPeers opens blockedPeers connections, half of them to a function that
// waits in open, half to one that waits in on_message. It prints "open", waits
// until each has been answered, prints "answered" and leaves.
func playPeers(address string) error {
	conns := make([]net.Conn, blockedPeers)
	failures := make(chan error, blockedPeers)
	var dialing sync.WaitGroup
	var next atomic.Int64
	for range 16 {
		dialing.Go(func() {
			for i := next.Add(1) - 1; i < blockedPeers; i = next.Add(1) - 1 {
				path := "/open"
				if i%2 == 0 {
					path = "/message"
				}
				c, err := dialRaw(address, path)
				if err != nil {
					failures <- fmt.Errorf("peer %d: %w (are 12,000 descriptors allowed? ulimit -n)", i, err)
					return
				}
				conns[i] = c
			}
		})
	}
	dialing.Wait()
	close(failures)
	for err := range failures {
		return err
	}
	fmt.Println("open")
	want := append([]byte{0x81, 8}, "released"...)
	for i, c := range conns {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("peer %d got %q, %w", i, got, err)
		}
	}
	fmt.Println("answered")
	return nil
}

// dialRaw opens a WebSocket and sends the text "hi" on it.
func dialRaw(address, path string) (net.Conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path)
	if err != nil {
		return nil, err
	}
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b...) {
		if _, err := io.ReadFull(c, b); err != nil {
			return nil, fmt.Errorf("after %q: %w", head, err)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return nil, fmt.Errorf("refused: %q", head)
	}
	_, err = c.Write([]byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'})
	return c, err
}

// A gate is what functions wait at.
type gate struct {
	waiting atomic.Int64
	all     chan struct{} // closed when blockedPeers wait
	open    chan struct{} // closed to release them
}

// wait is a function that ignores its context.
func (g *gate) wait(_ context.Context, c gofunc.Call) error {
	if g.waiting.Add(1) == blockedPeers {
		close(g.all)
	}
	<-g.open
	g.waiting.Add(-1)
	return c.Send(parley.TextMessage("released"))
}

// TestTenThousandFunctionsThatWaitDelayNobody has two loops and 10,000
// connections on them whose functions wait until the test releases them. That
// others are answered meanwhile is a matter of order, not of time: nobody is
// released before.
func TestTenThousandFunctionsThatWaitDelayNobody(t *testing.T) {
	t.Cleanup(func() { noFunctionRuns(t) }) // after Run has ended
	g := &gate{all: make(chan struct{}), open: make(chan struct{})}
	release := sync.OnceFunc(func() { close(g.open) })
	waiting := echo
	waiting.NeverWaits = false
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
		"x.waits": {Run: g.wait}, "x.echo": echo, "x.echo_on_goroutine": waiting,
	}})
	address := listen(t, r, map[string]map[call.Hook]string{
		"/open":      {call.Open: "x.waits"},
		"/message":   {call.OnMessage: "x.waits"},
		"/builtin":   {call.OnMessage: "parley.echo"},
		"/quick":     {call.OnMessage: "x.echo"},
		"/goroutine": {call.OnMessage: "x.echo_on_goroutine"},
	})
	t.Cleanup(release) // before the sockets are waited for, if the test fails

	lines := startPeers(t, address)
	expectLine(t, lines, "open")
	select {
	case <-g.all:
	case <-time.After(time.Minute):
		t.Fatalf("after a minute %d functions wait, want all %d", g.waiting.Load(), blockedPeers)
	}

	for path := range strings.FieldsSeq("/builtin /quick /goroutine") {
		for range 4 { // they take turns on the loops
			echoOn(t, "ws://"+address+path)
		}
	}
	if n := g.waiting.Load(); n != blockedPeers {
		t.Fatalf("%d functions wait after the echoes, want still all %d", n, blockedPeers)
	}
	release()
	expectLine(t, lines, "answered")
}

// listen serves endpoints by path until the end of the test.
func listen(t *testing.T, r *gofunc.Runtime, endpoints map[string]map[call.Hook]string) (address string) {
	t.Helper()
	engine := ws.New(ws.Options{Loops: 2})
	channels := hub.New(hub.Options{Prepare: func(m parley.Message) hub.Frame { return ws.Prepare(m) }})
	sessions := session.New(session.Options{Secrets: [][]byte{[]byte("a secret of the test's")}})
	programs := call.New(map[string]call.Runtime{call.Go: r})
	mux := http.NewServeMux()
	var sockets []*endpoint.WebSocket
	for path, texts := range endpoints {
		p, err := programs.Compile([]call.Functions{functions(texts)})
		if err != nil {
			t.Fatal(err)
		}
		socket := endpoint.NewWebSocket(endpoint.Options{
			Name: path, Program: p[0], Engine: engine, Hub: channels, Sessions: sessions,
			Settings: ws.Settings{PingEvery: -1, StaleAfter: -1}, // the peers answer none
		})
		sockets = append(sockets, socket)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { socket.Serve(w, r, nil) })
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := engine.Shutdown(ctx, parley.CloseGoingAway, "", 0); err != nil {
			t.Error(err)
		}
		for _, socket := range sockets {
			if err := socket.Wait(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if err := channels.Close(); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// startPeers starts the other process and returns what it prints.
func startPeers(t *testing.T, address string) *bufio.Scanner {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	peers := exec.CommandContext(t.Context(), exe)
	peers.Env = append(os.Environ(), peersEnv+"="+address)
	peers.Stderr = os.Stderr
	out, err := peers.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := peers.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peers.Wait() }) // t's context ends before, and it
	return bufio.NewScanner(out)
}

func expectLine(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	if !lines.Scan() || lines.Text() != want {
		t.Fatalf("the peers say %q, %v, want %q", lines.Text(), lines.Err(), want)
	}
}

func echoOn(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(ctx, websocket.MessageText, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := c.Read(ctx); err != nil || string(data) != "hi" {
		t.Fatalf("%s: got %q, %v", url, data, err)
	}
}

// noFunctionRuns checks that no goroutine of the package is left.
func noFunctionRuns(t *testing.T) {
	for deadline := time.Now().Add(time.Minute); ; {
		var stacks bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stacks.String(), "/internal/gofunc.") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines are left:\n%s", stacks.String())
		}
		time.Sleep(time.Millisecond) // one that has said that it ends may not have returned yet
	}
}
