package wstest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// buffered: octets that came together with the request are served first.
func buffered(t *testing.T, s Setup) {
	h := &echo{}
	server, client := s.Pair(t)
	e := s.Engine(ws.Options{})
	defer stop(t, e)
	peer := NewPeer(t, client)
	defer client.Close()
	all := Wire(Text("early"), Text("split"))
	if _, err := e.Adopt(server, all[:len(all)-3], ws.Accept{Handler: h}); err != nil {
		t.Fatal(err)
	}
	peer.Expect(`text "early"`)
	peer.Write(append(all[len(all)-3:], Wire(Close(1000, ""))...))
	peer.Expect(`text "split"`, `close 1000 ""`, "end")
}

// oneAtATime lets one message be unanswered.
func oneAtATime(h ws.Handler) ws.Accept {
	return ws.Accept{Handler: h, Settings: &ws.Settings{WindowMessages: 1}}
}

// holdTexts holds every text.
func holdTexts(c *ws.Conn, line string) {
	if strings.HasPrefix(line, "text") {
		c.Hold(1)
	}
}

// fullWindowHoldsBack: nothing of the same read is handed over while the window
// is full, control frames neither.
func fullWindowHoldsBack(t *testing.T, s Setup) {
	h := &echo{}
	h.Then = holdTexts
	c, peer := s.connect(t, oneAtATime(h))
	c.Release(1) // of nothing
	go peer.Send(Text("1"), Text("2"), Ping("p"), Text("3"), Close(1000, ""))
	peer.Expect(`text "1"`)
	h.Expect(t, "open", `text "1"`)
	c.Release(1)
	peer.Expect(`text "2"`)
	h.Expect(t, "open", `text "1"`, `text "2"`)
	c.Release(1)
	peer.Expect(`pong "p"`, `text "3"`)
	h.Expect(t, "open", `text "1"`, `text "2"`, `text "3"`)
	c.Release(1)
	peer.Expect(`close 1000 ""`, "end")
	h.Expect(t, "open", `text "1"`, `text "2"`, `text "3"`, `close 1000 ""`)
}

func releaseFromAnywhere(t *testing.T, s Setup) {
	const n = 200
	held := make(chan *ws.Conn, n)
	h := &Recorder{Then: func(c *ws.Conn, line string) {
		if strings.HasPrefix(line, "text") {
			c.Hold(1)
			held <- c
		}
	}}
	c, peer := s.connect(t, oneAtATime(h))
	var frames []Frame
	want := []string{"open"}
	for i := range n {
		frames = append(frames, Text(fmt.Sprint(i)))
		want = append(want, fmt.Sprintf("text %q", fmt.Sprint(i)))
	}
	go peer.Send(frames...)
	go func() {
		for range n {
			(<-held).Release(1)
		}
	}()
	h.Expect(t, want...)
	c.Close(1000, "")
	peer.Expect(`close 1000 ""`)
}

func openSends(t *testing.T, s Setup) {
	h := &Recorder{Then: func(c *ws.Conn, line string) {
		if line == "open" {
			_ = c.Send(parley.Text, []byte("hello"))
			_ = c.Ping([]byte("there?"))
		}
	}}
	_, peer := s.connect(t, ws.Accept{Handler: h})
	peer.Expect(`text "hello"`, `ping "there?"`)
	peer.Send(Pong("there?"), Close(1000, ""))
	peer.Expect(`close 1000 ""`, "end")
	h.Expect(t, "open", `pong "there?"`, `close 1000 ""`)
}

// applicationPong: only pongs to the application's pings are handed over, and
// a pong answers all earlier pings.
func applicationPong(t *testing.T, s Setup) {
	h := &Recorder{}
	c, peer := s.connect(t, ws.Accept{Handler: h})
	for _, data := range []string{"1", "2", "2", "3"} {
		if err := c.Ping([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Ping(make([]byte, 126)); err == nil || errors.Is(err, parley.ErrClosed) {
		t.Errorf("a ping with 126 octets: %v", err)
	}
	peer.Expect(`ping "1"`, `ping "2"`, `ping "2"`, `ping "3"`)
	peer.Send(Pong("unasked"), Pong("2"), Pong("1"), Pong("2"), Pong("3"), Pong("3"), Close(1000, ""))
	peer.Expect(`close 1000 ""`)
	h.Expect(t, "open", `pong "2"`, `pong "2"`, `pong "3"`, `close 1000 ""`)
}

// slowConsumer: a peer that reads nothing is closed when its outbox is full,
// and the sender is told.
func slowConsumer(t *testing.T, s Setup) {
	h := &echo{}
	c, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: 100_000}})
	data := []byte(strings.Repeat("x", 999))
	sent := 0
	var err error
	for err == nil {
		if size := c.Buffered(); size > 100_000 {
			t.Fatalf("%d octets wait, 100,000 are allowed", size)
		}
		if err = c.Send(parley.Text, data); err == nil {
			sent++
		}
	}
	if !errors.Is(err, parley.ErrSlow) {
		t.Fatalf("Send to a full outbox: %v", err)
	}
	if err := c.Send(parley.Text, data); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("Send after ErrSlow: %v", err)
	}
	for range sent {
		peer.Expect(Line("text", string(data)))
	}
	peer.Expect(`close 4000 "reads too slowly"`)
	peer.Send(Close(4000, ""))
	peer.Expect("end")
	h.Expect(t, "open", `close 4000 "reads too slowly"`)
}

func oneFrameAlwaysFits(t *testing.T, s Setup) {
	h := &Recorder{}
	c, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: 1000}})
	data := strings.Repeat("x", 500_000)
	if err := c.Send(parley.Text, []byte(data)); err != nil {
		t.Fatalf("a frame larger than the empty outbox: %v", err)
	}
	peer.Expect(Line("text", data))
}

// drain: a peer that sends faster than it reads is not read while its outbox is
// over half full, and gets everything.
func drain(t *testing.T, s Setup) {
	h := &echo{}
	_, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: 20_000}})
	const n = 1000
	data := strings.Repeat("x", 1000)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range n {
			peer.Send(Text(fmt.Sprint(i, " ", data)))
		}
	}()
	for i := range n {
		peer.Expect(fmt.Sprintf("text %q", fmt.Sprint(i, " ", data)))
	}
	within(t, sent, "sending")
}

func manySenders(t *testing.T, s Setup) {
	c, peer := s.connect(t, ws.Accept{Handler: &Recorder{}, Settings: &ws.Settings{Outbox: 10 << 20}})
	const senders, each = 8, 200
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for j := range each {
				if err := c.Send(parley.Text, fmt.Appendf(nil, "%d %d", i, j)); err != nil {
					t.Errorf("sender %d: %v", i, err)
					return
				}
			}
		})
	}
	next := make([]int, senders)
	for range senders * each {
		var i, j int
		line := peer.Next()
		if _, err := fmt.Sscanf(line, `text "%d %d"`, &i, &j); err != nil || next[i] != j {
			t.Fatalf("got %s, want message %d of that sender (%v)", line, next[i], err)
		}
		next[i]++
	}
	all.Wait()
}

// prepared: one Prepared goes to many, short and long, between other messages.
func prepared(t *testing.T, s Setup) {
	for _, n := range []int{0, 10, 70_000, 300_000} {
		p := ws.Prepare(parley.Message{Kind: parley.Binary, Data: []byte(strings.Repeat("p", n))})
		for range 3 {
			c, peer := s.connect(t, ws.Accept{Handler: &Recorder{}})
			_ = c.Send(parley.Text, []byte("a"))
			c.SendPrepared(p)
			_ = c.Send(parley.Text, []byte("b"))
			c.SendPrepared(p)
			line := Line("binary", strings.Repeat("p", n))
			peer.Expect(`text "a"`, line, `text "b"`, line)
		}
	}
}

// pingFlood: a peer that pings and does not read costs no memory, and gets the
// pong of its latest ping once it reads.
func pingFlood(t *testing.T, s Setup) {
	h := &echo{}
	c, peer := s.connect(t, ws.Accept{Handler: h})
	const n = 8000
	go func() {
		for i := range n {
			peer.Send(Ping(fmt.Sprintf("%05d %s", i, strings.Repeat("x", 100))))
		}
		peer.Send(Text("end"))
	}()
	last := ""
	for {
		if size := c.Buffered(); size > 512<<10 {
			t.Fatalf("%d octets of pongs wait", size)
		}
		line := peer.Next()
		if line == `text "end"` {
			break
		}
		if !strings.HasPrefix(line, "pong") || line <= last {
			t.Fatalf("got %.20s after %.20s", line, last)
		}
		last = line
	}
	for latest := fmt.Sprintf(`pong "%05d`, n-1); !strings.HasPrefix(last, latest); {
		last = peer.Next()
	}
}

func largeMessage(t *testing.T, s Setup) {
	h := &echo{}
	_, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{MaxMessage: 2 << 20}})
	data := strings.Repeat("0123456789abcdef", 2<<16)
	go peer.Send(Binary(data), Part(Text("x")), Cont(data[1:]))
	peer.Expect(Line("binary", data), Line("text", "x"+data[1:]))
}

// drainedInOrder: what is sent while a writer waits comes after what waits.
func drainedInOrder(t *testing.T, s Setup) {
	c, peer := s.connect(t, ws.Accept{Handler: &Recorder{}, Settings: &ws.Settings{Outbox: 64 << 20}})
	large := strings.Repeat("x", 8<<20)
	_ = c.Send(parley.Binary, []byte(large))
	for i := range 100 {
		_ = c.Send(parley.Text, fmt.Append(nil, i))
	}
	c.Close(1000, "")
	peer.Expect(Line("binary", large))
	for i := range 100 {
		peer.Expect(fmt.Sprintf("text %q", fmt.Sprint(i)))
	}
	peer.Expect(`close 1000 ""`)
}
