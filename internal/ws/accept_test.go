package ws_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// An echoer sends every message back.
type echoer struct{ wstest.Recorder }

func (h *echoer) OnMessage(c *ws.Conn, kind parley.Kind, data []byte) { _ = c.Send(kind, data) }

func (h *echoer) OnDrain(*ws.Conn) {}

// serve answers every request with a, and ends with t.
func serve(t *testing.T, opt ws.Options, a ws.Accept) (e *ws.Engine, url string) {
	t.Helper()
	e = ws.New(opt)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := e.Accept(w, r, a)
		if refused := new(ws.HandshakeError); errors.As(err, &refused) {
			refused.Answer(w)
		} else if err != nil {
			t.Errorf("accept: %v", err)
		}
	}))
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Shutdown(ended, parley.CloseGoingAway, "", 0)
		web.Close()
		noneLeft(t)
	})
	return e, web.URL
}

func dial(t *testing.T, url string, opt *websocket.DialOptions) (*websocket.Conn, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, url, opt)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, resp
}

func TestAcceptAnswers(t *testing.T) {
	_, url := serve(t, ws.Options{}, ws.Accept{
		Handler:     &echoer{},
		Subprotocol: "b\r\nX-Injected: 1",
		Header: http.Header{
			"Set-Cookie": {"sid=1; HttpOnly", "other=2"},
			"Upgrade":    {"h2c"}, "Sec-Websocket-Extensions": {"permessage-deflate"}, "Content-Length": {"5"},
			"X-Broken": {"a\r\nX-Injected: 1"},
		},
	})
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	r := handshake()
	if err := r.Write(nc); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), r)
	if err != nil {
		t.Fatal(err)
	}
	h := resp.Header
	if resp.StatusCode != 101 || h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("status %d, accept %q", resp.StatusCode, h.Get("Sec-WebSocket-Accept"))
	}
	for name, want := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Set-Cookie": "sid=1; HttpOnly|other=2",
		"Sec-Websocket-Extensions": "", "Content-Length": "", "X-Injected": "", "Sec-Websocket-Protocol": "b  X-Injected: 1",
	} {
		if got := strings.Join(h[name], "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAnotherClientAgrees(t *testing.T) {
	h := &echoer{}
	e, url := serve(t, ws.Options{}, ws.Accept{Handler: h, Subprotocol: "chat"})
	c, resp := dial(t, url, &websocket.DialOptions{Subprotocols: []string{"chat", "other"}})
	if c.Subprotocol() != "chat" || resp.StatusCode != 101 {
		t.Errorf("subprotocol %q, status %d", c.Subprotocol(), resp.StatusCode)
	}
	ctx := t.Context()
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		data := strings.Repeat("x", n)
		if err := c.Write(ctx, websocket.MessageText, []byte(data)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := c.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(got) != data {
			t.Fatalf("%d octets: got %d of kind %v, %v", n, len(got), kind, err)
		}
	}
	go func() { _, _, _ = c.Read(ctx) }()
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
	if err := c.Close(4100, "enough"); err != nil {
		t.Error(err)
	}
	h.Expect(t, "open", `close 4100 "enough"`)
	if n := e.Stats(); n.Accepted != 1 || n.MessagesIn != 7 || n.MessagesOut != 7 || n.BytesIn < 1<<20 || n.BytesOut < 1<<20 {
		t.Errorf("stats = %+v", n)
	}
}

func TestTooBigForAnotherClient(t *testing.T) {
	_, url := serve(t, ws.Options{}, ws.Accept{Handler: &echoer{}, Settings: &ws.Settings{MaxMessage: 1000}})
	c, _ := dial(t, url, nil)
	_ = c.Write(t.Context(), websocket.MessageText, make([]byte, 3<<20))
	_, _, err := c.Read(t.Context())
	if websocket.CloseStatus(err) != 1009 {
		t.Errorf("a message over the limit: %v", err)
	}
}

func TestManyClients(t *testing.T) {
	e, url := serve(t, ws.Options{}, ws.Accept{Handler: &echoer{}})
	var all sync.WaitGroup
	for range 50 {
		c, _ := dial(t, url, nil)
		all.Go(func() {
			for range 20 {
				if err := c.Write(t.Context(), websocket.MessageBinary, []byte("hello")); err != nil {
					t.Error(err)
				}
				if _, got, err := c.Read(t.Context()); err != nil || string(got) != "hello" {
					t.Errorf("got %q, %v", got, err)
				}
			}
			_ = c.Close(1000, "")
		})
	}
	all.Wait()
	if n := e.Stats().Accepted; n != 50 {
		t.Errorf("%d connections were accepted", n)
	}
}

// What OnOpen sends comes right behind the 101.
func TestOpenSendsBehindTheAnswer(t *testing.T) {
	h := &wstest.Recorder{Then: func(c *ws.Conn, line string) {
		if line == "open" {
			_ = c.Send(parley.Text, []byte("welcome"))
		}
	}}
	_, url := serve(t, ws.Options{}, ws.Accept{Handler: h})
	c, _ := dial(t, url, nil)
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "welcome" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMaxConns(t *testing.T) {
	_, url := serve(t, ws.Options{MaxConns: 2}, ws.Accept{Handler: &echoer{}})
	dial(t, url, nil)
	dial(t, url, nil)
	_, resp, err := websocket.Dial(t.Context(), url, nil)
	if err == nil || resp == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one connection too many: %v, %v", err, resp)
	}
}

// A refusal leaves the HTTP connection as it was.
func TestAcceptRefuses(t *testing.T) {
	e, url := serve(t, ws.Options{}, ws.Accept{Handler: &echoer{}})
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 426 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if n := e.Stats(); n.Refused[ws.RefusedBad] != 1 || n.Accepted != 0 {
		t.Errorf("stats = %+v", n)
	}
	rec := httptest.NewRecorder() // cannot be hijacked
	_, err = e.Accept(rec, handshake(), ws.Accept{Handler: &echoer{}})
	if refused := new(ws.HandshakeError); !errors.As(err, &refused) || refused.Status != 500 || rec.Code != 200 || rec.Body.Len() != 0 {
		t.Errorf("accept without hijack: %v", err)
	}
}

// A peer that is gone before it gets the 101 has been opened, and is closed.
func TestAcceptWithThePeerGone(t *testing.T) {
	e := ws.New(ws.Options{})
	server, client := net.Pipe()
	client.Close()
	h := &wstest.Recorder{}
	if _, err := e.Accept(hijacker{httptest.NewRecorder(), server}, handshake(), ws.Accept{Handler: h}); err != nil {
		t.Fatal(err)
	}
	h.Expect(t, "open", `close 1006 ""`)
	if err := e.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
		t.Error(err)
	}
}

type hijacker struct {
	http.ResponseWriter
	nc net.Conn
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.nc, bufio.NewReadWriter(bufio.NewReader(h.nc), bufio.NewWriter(h.nc)), nil
}

func TestIDs(t *testing.T) {
	e := ws.New(ws.Options{})
	if a, b := e.NewID(), e.NewID(); a == 0 || b == 0 || a == b {
		t.Errorf("ids %v and %v", a, b)
	}
	server, client := net.Pipe()
	c, err := e.Adopt(server, nil, ws.Accept{ID: 4711, Handler: &wstest.Recorder{}})
	if err != nil || c.ID() != 4711 {
		t.Errorf("id %v, %v", c.ID(), err)
	}
	client.Close()
	if err := e.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
		t.Error(err)
	}
}
