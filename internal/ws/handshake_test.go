package ws_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// handshake is a proper request, then changed: "Name: value" sets a header,
// "+Name: value" adds a line, "-Name" removes one; anything else replaces the
// request line.
func handshake(changes ...string) *http.Request {
	first := "GET /chat HTTP/1.1"
	h := http.Header{}
	for _, line := range append([]string{
		"Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	}, changes...) {
		name, value, header := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "-"):
			h.Del(line[1:])
		case strings.HasPrefix(line, "+"):
			h.Add(name[1:], strings.TrimSpace(value))
		case header:
			h.Set(name, strings.TrimSpace(value))
		default:
			first = line
		}
	}
	var b bytes.Buffer
	b.WriteString(first + "\r\nHost: example.com\r\n")
	_ = h.Write(&b)
	b.WriteString("\r\n")
	r, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		panic(err)
	}
	return r
}

func TestCheckUpgrade(t *testing.T) {
	e := ws.New(ws.Options{})
	for _, tc := range []struct {
		name    string
		changes []string
		status  int // 0: accepted
	}{
		{"plain", nil, 0},
		{"other letter case", []string{"Upgrade: WebSocket", "Connection: upgrade"}, 0},
		{"lists", []string{"Upgrade: h2c, websocket", "Connection: keep-alive,Upgrade"}, 0},
		{"list in lines", []string{"Connection: keep-alive", "+Connection: Upgrade"}, 0},
		{"no body", []string{"Content-Length: 0"}, 0},
		{"POST", []string{"POST / HTTP/1.1"}, 405},
		{"HEAD", []string{"HEAD / HTTP/1.1"}, 405},
		{"lower-case method", []string{"get / HTTP/1.1"}, 405},
		{"plain GET", []string{"-Upgrade", "-Connection", "-Sec-WebSocket-Key", "-Sec-WebSocket-Version"}, 426},
		{"no Upgrade", []string{"-Upgrade"}, 426},
		{"other Upgrade", []string{"Upgrade: h2c"}, 426},
		{"lookalike Upgrade", []string{"Upgrade: websocketx"}, 426},
		{"HTTP/1.0", []string{"GET / HTTP/1.0"}, 400},
		{"no Connection", []string{"-Connection"}, 400},
		{"other Connection", []string{"Connection: keep-alive"}, 400},
		{"lookalike Connection", []string{"Connection: upgraded, x-upgrade"}, 400},
		{"body", []string{"Content-Length: 5"}, 400},
		{"chunked body", []string{"Transfer-Encoding: chunked"}, 400},
		{"no version", []string{"-Sec-WebSocket-Version"}, 426},
		{"version 8", []string{"Sec-WebSocket-Version: 8"}, 426},
		{"version 13abc", []string{"Sec-WebSocket-Version: 13abc"}, 426},
		{"two versions", []string{"+Sec-WebSocket-Version: 13"}, 426},
		{"no key", []string{"-Sec-WebSocket-Key"}, 400},
		{"empty key", []string{"Sec-WebSocket-Key:"}, 400},
		{"short key", []string{"Sec-WebSocket-Key: c2hvcnQ="}, 400},
		{"long key", []string{"Sec-WebSocket-Key: dGhpcyBpcyBtb3JlIHRoYW4gMTYgYnl0ZXM="}, 400},
		{"key not base64", []string{"Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="}, 400},
		{"two keys", []string{"+Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := e.CheckUpgrade(handshake(tc.changes...), netip.Addr{})
			if err == nil {
				if tc.status != 0 {
					t.Errorf("accepted, want status %d", tc.status)
				}
				return
			}
			if err.Status != tc.status {
				t.Errorf("status %d (%s), want %d", err.Status, err.Message, tc.status)
			}
			answer := httptest.NewRecorder()
			err.Answer(answer)
			h := answer.Header()
			if answer.Code != err.Status || !strings.Contains(answer.Body.String(), err.Message) {
				t.Errorf("the answer is %d %q", answer.Code, answer.Body)
			}
			if tc.status == 405 && h.Get("Allow") != "GET" {
				t.Errorf("405 without Allow: %v", h)
			}
			if tc.status == 426 && (h.Get("Upgrade") != "websocket" || h.Get("Sec-WebSocket-Version") != "13") {
				t.Errorf("426 with %v", h)
			}
		})
	}
}

func TestCheckUpgradeFullAndDraining(t *testing.T) {
	e := ws.New(ws.Options{MaxConns: -1})
	err := e.CheckUpgrade(handshake(), netip.Addr{})
	if err == nil || err.Status != 503 || err.Header.Get("Retry-After") == "" || !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("full: %v", err)
	}
	if err := e.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
		t.Fatal(err)
	}
	err = e.CheckUpgrade(handshake(), netip.Addr{})
	if err == nil || err.Status != 503 || err.Header.Get("Retry-After") == "" || !errors.Is(err, parley.ErrDraining) {
		t.Errorf("draining: %v", err)
	}
	if n := e.Stats().Refused; n[ws.RefusedFull] != 1 || n[ws.RefusedDraining] != 1 {
		t.Errorf("refused: %v", n)
	}
}

// FuzzHandshake: whatever comes in, the answer is a 4xx, or the request is one
// that RFC 6455 allows.
func FuzzHandshake(f *testing.F) {
	good := "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	f.Add([]byte(good + "\r\n"))
	f.Add([]byte(good + "Connection: ,,,\r\nSec-WebSocket-Protocol: a,,b\r\n\r\n"))
	f.Add([]byte(good + "Content-Length: 4\r\n\r\nbody"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	e := ws.New(ws.Options{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		if refused := e.CheckUpgrade(r, netip.Addr{}); refused != nil {
			if refused.Status < 400 || refused.Status > 499 || refused.Message == "" {
				t.Errorf("refused with %d %q", refused.Status, refused.Message)
			}
			return
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key")))
		if err != nil || len(key) != 16 || r.Method != "GET" || r.ContentLength != 0 ||
			!strings.Contains(strings.ToLower(strings.Join(r.Header["Upgrade"], ",")), "websocket") ||
			!strings.Contains(strings.ToLower(strings.Join(r.Header["Connection"], ",")), "upgrade") {
			t.Errorf("accepted %q", b)
		}
	})
}
