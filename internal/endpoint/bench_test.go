//go:build unix

package endpoint_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/gofunc"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
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
	benchmarkEcho(b, e, func(w http.ResponseWriter, r *http.Request) {
		if _, err := e.Accept(w, r, ws.Accept{Handler: bareEcho{}}); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkEndpointEcho is the same through an endpoint with parley.echo. The
// difference is what the declarative layer costs.
func BenchmarkEndpointEcho(b *testing.B) { benchmarkText(b, "parley.echo", gofunc.Options{}) }

// BenchmarkFunctionEcho is the same with a Go function that never waits, and
// with one that may.
func BenchmarkFunctionEcho(b *testing.B) {
	for name, neverWaits := range map[string]bool{"never waits": true, "on a goroutine": false} {
		b.Run(name, func(b *testing.B) {
			echo := gofunc.NewMessageFunc(func(_ context.Context, c parley.Conn, m parley.Message) error { return c.Send(m) })
			echo.NeverWaits = neverWaits
			benchmarkText(b, "chat.echo", gofunc.Options{Functions: map[string]gofunc.Function{"chat.echo": echo}})
		})
	}
}

// benchmarkText is an endpoint whose on_message is text.
func benchmarkText(b *testing.B, text string, opt gofunc.Options) {
	e := ws.New(ws.Options{Loops: 1})
	functions, err := gofunc.New(opt)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = functions.Run(ctx) // cancel ends it
	}()
	defer func() {
		cancel()
		<-ended
	}()
	calls := call.New(map[string]call.Runtime{call.Go: functions})
	programs, err := calls.Compile([]call.Functions{{Endpoint: "echo", Hooks: map[call.Hook]call.Pipeline{
		call.OnMessage: {{Function: text}},
	}}})
	if err != nil {
		b.Fatal(err)
	}
	socket := endpoint.NewWebSocket(endpoint.Options{
		Name: "echo", Program: programs[0], Engine: e,
		Hub:      hub.New(hub.Options{Prepare: func(m parley.Message) hub.Frame { return ws.Prepare(m) }}),
		Sessions: session.New(session.Options{Secret: []byte("secret")}),
	})
	benchmarkEcho(b, e, func(w http.ResponseWriter, r *http.Request) { socket.Serve(w, r, nil) })
}

// benchmarkEcho keeps a batch of messages in flight on one connection.
func benchmarkEcho(b *testing.B, e *ws.Engine, serve http.HandlerFunc) {
	web := httptest.NewServer(serve)
	defer web.Close()
	defer func() { _ = e.Shutdown(b.Context(), parley.CloseGoingAway, "", 0) }()
	peer, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer peer.Close()
	if _, err := peer.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")); err != nil {
		b.Fatal(err)
	}
	_ = peer.SetDeadline(time.Now().Add(10 * time.Minute))
	answer := make([]byte, 4<<10)
	if _, err := peer.Read(answer); err != nil { // the 101: nothing follows it
		b.Fatal(err)
	}
	var frames []wstest.Frame
	for range batch {
		frames = append(frames, wstest.Binary(string(make([]byte, 64))))
	}
	out, in := wstest.Wire(frames...), make([]byte, batch*(2+64))
	b.ReportAllocs()
	began := cpuTime(b)
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		if _, err := peer.Write(out); err != nil {
			b.Fatal(err)
		}
		for got := 0; got < len(in); {
			n, err := peer.Read(in[got:])
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
	// What others do on this machine does not count in it.
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
}

// cpuTime is what the process, peer and all, has used of processors.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
