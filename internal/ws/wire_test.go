package ws_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// A gate is a web server whose every address echoes.
type gate struct {
	t      *testing.T
	engine *ws.Engine
	web    *httptest.Server
}

func newGate(t *testing.T, withTLS bool) *gate {
	g := &gate{t: t, engine: ws.New(ws.Options{})}
	g.web = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := g.engine.Accept(w, r, ws.Accept{Handler: &echoer{}})
		if refused := new(ws.HandshakeError); errors.As(err, &refused) {
			refused.Answer(w)
		}
	}))
	g.web.Config.MaxHeaderBytes = 16 << 10
	if withTLS {
		g.web.StartTLS()
	} else {
		g.web.Start()
	}
	t.Cleanup(func() {
		g.web.CloseClientConnections()
		g.web.Close()
		if err := g.engine.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
			t.Log(err) // peers did not answer
		}
	})
	return g
}

func (g *gate) dial() net.Conn {
	g.t.Helper()
	nc, err := net.Dial("tcp", g.web.Listener.Addr().String())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	if g.web.TLS != nil {
		return tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	return nc
}

// opening is an opening handshake as it stands on the wire.
const opening = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// with is opening with more header lines.
func with(lines ...string) string {
	return strings.TrimSuffix(opening, "\r\n") + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// but is opening with old replaced by text.
func but(old, text string) string { return strings.Replace(opening, old, text, 1) }

// TestHandshakeOnTheWire sends requests that no HTTP client would send, too.
func TestHandshakeOnTheWire(t *testing.T) {
	frames := string(wstest.Wire(wstest.Text("x")))
	for _, tc := range []struct {
		name    string
		request string
		status  int // 0: the connection ends without an answer, or with a 400
	}{
		{"plain", opening, 101},
		{"names in lower case", strings.NewReplacer("Upgrade:", "upgrade:", "Connection:", "connection:", "Sec-WebSocket-", "sec-websocket-").Replace(opening), 101},
		{"names in upper case", strings.NewReplacer("Upgrade:", "UPGRADE:", "Connection:", "CONNECTION:", "Sec-WebSocket-", "SEC-WEBSOCKET-").Replace(opening), 101},
		{"spaces around values", strings.NewReplacer(": ", ": \t ", "\r\nUp", " \t\r\nUp", "13", "13  ").Replace(opening), 101},
		{"query", but("GET /", "GET /a/b?c=d&e=%20f"), 101},
		{"whole address", but("GET /", "GET http://x/a"), 101},
		{"offers of what we do not know", with("Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c", "Sec-WebSocket-Extensions: x-unknown; a=\"b\", y"), 101},
		{"offers that are garbage", with("Sec-WebSocket-Protocol: ,,;\x80 ,", "Sec-WebSocket-Extensions: ;;;=,\","), 400},
		{"many tokens", with("Connection: " + strings.Repeat("a,", 5000)), 101},
		{"spaces for tokens", with("Connection: " + strings.Repeat(" ", 10_000) + ","), 101},
		{"no method", but("GET ", ""), 400},
		{"POST", but("GET", "POST"), 405},
		{"HTTP/1.0", but("HTTP/1.1", "HTTP/1.0"), 400},
		{"HTTP/2.0", but("HTTP/1.1", "HTTP/2.0"), 0},
		{"HTTP/9.9", but("HTTP/1.1", "HTTP/9.9"), 0},
		{"no Host", but("Host: x\r\n", ""), 400},
		{"two Hosts", with("Host: y"), 400},
		{"no Upgrade", but("Upgrade: websocket\r\n", ""), 426},
		{"version 12", but("13", "12"), 426},
		{"no key", but("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400},
		{"space before colon", but("Upgrade:", "Upgrade :"), 400},
		{"space in a name", with("X Y: z"), 400},
		{"NUL in a value", with("X: a\x00b"), 400},
		{"line folded", but("Connection: Upgrade", "Connection:\r\n Upgrade"), 101}, // RFC 9112 §5.2 allows either
		{"body", with("Content-Length: 7") + frames, 400},
		{"body that does not come", with("Content-Length: 7"), 400},
		{"chunked body", with("Transfer-Encoding: chunked") + "7\r\n" + frames + "\r\n0\r\n\r\n", 400},
		{"length and chunked", with("Content-Length: 7", "Transfer-Encoding: chunked") + frames, 400},
		{"length is no number", with("Content-Length: x"), 400},
		{"too many headers", with(strings.Repeat("X: y\r\n", 10_000) + "Z: z"), 431},
		{"header too long", with("X: " + strings.Repeat("x", 1<<20)), 431},
		{"target too long", but("GET /", "GET /"+strings.Repeat("x", 1<<20)), 431},
		{"garbage", "\x00\x01\x02garbage\r\n\r\n", 0},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
		{"TLS in what is plain", "\x16\x03\x01\x00\x05hello\r\n\r\n", 0},
		{"frames only", frames + "\r\n\r\n", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, withTLS := range map[string]bool{"HTTP": false, "HTTPS": true} {
				g := newGate(t, withTLS)
				nc := g.dial()
				go func() { _, _ = io.WriteString(nc, tc.request) }()
				answer := bufio.NewReader(nc)
				resp, err := http.ReadResponse(answer, nil)
				if err != nil {
					if tc.status != 0 {
						t.Errorf("%s: no answer: %v", name, err)
					}
					continue
				}
				if status := tc.status; resp.StatusCode != status && (status != 0 || resp.StatusCode < 400) {
					t.Errorf("%s: status %d, want %d", name, resp.StatusCode, tc.status)
				}
				if resp.StatusCode != 101 {
					continue
				}
				if p, x := resp.Header["Sec-Websocket-Protocol"], resp.Header["Sec-Websocket-Extensions"]; p != nil || x != nil {
					t.Errorf("%s: chose %q and %q", name, p, x)
				}
				peer := wstest.NewPeer(t, behind{nc, answer})
				peer.Send(wstest.Text("x"), wstest.Close(1000, ""))
				peer.Expect(`text "x"`, `close 1000 ""`, "end")
			}
		})
	}
}

// TestFramesAroundTheHandshake: whatever comes in one piece with what.
func TestFramesAroundTheHandshake(t *testing.T) {
	frames := string(wstest.Wire(wstest.Text("1"), wstest.Ping("2"), wstest.Text("3")))
	for name, parts := range map[string][]string{
		"frames with the request":           {opening + frames},
		"half a frame with the request":     {opening + frames[:10], frames[10:]},
		"request in two pieces":             {opening[:30], opening[30:] + frames},
		"request octet by octet":            append(strings.Split(opening, ""), frames),
		"end of the request with one octet": {opening[:len(opening)-1], opening[len(opening)-1:] + frames[:1], frames[1:]},
	} {
		t.Run(name, func(t *testing.T) {
			for _, withTLS := range []bool{false, true} {
				nc := newGate(t, withTLS).dial()
				go func() {
					for _, part := range parts {
						_, _ = io.WriteString(nc, part)
					}
				}()
				answer := bufio.NewReader(nc)
				resp, err := http.ReadResponse(answer, nil)
				if err != nil || resp.StatusCode != 101 {
					t.Fatalf("got %v, %v", resp, err)
				}
				peer := wstest.NewPeer(t, behind{nc, answer})
				peer.Expect(`text "1"`, `pong "2"`, `text "3"`)
				peer.Send(wstest.Close(1000, ""))
				peer.Expect(`close 1000 ""`, "end")
			}
		})
	}
}

// A refused handshake leaves a connection on which a better one succeeds, or
// ends it; what was its body is never taken for frames.
func TestHandshakeAfterARefusal(t *testing.T) {
	for name, refused := range map[string]string{
		"bad version": but("13", "12"),
		"no key":      but("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
		"body":        with("Content-Length: 7") + string(wstest.Wire(wstest.Text("x"))),
	} {
		t.Run(name, func(t *testing.T) {
			nc := newGate(t, false).dial()
			if _, err := io.WriteString(nc, refused); err != nil {
				t.Fatal(err)
			}
			answer := bufio.NewReader(nc)
			resp, err := http.ReadResponse(answer, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(nc, opening)
			resp, err = http.ReadResponse(answer, nil)
			if err != nil {
				return // it has been ended
			}
			if resp.StatusCode != 101 {
				t.Fatalf("the second handshake got %v", resp.Status)
			}
			peer := wstest.NewPeer(t, behind{nc, answer})
			peer.Send(wstest.Text("y"))
			peer.Expect(`text "y"`)
		})
	}
}
