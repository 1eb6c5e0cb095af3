package wstest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

func closedByUs(t *testing.T, s Setup) {
	long := strings.Repeat("ü", 100) // 200 octets
	for _, tc := range []struct {
		name   string
		code   parley.CloseCode
		reason string
		want   string
	}{
		{"plain", 1000, "bye", `close 1000 "bye"`},
		{"application's", 4500, "", `close 4500 ""`},
		{"long reason", 1011, long, `close 1011 "` + long[:122] + `"`},
		{"broken reason", 1011, "caf\xe9", `close 1011 "caf` + "\uFFFD" + `"`},
		{"code that is never sent", 1006, "", `close 1011 ""`},
		{"no code", 0, "", `close 1011 ""`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := &Recorder{}
			c, peer := s.connect(t, ws.Accept{Handler: h})
			if err := c.Send(parley.Text, []byte("first")); err != nil {
				t.Fatal(err)
			}
			c.Close(tc.code, tc.reason)
			peer.Expect(`text "first"`, tc.want)
			peer.Send(Close(1000, "theirs"))
			peer.Expect("end")
			h.Expect(t, "open", tc.want)
		})
	}
}

func closeWhileClosing(t *testing.T, s Setup) {
	h := &Recorder{}
	c, peer := s.connect(t, ws.Accept{Handler: h})
	c.Close(1000, "first")
	c.Close(1001, "second")
	peer.Expect(`close 1000 "first"`)
	peer.Send(Frame{Op: OpClose})
	peer.Expect("end")
	h.Expect(t, "open", `close 1000 "first"`)
	c.Close(1002, "third")
}

func nothingAfterClose(t *testing.T, s Setup) {
	h := &Recorder{}
	c, peer := s.connect(t, ws.Accept{Handler: h})
	c.Close(1000, "")
	if n := c.SendPrepared(ws.Prepare(parley.Message{Kind: parley.Text})); n != 0 {
		t.Errorf("SendPrepared after Close has sent %d", n)
	}
	for what, err := range map[string]error{
		"Send": c.Send(parley.Text, []byte("x")),
		"Ping": c.Ping(nil),
	} {
		if !errors.Is(err, parley.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	peer.Expect(`close 1000 ""`)
	peer.Send(Close(1000, ""))
	peer.Expect("end")
	h.Expect(t, "open", `close 1000 ""`)
	if err := c.Send(parley.Text, []byte("x")); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("Send after OnClose: %v", err)
	}
}

// dataAreLate: what the peer says between our close frame and its own is not
// handed over, and not answered.
func dataAreLate(t *testing.T, s Setup) {
	h := &echo{}
	c, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{MaxMessage: 1000}})
	peer.Send(Part(Text("half")))
	c.Close(1000, "")
	peer.Expect(`close 1000 ""`)
	peer.Send(Cont(" and half"), Text("late\xff"), Ping("late"), Pong("late"), Binary(strings.Repeat("x", 50_000)), Close(1000, ""))
	peer.Expect("end")
	h.Expect(t, "open", `close 1000 ""`)
}

func peerGoesAway(t *testing.T, s Setup) {
	h := &echo{}
	_, peer := s.connect(t, ws.Accept{Handler: h})
	peer.Send(Text("x"))
	peer.Expect(`text "x"`)
	peer.Conn.Close()
	h.Expect(t, "open", `text "x"`, `close 1006 ""`)
}

func peerBreaksOff(t *testing.T, s Setup) {
	h := &Recorder{}
	c, peer := s.connect(t, ws.Accept{Handler: h})
	peer.Write(Wire(Text("hello"))[:7])
	half, ok := peer.Conn.(interface{ CloseWrite() error })
	if !ok {
		peer.Conn.Close()
	} else if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	h.Expect(t, "open", `close 1006 ""`)
	if err := c.Send(parley.Text, nil); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("Send after the peer's end: %v", err)
	}
}

func fullWindowThenClose(t *testing.T, s Setup) {
	h := &Recorder{Then: holdTexts}
	c, peer := s.connect(t, oneAtATime(h))
	peer.Send(Text("1"), Text("2"))
	h.Expect(t, "open", `text "1"`)
	c.Close(1000, "")
	peer.Expect(`close 1000 ""`)
	peer.Send(Text("3"), Close(1000, ""))
	peer.Expect("end")
	h.Expect(t, "open", `text "1"`, `close 1000 ""`)
}

func closeInOpen(t *testing.T, s Setup) {
	h := &Recorder{Then: func(c *ws.Conn, line string) {
		if line == "open" {
			c.Close(4500, "not you")
		}
	}}
	_, peer := s.connect(t, ws.Accept{Handler: h})
	peer.Expect(`close 4500 "not you"`)
	peer.Send(Close(4500, ""))
	peer.Expect("end")
	h.Expect(t, "open", `close 4500 "not you"`)
}

// openEndsFirst: whatever happens while OnOpen runs, nothing is written or
// called before it has returned.
func openEndsFirst(t *testing.T, s Setup) {
	server, client := s.Pair(t)
	e := s.Engine(ws.Options{})
	defer stop(t, e)
	peer := NewPeer(t, client)
	defer client.Close()
	h := &Recorder{}
	h.Then = func(c *ws.Conn, line string) {
		if line != "open" {
			return
		}
		_ = c.Send(parley.Text, []byte("hello"))
		c.Close(4500, "not you")
		_ = client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := client.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("while OnOpen runs, the peer got %d octets (%v)", n, err)
		}
		if lines := h.Lines(); len(lines) != 1 {
			t.Errorf("while OnOpen runs, the handler heard %q", lines)
		}
	}
	if _, err := e.Adopt(server, nil, ws.Accept{Handler: h}); err != nil {
		t.Fatal(err)
	}
	peer.Expect(`text "hello"`, `close 4500 "not you"`)
	peer.Send(Close(4500, ""))
	peer.Expect("end")
	h.Expect(t, "open", `close 4500 "not you"`)
}

func shutdown(t *testing.T, s Setup) {
	e := s.Engine(ws.Options{})
	var handlers []*Recorder
	var peers []*Peer
	for range 5 {
		h := &Recorder{}
		server, client := s.Pair(t)
		peer := NewPeer(t, client)
		if _, err := e.Adopt(server, nil, ws.Accept{Handler: h}); err != nil {
			t.Fatal(err)
		}
		handlers, peers = append(handlers, h), append(peers, peer)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := e.Shutdown(context.Background(), parley.CloseGoingAway, "stopping", 0); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}()
	for _, peer := range peers {
		peer.Expect(`close 1001 "stopping"`)
	}
	server, client := s.Pair(t)
	defer server.Close()
	defer client.Close()
	_, err := e.Adopt(server, nil, ws.Accept{Handler: &Recorder{}})
	if refused := new(ws.HandshakeError); !errors.Is(err, parley.ErrDraining) || !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("Adopt while draining: %v", err)
	}
	select {
	case <-ended:
		t.Error("Shutdown did not wait for the peers")
	default:
	}
	for i, peer := range peers {
		peer.Send(Close(1001, ""))
		peer.Expect("end")
		peer.Conn.Close()
		handlers[i].Expect(t, "open", `close 1001 "stopping"`)
	}
	within(t, ended, "Shutdown")
	stats := e.Stats()
	if stats.Open != 0 || stats.Accepted != 5 || stats.Refused[ws.RefusedDraining] != 1 || stats.Closed[1001] != 5 {
		t.Errorf("stats = %+v", stats)
	}
}

// shutdownCuts: peers that answer nothing, and one that takes nothing, are cut
// when time is up.
func shutdownCuts(t *testing.T, s Setup) {
	e := s.Engine(ws.Options{CloseTimeout: time.Hour})
	mute, full := &Recorder{}, &Recorder{}
	for _, h := range []*Recorder{mute, full} {
		server, client := s.Pair(t)
		NewPeer(t, client)
		c, err := e.Adopt(server, nil, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: 64 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		if h == full {
			if err := c.Send(parley.Binary, make([]byte, 60<<20)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Shutdown(ctx, parley.CloseGoingAway, "", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	mute.Expect(t, "open", `close 1001 ""`)
	full.Expect(t, "open", `close 1001 ""`)
}

// faultsAreForgotten: what broke one connection does not reach the next.
func faultsAreForgotten(t *testing.T, s Setup) {
	e := s.Engine(ws.Options{})
	defer stop(t, e)
	for range 10 {
		server, client := s.Pair(t)
		peer := NewPeer(t, client)
		if _, err := e.Adopt(server, nil, ws.Accept{Handler: &echo{}}); err != nil {
			t.Fatal(err)
		}
		peer.Send(Text("é"), Text("\xf0\x9f\x98"))
		peer.Expect(`text "é"`, `close 1007 "text is not UTF-8"`)
		client.Close()
	}
}
