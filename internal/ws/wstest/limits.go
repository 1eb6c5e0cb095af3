package wstest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// windowOctets: the window counts octets, too.
func windowOctets(t *testing.T, s Setup) {
	h := &holds{}
	c, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{WindowBytes: 100}})
	sixty := strings.Repeat("x", 60)
	heard := []string{"open"}
	two := func() {
		heard = append(heard, fmt.Sprintf("text %q", sixty), fmt.Sprintf("text %q", sixty))
		h.Expect(t, heard...)
	}
	go peer.Send(Text(sixty), Text(sixty), Text(sixty), Text(sixty))
	two() // 120 octets: no more
	c.Release(60)
	h.Expect(t, heard...) // 60: not under half
	c.Release(60)
	two()
}

// places: so many connections there are, and so many of one address; when one
// has ended its place is free.
func places(t *testing.T, s Setup) {
	e := s.Engine(ws.Options{MaxConns: 4, MaxPerAddress: 2})
	defer stop(t, e)
	alice, bob := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")
	open := func(a netip.Addr) (*Peer, error) {
		server, client := s.Pair(t)
		peer := NewPeer(t, client)
		_, err := e.Adopt(server, nil, ws.Accept{Handler: &echo{}, Address: a})
		if err != nil {
			// It is still ours.
			go func() { _, _ = server.Write(Wire(Frame{Op: OpText, Payload: "mine", Bare: true})) }()
			peer.Expect(`text "mine"`)
			server.Close()
		}
		return peer, err
	}
	must := func(a netip.Addr) *Peer {
		t.Helper()
		peer, err := open(a)
		if err != nil {
			t.Fatal(err)
		}
		return peer
	}
	refused := func(a netip.Addr, status int, why ws.Refusal) {
		t.Helper()
		_, err := open(a)
		r := new(ws.HandshakeError)
		if !errors.As(err, &r) || r.Status != status || r.Refusal != why || !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("got %v, want status %d", err, status)
		}
	}
	end := func(peer *Peer) {
		t.Helper()
		before := e.Stats().Open
		peer.Send(Close(1000, ""))
		peer.Expect(`close 1000 ""`, "end")
		peer.Conn.Close()
		eventually(t, "the connection is gone", func() bool { return e.Stats().Open < before })
	}
	one := must(alice)
	must(alice)
	refused(alice, 429, ws.RefusedAddress)
	end(one)
	must(alice)
	refused(alice, 429, ws.RefusedAddress)
	other := must(bob)
	must(netip.Addr{})
	refused(bob, 503, ws.RefusedFull)
	refused(netip.Addr{}, 503, ws.RefusedFull)
	end(other)
	must(bob)
	stats := e.Stats()
	if stats.Open != 4 || stats.Accepted != 6 || stats.Closed[1000] != 2 ||
		stats.Refused[ws.RefusedAddress] != 2 || stats.Refused[ws.RefusedFull] != 2 {
		t.Errorf("stats = %+v", stats)
	}
}

// tooFastWaits: a peer that is faster than its rate is read more slowly, and
// all it says is heard.
func tooFastWaits(t *testing.T, s Setup) {
	h := &echo{}
	_, peer, e := s.connectTo(t, ws.Options{}, ws.Accept{
		Handler: h, Settings: &ws.Settings{Rate: &ws.Rate{Messages: 200, Burst: 50 * time.Millisecond}},
	})
	const n = 50
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range n {
			peer.Send(Text(fmt.Sprint(i)))
		}
	}()
	for i := range n {
		peer.Expect(fmt.Sprintf("text %q", fmt.Sprint(i)))
	}
	within(t, sent, "sending")
	if stats := e.Stats(); stats.LimitedWaits == 0 || stats.LimitedClosed != 0 || stats.MessagesIn != n {
		t.Errorf("stats = %+v", stats)
	}
}

// tooFastIsClosed: what is too much is not handed over; as long as something is
// saved up, one message of any size is not.
func tooFastIsClosed(t *testing.T, s Setup) {
	h := &echo{}
	_, peer, e := s.connectTo(t, ws.Options{}, ws.Accept{
		Handler: h, Settings: &ws.Settings{Rate: &ws.Rate{Bytes: 1, Burst: time.Hour, Close: true}},
	})
	half := strings.Repeat("x", 1801)
	go peer.Send(Text(half), Text(half), Text("more"))
	peer.Expect(Line("text", half), Line("text", half), `close 1008 "sends too fast"`)
	peer.Send(Close(1008, ""))
	peer.Expect("end")
	h.Expect(t, "open", Line("text", half), Line("text", half), `close 1008 "sends too fast"`)
	if stats := e.Stats(); stats.LimitedClosed != 1 || stats.LimitedWaits != 0 {
		t.Errorf("stats = %+v", stats)
	}
}

// idle: pings and pongs keep no connection that nobody uses.
func idle(t *testing.T, s Setup) {
	_, peer, e := s.connectTo(t, ws.Options{}, ws.Accept{
		Handler: &echo{}, Settings: &ws.Settings{IdleAfter: 300 * time.Millisecond, PingEvery: 100 * time.Millisecond},
	})
	for line := peer.Next(); line != `close 1001 "idle"`; line = peer.Next() {
		if line != `ping "parley"` {
			t.Fatalf("got %s", line)
		}
		peer.Send(Pong("parley"))
	}
	peer.Send(Close(1001, ""))
	peer.Expect("end")
	eventually(t, "the connection is counted", func() bool { return e.Stats().Closed[1001] == 1 })
}

// stale: a peer of which nothing is heard is pinged, told, and cut.
func stale(t *testing.T, s Setup) {
	h := &Recorder{}
	_, peer, e := s.connectTo(t, ws.Options{CloseTimeout: 100 * time.Millisecond}, ws.Accept{
		Handler: h, Settings: &ws.Settings{PingEvery: 100 * time.Millisecond, StaleAfter: 350 * time.Millisecond},
	})
	line := peer.Next()
	for line == `ping "parley"` {
		line = peer.Next()
	}
	if line != `close 4001 "nothing heard"` {
		t.Errorf("got %s", line)
	}
	if line = peer.Next(); line != "end" && line != "reset" {
		t.Errorf("then got %s", line)
	}
	h.Expect(t, "open", `close 4001 "nothing heard"`)
	eventually(t, "the connection is counted", func() bool { return e.Stats().Closed[parley.CloseStale] == 1 })
}
