//go:build unix

package endpoint_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/gofunc"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/star"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// batch is how many messages a benchmark has in flight: enough that system
// calls do not hide what a message costs us.
const batch = 256

// bareEcho is an engine's handler without an endpoint.
type bareEcho struct{}

func (bareEcho) OnOpen(*ws.Conn)                            {}
func (bareEcho) OnPong(*ws.Conn, []byte)                    {}
func (bareEcho) OnClose(*ws.Conn, parley.CloseCode, string) {}

func (bareEcho) OnMessage(c *ws.Conn, kind parley.Kind, data []byte) { _ = c.Send(kind, data) }

// BenchmarkBareEcho is a message through the engine and back.
func BenchmarkBareEcho(b *testing.B) {
	e := ws.New(ws.Options{Loops: 1})
	benchmarkEchoes(b, 1, e, func(w http.ResponseWriter, r *http.Request) {
		if _, err := e.Accept(w, r, ws.Accept{Handler: bareEcho{}}); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkEndpointEcho is the same through an endpoint with parley.echo. The
// difference is what the declarative layer costs.
func BenchmarkEndpointEcho(b *testing.B) {
	benchmarkFunction(b, 1, "parley.echo", goRuntime(b, gofunc.Options{}))
}

// BenchmarkFunctionEcho is the same with a Go function that never waits, and
// with one that may.
func BenchmarkFunctionEcho(b *testing.B) {
	for name, neverWaits := range map[string]bool{"never waits": true, "on a goroutine": false} {
		b.Run(name, func(b *testing.B) {
			benchmarkFunction(b, 1, "chat.echo", goEcho(b, neverWaits))
		})
	}
}

// BenchmarkStarlarkEcho is the same with an expression. What it takes more than
// a Go function on a goroutine is what Starlark costs.
func BenchmarkStarlarkEcho(b *testing.B) {
	benchmarkFunction(b, 1, "handler.write_message(message)", starlarkRuntime())
}

// BenchmarkManyEchoes has a connection for each of several peers at once, on as
// many loops as there are processors (-cpu 1,2): cpu-ns/op must not grow with
// these, for then nobody waits for another.
func BenchmarkManyEchoes(b *testing.B) {
	const peers = 32
	collectAsServe(b)
	for name, do := range map[string]func(*testing.B){
		"go":       func(b *testing.B) { benchmarkFunction(b, peers, "chat.echo", goEcho(b, false)) },
		"starlark": func(b *testing.B) { benchmarkFunction(b, peers, "handler.write_message(message)", starlarkRuntime()) },
	} {
		b.Run(name, do)
	}
}

// collectAsServe collects garbage as parley serve does (ADR 8): every collection
// stops all processors, and with Go's default it comes some ninety times a
// second here.
func collectAsServe(b *testing.B) {
	before := debug.SetGCPercent(33)
	inUse := make([]byte, 8<<20)
	b.Cleanup(func() {
		runtime.KeepAlive(inUse)
		debug.SetGCPercent(before)
	})
}

func goRuntime(b *testing.B, opt gofunc.Options) map[string]call.Runtime {
	functions, err := gofunc.New(opt)
	if err != nil {
		b.Fatal(err)
	}
	return map[string]call.Runtime{call.Go: functions}
}

func goEcho(b *testing.B, neverWaits bool) map[string]call.Runtime {
	echo := gofunc.NewMessageFunc(func(_ context.Context, c parley.Conn, m parley.Message) error { return c.Send(m) })
	echo.NeverWaits = neverWaits
	return goRuntime(b, gofunc.Options{Functions: map[string]gofunc.Function{"chat.echo": echo}})
}

func starlarkRuntime() map[string]call.Runtime {
	r := star.New(star.Options{})
	r.Load()
	return map[string]call.Runtime{call.Starlark: r}
}

// benchmarkFunction is an endpoint whose on_message is text, and so many peers.
func benchmarkFunction(b *testing.B, peers int, text string, runtimes map[string]call.Runtime) {
	e := ws.New(ws.Options{Loops: min(peers, runtime.GOMAXPROCS(0))})
	calls := call.New(runtimes)
	programs, err := calls.Compile([]call.Functions{{Endpoint: "echo", Kwargs: []byte("{}"), Hooks: map[call.Hook]call.Pipeline{
		call.OnMessage: {{Function: text}},
	}}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var ended sync.WaitGroup
	for _, r := range runtimes {
		ended.Go(func() {
			_ = r.(interface{ Run(context.Context) error }).Run(ctx) // cancel ends it
		})
	}
	defer ended.Wait()
	defer cancel()
	socket := endpoint.NewWebSocket(endpoint.Options{
		Name: "echo", Program: programs[0], Engine: e,
		Hub:      hub.New(hub.Options{Prepare: func(m parley.Message) hub.Frame { return ws.Prepare(m) }}),
		Sessions: session.New(session.Options{Secrets: [][]byte{[]byte("secret")}}),
	})
	benchmarkEchoes(b, peers, e, func(w http.ResponseWriter, r *http.Request) { socket.Serve(w, r, nil) })
}

// benchmarkEchoes keeps a batch of messages in flight on each connection.
func benchmarkEchoes(b *testing.B, peers int, e *ws.Engine, serve http.HandlerFunc) {
	web := httptest.NewServer(serve)
	defer web.Close()
	defer func() { _ = e.Shutdown(b.Context(), parley.CloseGoingAway, "", 0) }()
	conns := make([]net.Conn, peers)
	for i := range conns {
		conns[i] = dialBench(b, web.Listener.Addr().String())
		defer conns[i].Close()
	}
	b.ReportAllocs()
	began := cpuTime(b)
	b.ResetTimer()
	var all sync.WaitGroup
	for _, peer := range conns {
		all.Go(func() { echoBatches(b, peer, b.N/peers) })
	}
	all.Wait()
	// What others do on this machine does not count in it.
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
}

func dialBench(b *testing.B, addr string) net.Conn {
	peer, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := peer.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")); err != nil {
		b.Fatal(err)
	}
	_ = peer.SetDeadline(time.Now().Add(10 * time.Minute))
	if _, err := peer.Read(make([]byte, 4<<10)); err != nil { // the 101: nothing follows it
		b.Fatal(err)
	}
	return peer
}

// echoBatches sends n messages, and hears their echoes.
func echoBatches(b *testing.B, peer net.Conn, n int) {
	var frames []wstest.Frame
	for range batch {
		frames = append(frames, wstest.Binary(string(make([]byte, 64))))
	}
	out, in := wstest.Wire(frames...), make([]byte, batch*(2+64))
	for ; n > 0; n -= batch {
		if _, err := peer.Write(out); err != nil {
			b.Error(err)
			return
		}
		if _, err := io.ReadFull(peer, in); err != nil {
			b.Error(err)
			return
		}
	}
}

// cpuTime is what the process, peer and all, has used of processors.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
