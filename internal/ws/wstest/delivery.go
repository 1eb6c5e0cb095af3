package wstest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"parley.example/parley/internal/ws"
)

// delivery is about frames that come in any pieces, and in any number.
func delivery(t *testing.T, s Setup) {
	for name, test := range map[string]func(*testing.T, Setup){
		"octet by octet":         octetByOctet,
		"every split point":      everySplitPoint,
		"1000 frames in a write": thousandFrames,
		"large and small":        largeAndSmall,
		"many keep apart":        manyKeepApart,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func octetByOctet(t *testing.T, s Setup) {
	h := &echo{}
	_, peer := s.connect(t, ws.Accept{Handler: h})
	go func() {
		for _, b := range Wire(Part(Text("h")), Ping("p"), Cont("é"), Binary(strings.Repeat("x", 300)), Close(1000, "bye")) {
			peer.Write([]byte{b})
		}
	}()
	peer.Expect(`pong "p"`, `text "hé"`, heard("binary", strings.Repeat("x", 300)), `close 1000 ""`, "end")
}

// everySplitPoint: the same frames, cut in two at each octet. The first part
// has been heard, as far as it can be, before the second comes.
func everySplitPoint(t *testing.T, s Setup) {
	frames := []Frame{Part(Text("é")), Ping("p"), Cont("x"), Binary(of(130))}
	answers := []string{"", `pong "p"`, `text "éx"`, heard("binary", of(130))}
	var ends []int // of each frame
	for i := range frames {
		ends = append(ends, len(Wire(frames[:i+1]...)))
	}
	wire := Wire(frames...)
	_, peer := s.connect(t, ws.Accept{Handler: &silentEcho{}})
	for cut := range len(wire) + 1 {
		next := 0
		for _, part := range []struct{ from, to int }{{0, cut}, {cut, len(wire)}} {
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				peer.Write(wire[part.from:part.to])
			}()
			for ; next < len(frames) && ends[next] <= part.to; next++ {
				if answers[next] != "" {
					peer.Expect(answers[next])
				}
			}
			within(t, sent, "sending")
		}
	}
}

func thousandFrames(t *testing.T, s Setup) {
	_, peer := s.connect(t, ws.Accept{Handler: &silentEcho{}})
	var frames []Frame
	for i := range 1000 {
		frames = append(frames, Text(fmt.Sprint(i)))
	}
	go peer.Send(append(frames, Close(1000, ""))...)
	for i := range 1000 {
		peer.Expect(fmt.Sprintf("text %q", fmt.Sprint(i)))
	}
	peer.Expect(`close 1000 ""`, "end")
}

func largeAndSmall(t *testing.T, s Setup) {
	_, peer := s.connect(t, ws.Accept{Handler: &silentEcho{}})
	sizes := []int{0, 70_000, 1, 200_000, 125, 3, 65536, 10, 500_000, 0}
	go func() {
		for _, n := range sizes {
			peer.Send(Binary(of(n)))
		}
	}()
	for _, n := range sizes {
		peer.Expect(Line("binary", of(n)))
	}
}

// manyKeepApart: what many peers send to one engine at the same time comes
// back to each of them.
func manyKeepApart(t *testing.T, s Setup) {
	e := s.Engine(ws.Options{})
	defer stop(t, e)
	var all sync.WaitGroup
	for i := range 20 {
		_, client := s.openOn(t, e, ws.Accept{Handler: &silentEcho{}})
		peer := NewPeer(t, client)
		all.Go(func() {
			for j := range 20 {
				text := fmt.Sprintf("%d from %d %s", j, i, of(j*97))
				peer.Send(Text(text))
				if got := peer.Next(); got != heard("text", text) {
					t.Errorf("peer %d got %.50s, want %.50s", i, got, text)
					return
				}
			}
		})
	}
	all.Wait()
}
