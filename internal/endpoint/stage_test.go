package endpoint_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// A puppet is a call.Runtime whose functions do nothing by themselves: a test
// plays them. It is safe for concurrent use; the fields are set before.
type puppet struct {
	ready  func(context.Context) error                                                   // nil: ready
	answer func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) // nil: None
	play   func(s *puppetStream, line string)                                            // called for all that a stream hears

	mu      sync.Mutex
	lines   []string
	streams []*puppetStream
}

func (p *puppet) heard(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

// Heard returns the calls of the runtime itself, and the last word of streams.
func (p *puppet) Heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

// Stream returns the i-th stream that was opened.
func (p *puppet) Stream(t *testing.T, i int) *puppetStream {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if i >= len(p.streams) {
		t.Fatalf("%d streams were opened, want more than %d", len(p.streams), i)
	}
	return p.streams[i]
}

func (p *puppet) Compile(f call.Functions) (call.Hooks, error) { return f, nil }

func (p *puppet) Ready(ctx context.Context, info call.Info, _ call.Hooks) error {
	p.heard("ready %s?", info.Conn)
	if p.ready == nil {
		return nil
	}
	return p.ready(ctx)
}

func (p *puppet) Open(info call.Info, _ call.Hooks, effects call.Effects) call.Stream {
	s := &puppetStream{Effects: effects, puppet: p, info: info}
	p.mu.Lock()
	p.streams = append(p.streams, s)
	p.mu.Unlock()
	p.heard("open %s", info.Conn)
	s.hears("open")
	return s
}

func (p *puppet) Call(ctx context.Context, info call.Info, _ call.Hooks, hook call.Hook, effects call.Effects) (call.Value, error) {
	p.heard("call %s %s", hook, info.Conn)
	if p.answer == nil {
		return call.Value{}, nil
	}
	return p.answer(ctx, info, hook, effects)
}

func (p *puppet) Forget(conn parley.ConnID) { p.heard("forget %s", conn) }

// A puppetStream remembers what it hears: "open", `text "hi"`, `pong "x"`,
// `close 1000 "bye"`. A test answers through its Effects.
type puppetStream struct {
	call.Effects
	puppet *puppet
	info   call.Info

	mu    sync.Mutex
	lines []string
}

func (s *puppetStream) hears(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.lines = append(s.lines, line)
	s.mu.Unlock()
	if s.puppet.play != nil {
		s.puppet.play(s, line)
	}
}

func (s *puppetStream) Heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

func (s *puppetStream) Message(kind parley.Kind, data []byte) { s.hears("%s %q", kind, data) }
func (s *puppetStream) Pong(data []byte)                      { s.hears("pong %q", data) }
func (s *puppetStream) Close(code parley.CloseCode, reason string) {
	s.puppet.heard("close %s", s.info.Conn)
	s.hears("close %s %q", code, reason)
}

// endsWell plays a runtime that ends each stream when it is closed.
func endsWell(s *puppetStream, line string) {
	if strings.HasPrefix(line, "close ") {
		s.Ended()
	}
}

// answersAll plays a runtime that is done with each message at once.
func answersAll(s *puppetStream, line string) {
	endsWell(s, line)
	if kind, quoted, _ := strings.Cut(line, " "); kind == "text" {
		data, err := strconv.Unquote(quoted)
		if err != nil {
			panic(err) // not what Message wrote
		}
		s.Done(len(data))
	}
}

// A stage is one endpoint with all around it, inside a synctest bubble, behind
// connections that are pipes: bytes wait nowhere but in the engine.
type stage struct {
	t        *testing.T
	puppet   *puppet
	program  *call.Program
	engine   *ws.Engine
	hub      *hub.Hub
	sessions *session.Manager
	socket   *endpoint.WebSocket
	log      *logLines
	pipes    pipes
}

// perform runs a test in a bubble with a stage of its own.
func perform(t *testing.T, test func(t *testing.T, st *stage)) {
	synctest.Test(t, func(t *testing.T) {
		st := &stage{
			t: t, puppet: &puppet{play: endsWell}, engine: ws.New(ws.Options{}), log: &logLines{},
			hub:      hub.New(hub.Options{Prepare: func(m parley.Message) hub.Frame { return ws.Prepare(m) }}),
			sessions: session.New(session.Options{Secrets: [][]byte{[]byte("a secret of the test's")}}),
			pipes:    pipes{conns: make(chan net.Conn), done: make(chan struct{})},
		}
		st.program = &call.Program{Runtime: st.puppet, Name: "puppet", Why: map[call.Hook]string{call.OnMessage: ""}}
		test(t, st)
	})
}

func (st *stage) logger() *slog.Logger { return slog.New(slog.NewTextHandler(st.log, nil)) }

// serve begins to serve the endpoint that opt describes. What opt leaves out
// is the stage's.
func (st *stage) serve(opt endpoint.Options) {
	st.t.Helper()
	opt.Name = "x"
	if opt.Program == nil {
		opt.Program = st.program
	}
	opt.Engine, opt.Hub, opt.Sessions, opt.Log = st.engine, st.hub, st.sessions, st.logger()
	st.socket = endpoint.NewWebSocket(opt)
	var groups []*string
	for range opt.Groups {
		value := "v"
		groups = append(groups, &value)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.RemoteAddr = "http", "192.0.2.7:4711"
		st.socket.Serve(w, r, groups)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(st.pipes) // ends when it is closed
	}()
	st.t.Cleanup(func() {
		if err := st.engine.Shutdown(context.Background(), parley.CloseGoingAway, "", 0); err != nil {
			st.t.Error(err)
		}
		if err := server.Close(); err != nil {
			st.t.Error(err)
		}
		<-ended
		if err := st.hub.Close(); err != nil {
			st.t.Error(err)
		}
	})
}

// client returns an HTTP client whose connections are pipes; tap, if not nil,
// gets each.
func (st *stage) client(tap func(net.Conn)) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		if tap != nil {
			tap(ours)
		}
		st.pipes.conns <- theirs
		return ours, nil
	}}
	return &http.Client{Transport: transport}
}

// get sends a request with these headers and returns the response and its
// body.
func (st *stage) get(method string, header http.Header) (*http.Response, string) {
	st.t.Helper()
	return st.getAt("/x", method, header)
}

// getAt is get for a path with a query.
func (st *stage) getAt(path, method string, header http.Header) (*http.Response, string) {
	st.t.Helper()
	r, err := http.NewRequestWithContext(st.t.Context(), method, "http://app.example"+path, nil)
	if err != nil {
		st.t.Fatal(err)
	}
	r.Header = header
	resp, err := st.client(nil).Do(r)
	if err != nil {
		st.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		st.t.Fatal(err)
	}
	return resp, string(body)
}

// upgrade is a proper opening handshake, with more headers by name and value.
func upgrade(more ...string) http.Header {
	h := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for i := 0; i < len(more); i += 2 {
		h.Add(more[i], more[i+1])
	}
	return h
}

// A peer is a WebSocket client.
type peer struct {
	*websocket.Conn
	t        *testing.T
	raw      net.Conn
	response *http.Response
}

func (st *stage) dial(opt websocket.DialOptions) *peer {
	st.t.Helper()
	return st.dialAt("/x", opt)
}

// dialAt is dial for a path with a query.
func (st *stage) dialAt(path string, opt websocket.DialOptions) *peer {
	st.t.Helper()
	p := &peer{t: st.t}
	opt.HTTPClient = st.client(func(c net.Conn) { p.raw = c })
	var err error
	p.Conn, p.response, err = websocket.Dial(st.t.Context(), "ws://app.example"+path, &opt)
	if err != nil {
		st.t.Fatal(err)
	}
	p.SetReadLimit(-1)
	st.t.Cleanup(p.drop)
	synctest.Wait() // OnOpen comes after the 101
	return p
}

// drop ends the connection without a word, if it has not ended.
func (p *peer) drop() { _ = p.CloseNow() }

// inject sends octets of the test's own, if the server takes them.
func (p *peer) inject(octets ...byte) { go func() { _, _ = p.raw.Write(octets) }() }

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) expect(want string) {
	p.t.Helper()
	kind, data, err := p.Read(p.t.Context())
	if err != nil {
		p.t.Fatalf("waiting for %q: %v", want, err)
	}
	if kind != websocket.MessageText || string(data) != want {
		p.t.Fatalf("got %s %q, want text %q", kind, data, want)
	}
}

// closed reads until the end and returns the close code.
func (p *peer) closed() websocket.StatusCode {
	p.t.Helper()
	for {
		if _, _, err := p.Read(p.t.Context()); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// pipes is a net.Listener of pipes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l pipes) Close() error {
	close(l.done)
	return nil
}

func (l pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// logLines keeps what a logger writes. It is safe for concurrent use.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// With returns the lines that contain all of the texts.
func (l *logLines) With(texts ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.buf.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}
