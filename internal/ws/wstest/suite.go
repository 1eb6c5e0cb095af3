package wstest

import (
	"net"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// A Setup is what the suite needs to test one driver on one kind of
// connection.
type Setup struct {
	// Engine makes an engine that uses the driver for Pair's connections.
	Engine func(ws.Options) *ws.Engine

	// Pair makes the two ends of a connection.
	Pair func(t testing.TB) (server, peer net.Conn)

	// Open, if set, opens a WebSocket in another way than by Adopt on Pair, and
	// returns the peer's end after its opening handshake. Only Conform can do
	// without Pair.
	Open func(t testing.TB, e *ws.Engine, a ws.Accept) (c *ws.Conn, peer net.Conn)
}

// Run tests how connections behave, whatever drives them: what the handler
// hears and what the peer gets.
func Run(t *testing.T, s Setup) {
	t.Run("conform", func(t *testing.T) { Conform(t, s) })
	for name, test := range map[string]func(*testing.T, Setup){
		"drop oldest":              dropOldest,
		"drop newest":              dropNewest,
		"when drained":             whenDrained,
		"when drained, ended":      whenDrainedEnded,
		"window in octets":         windowOctets,
		"places":                   places,
		"too fast, waits":          tooFastWaits,
		"too fast, closed":         tooFastIsClosed,
		"idle":                     idle,
		"stale":                    stale,
		"reset in mid-write":       resetInMidWrite,
		"reset while unread":       resetWhileUnread,
		"reset while held":         resetWhileHeld,
		"last words":               lastWords,
		"half closed":              halfClosed,
		"close unanswered":         unanswered,
		"flood after close":        floodAfterClose,
		"closed by us":             closedByUs,
		"close while closing":      closeWhileClosing,
		"peer goes away":           peerGoesAway,
		"peer breaks off":          peerBreaksOff,
		"nothing after close":      nothingAfterClose,
		"data are late":            dataAreLate,
		"octets with the request":  buffered,
		"a full window holds back": fullWindowHoldsBack,
		"full window, then close":  fullWindowThenClose,
		"release from anywhere":    releaseFromAnywhere,
		"open sends":               openSends,
		"close in open":            closeInOpen,
		"open ends first":          openEndsFirst,
		"pong of the application":  applicationPong,
		"slow consumer":            slowConsumer,
		"one frame always fits":    oneFrameAlwaysFits,
		"drain":                    drain,
		"many senders":             manySenders,
		"held":                     held,
		"prepared":                 prepared,
		"ping flood":               pingFlood,
		"large message":            largeMessage,
		"large message, then more": drainedInOrder,
		"faults are forgotten":     faultsAreForgotten,
		"shutdown":                 shutdown,
		"shutdown cuts":            shutdownCuts,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// connect starts one connection; the engine is shut down when t ends.
func (s Setup) connect(t *testing.T, a ws.Accept) (*ws.Conn, *Peer) {
	t.Helper()
	c, peer, _ := s.connectTo(t, ws.Options{}, a)
	return c, peer
}

// connectTo is connect, to an engine with options.
func (s Setup) connectTo(t *testing.T, opt ws.Options, a ws.Accept) (*ws.Conn, *Peer, *ws.Engine) {
	t.Helper()
	e := s.Engine(opt)
	c, client := s.openOn(t, e, a)
	t.Cleanup(func() {
		client.Close()
		stop(t, e)
	})
	return c, NewPeer(t, client), e
}

// openOn starts one connection on e.
func (s Setup) openOn(t *testing.T, e *ws.Engine, a ws.Accept) (*ws.Conn, net.Conn) {
	t.Helper()
	if s.Open != nil {
		return s.Open(t, e, a)
	}
	server, client := s.Pair(t)
	c, err := e.Adopt(server, nil, a)
	if err != nil {
		t.Fatalf("adopt: %v", err)
	}
	return c, client
}

// stop shuts e down without patience, and fails t if something is left of it.
func stop(t testing.TB, e *ws.Engine) {
	t.Helper()
	e.Close()
	if n := e.Stats().Open; n != 0 {
		t.Errorf("%d connections are open after Shutdown", n)
	}
}

// An echo sends every message back.
type echo struct{ Recorder }

func (h *echo) OnMessage(c *ws.Conn, kind parley.Kind, data []byte) {
	h.Recorder.OnMessage(c, kind, data)
	_ = c.Send(kind, data)
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

// within fails t if done is not closed in time.
func within(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: not in time", what)
	}
}
