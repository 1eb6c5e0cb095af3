package load

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// serve starts a server whose peers get what answer makes of each message.
func serve(t *testing.T, answer func(n int, data []byte) []byte) Options {
	t.Helper()
	return start(t, func(c *websocket.Conn) {
		for n := 0; ; n++ {
			kind, data, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, answer(n, data)) != nil {
				return
			}
		}
	})
}

func start(t *testing.T, talk func(*websocket.Conn)) Options {
	t.Helper()
	var upgrader websocket.Upgrader
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		talk(c)
	}))
	t.Cleanup(s.Close)
	return Options{
		Addr: netip.MustParseAddrPort(s.Listener.Addr().String()), Path: "/",
		Conns: 4, Window: 3, Size: 64, For: 50 * time.Millisecond, Meter: &ticker{},
	}
}

// A ticker is a meter of a server that spends a millisecond between two looks.
type ticker struct{ spent time.Duration }

func (m *ticker) CPU() (time.Duration, error) {
	m.spent += time.Millisecond
	return m.spent, nil
}

func same(_ int, data []byte) []byte { return data }

func TestEcho(t *testing.T) {
	for _, size := range []int{8, 64, 200, 70_000} {
		opt := serve(t, same)
		opt.Size = size
		r, err := Echo(opt)
		if err != nil {
			t.Fatalf("%d octets: %v", size, err)
		}
		if r.Count == 0 || r.CPU != time.Millisecond || r.Wall < opt.For || r.P50 <= 0 || r.P99 < r.P50 {
			t.Errorf("%d octets: %+v", size, r)
		}
	}
	opt := serve(t, func(_ int, data []byte) []byte { return append([]byte("Got message: "), data...) })
	opt.Prefix, opt.Text = "Got message: ", true
	if _, err := Echo(opt); err != nil {
		t.Error(err)
	}
}

func TestEchoNoticesWhatIsWrong(t *testing.T) {
	var last []byte
	for name, answer := range map[string]func(n int, data []byte) []byte{
		"another octet": func(n int, data []byte) []byte {
			if n == 20 {
				data[63]++
			}
			return data
		},
		"one twice": func(n int, data []byte) []byte {
			if n == 20 {
				return last
			}
			last = slices.Clone(data)
			return data
		},
		"shorter": func(_ int, data []byte) []byte { return data[:63] },
	} {
		opt := serve(t, answer)
		opt.Conns = 1
		if _, err := Echo(opt); err == nil || !strings.Contains(err.Error(), "connection 0: message ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEchoOfAServerThatCloses(t *testing.T) {
	opt := start(t, func(c *websocket.Conn) {
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1011, "oh"), time.Now().Add(time.Second))
	})
	if _, err := Echo(opt); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
}

// A hall is a room: what one says, all hear.
type hall struct {
	forgetAt int // the message from which on one member hears nothing, and another all twice; 0 is never

	mu      sync.Mutex
	members []*websocket.Conn
	said    int
}

func (h *hall) talk(c *websocket.Conn) {
	h.mu.Lock()
	h.members = append(h.members, c)
	h.mu.Unlock()
	for {
		kind, data, err := c.ReadMessage()
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.said++; h.said == h.forgetAt {
			h.members[2] = h.members[3]
		}
		for _, m := range h.members {
			err = errors.Join(err, m.WriteMessage(kind, data))
		}
		h.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func TestRoom(t *testing.T) {
	opt := start(t, new(hall).talk)
	r, err := Room(opt)
	if err != nil {
		t.Fatal(err)
	}
	if r.Count == 0 || r.P50 <= 0 {
		t.Errorf("%+v", r)
	}
}

func TestRoomThatForgetsAMember(t *testing.T) {
	opt := start(t, (&hall{forgetAt: 50}).talk)
	opt.For = time.Second
	if _, err := Room(opt); err == nil {
		t.Error("no error")
	}
}

func TestHandshakes(t *testing.T) {
	opt := serve(t, same)
	opt.Cookies = []string{"sid=a", "sid=b"}
	r, err := Handshakes(opt)
	if err != nil {
		t.Fatal(err)
	}
	if r.Count == 0 {
		t.Errorf("%+v", r)
	}
}

func TestIdle(t *testing.T) {
	opt := serve(t, same)
	opt.Conns = 100
	looked := errors.New("looked")
	if err := Idle(opt, func() error { return looked }); !errors.Is(err, looked) {
		t.Error(err)
	}
}
