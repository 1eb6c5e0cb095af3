package wstest

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// reset ends a connection without ceremony; TCP with a reset.
func reset(nc net.Conn) {
	if outer, ok := nc.(*tls.Conn); ok {
		nc = outer.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	nc.Close()
}

// resetInMidWrite: a peer that vanishes while much is being written to it.
func resetInMidWrite(t *testing.T, s Setup) {
	h := &Recorder{}
	c, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: 64 << 20}})
	if err := c.Send(parley.Binary, make([]byte, 60<<20)); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Conn.Read(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	reset(peer.Conn)
	h.Expect(t, "open", `close 1006 ""`)
	if err := c.Send(parley.Text, nil); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("Send after the end: %v", err)
	}
	if n := c.Buffered(); n != 0 {
		t.Errorf("%d octets wait for nobody", n)
	}
}

// resetWhileUnread: a peer whose outbox is full, so that it is not read, and
// that vanishes.
func resetWhileUnread(t *testing.T, s Setup) {
	ended := make(chan string, 1)
	h := &silentEcho{ended: ended}
	c, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: 50_000, Slow: ws.DropNewest}})
	frame := Wire(Text(strings.Repeat("x", 1000)))
	var written atomic.Int64
	go func() {
		for {
			if _, err := peer.Conn.Write(frame); err != nil {
				return
			}
			written.Add(1)
		}
	}()
	eventually(t, "the outbox is full, and the peer is not read", func() bool {
		before := written.Load()
		time.Sleep(50 * time.Millisecond)
		return c.Buffered() > 12_000 && written.Load() == before // from a half of it down to a quarter
	})
	reset(peer.Conn)
	if code := <-ended; code != "1006" {
		t.Errorf("closed with %s", code)
	}
}

// A silentEcho sends every message back and remembers nothing but its end.
type silentEcho struct {
	ended chan string // is told the code
}

func (*silentEcho) OnOpen(*ws.Conn) {}

func (*silentEcho) OnMessage(c *ws.Conn, kind parley.Kind, data []byte) { _ = c.Send(kind, data) }

func (*silentEcho) OnPong(*ws.Conn, []byte) {}

func (h *silentEcho) OnClose(_ *ws.Conn, code parley.CloseCode, _ string) {
	if h.ended != nil {
		h.ended <- code.String()
	}
}

// resetWhileHeld: a peer that vanishes while its messages are not answered.
// What it said before is heard when they are.
func resetWhileHeld(t *testing.T, s Setup) {
	h := &holds{}
	c, peer := s.connect(t, oneAtATime(h))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		peer.Send(Text("1"), Text("2"))
	}()
	h.Expect(t, "open", `text "1"`)
	within(t, sent, "sending")
	reset(peer.Conn)
	c.Release(1)
	h.Expect(t, "open", `text "1"`, `text "2"`)
	c.Release(1)
	h.Expect(t, "open", `text "1"`, `text "2"`, `close 1006 ""`)
}

// lastWords: a peer that closes its side of the stream right behind its close
// frame, and reads on, gets all answers.
func lastWords(t *testing.T, s Setup) {
	h := &echo{}
	_, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: 64 << 20, MaxMessage: 2 << 20}})
	half, ok := peer.Conn.(interface{ CloseWrite() error })
	big := strings.Repeat("x", 2<<20)
	go func() {
		peer.Send(Binary(big), Binary(big), Text("last"), Close(1000, ""))
		if ok {
			_ = half.CloseWrite()
		}
	}()
	peer.Expect(Line("binary", big), Line("binary", big), `text "last"`, `close 1000 ""`, "end")
}

// halfClosed: the end of the peer's stream without a close frame ends the
// connection, also if the peer reads on.
func halfClosed(t *testing.T, s Setup) {
	h := &echo{}
	_, peer := s.connect(t, ws.Accept{Handler: h})
	half, ok := peer.Conn.(interface{ CloseWrite() error })
	if !ok {
		return // this kind of connection has no half
	}
	peer.Send(Text("x"))
	peer.Expect(`text "x"`)
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	peer.Expect("end")
	h.Expect(t, "open", `text "x"`, `close 1006 ""`)
}

// unanswered: a peer that does not answer our close frame is cut.
func unanswered(t *testing.T, s Setup) {
	h := &Recorder{}
	c, peer, e := s.connectTo(t, ws.Options{CloseTimeout: 100 * time.Millisecond}, ws.Accept{Handler: h})
	c.Close(1000, "bye")
	peer.Expect(`close 1000 "bye"`)
	if line := peer.Next(); line != "end" && line != "reset" {
		t.Errorf("then got %s", line)
	}
	h.Expect(t, "open", `close 1000 "bye"`)
	eventually(t, "the connection is gone", func() bool { return e.Stats().Open == 0 })
}

// floodAfterClose: one that sends for ever after our close frame is cut, too,
// whether it was closed as it should or for breaking the protocol.
func floodAfterClose(t *testing.T, s Setup) {
	for name, begin := range map[string]func(*ws.Conn, *Peer){
		"closed": func(c *ws.Conn, _ *Peer) { c.Close(1000, "") },
		"failed": func(_ *ws.Conn, peer *Peer) { peer.Write(Wire(Frame{Op: 3})) },
	} {
		t.Run(name, func(t *testing.T) {
			h := &echo{}
			c, peer, e := s.connectTo(t, ws.Options{CloseTimeout: 200 * time.Millisecond}, ws.Accept{Handler: h})
			begin(c, peer)
			first := peer.Next()
			if !strings.HasPrefix(first, "close 100") {
				t.Fatalf("got %s", first)
			}
			flood := Wire(Text(strings.Repeat("x", 1000)), Ping("x"), Part(Binary("y")), Cont("z"))
			for deadline := time.Now().Add(patience); e.Stats().Open > 0; {
				_ = peer.Conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
				_, _ = peer.Conn.Write(flood)
				if time.Now().After(deadline) {
					t.Fatal("the connection does not end")
				}
			}
			h.Expect(t, "open", first)
		})
	}
}
