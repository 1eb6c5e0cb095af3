package wstest

import (
	"fmt"
	"slices"
	"testing"

	"parley.example/parley/internal/ws"
)

// maxMessage is the limit of the conversations' messages.
const maxMessage = 100_000

// A conversation is what a peer sends, in one piece, to a handler that echoes,
// and what it gets. It ends the connection.
type conversation struct {
	name  string
	send  []Frame
	get   []string
	heard []string // after open

	deflate  bool // permessage-deflate is agreed on
	takeover bool // with that, messages may refer to earlier ones
}

// fails is a conversation in which frames, between two good messages, make the
// server fail the connection.
func fails(name string, code int, reason string, frames ...Frame) conversation {
	end := fmt.Sprintf("close %d %q", code, reason)
	return conversation{
		name:  name,
		send:  append(append([]Frame{Text("before")}, frames...), Text("after")),
		get:   []string{`text "before"`, end},
		heard: []string{`text "before"`, end},
	}
}

// echoes is a conversation in which frames are answered with lines, messages
// all of them.
func echoes(name string, frames []Frame, lines ...string) conversation {
	end := `close 1000 ""`
	return conversation{
		name:  name,
		send:  append(slices.Clone(frames), Close(1000, "")),
		get:   append(slices.Clone(lines), end),
		heard: append(slices.Clone(lines), end),
	}
}

// conversations are all of them, by what they are about.
func conversations() map[string][]conversation {
	return map[string][]conversation{
		"framing":  framing(),
		"messages": messages(),
		"control":  controls(),
		"text":     texts(),
		"close":    closes(),
		"limits":   limits(),
		"deflated": deflated(),
	}
}

// Conform tests that connections follow RFC 6455 and RFC 7692, whatever the
// handler is and whatever drives them.
func Conform(t *testing.T, s Setup) {
	for name, list := range conversations() {
		t.Run(name, func(t *testing.T) {
			for _, tc := range list {
				t.Run(tc.name, func(t *testing.T) { s.converse(t, tc) })
			}
		})
	}
	t.Run("delivery", func(t *testing.T) { delivery(t, s) })
}

func (s Setup) converse(t *testing.T, tc conversation) {
	h := &echo{}
	a := ws.Accept{Handler: h, Settings: &ws.Settings{MaxMessage: maxMessage}}
	if tc.deflate {
		a.Settings.Compression = &ws.Compression{Threshold: 1, ContextTakeover: tc.takeover}
		a.Extensions = []string{"permessage-deflate"}
	}
	_, peer := s.connect(t, a)
	peer.deflate, peer.takeover = tc.deflate, tc.takeover
	sent := make(chan struct{})
	go func() { // a connection without a buffer may want to be read meanwhile
		defer close(sent)
		peer.Send(tc.send...)
	}()
	peer.Expect(append(tc.get, "end")...)
	peer.Conn.Close()
	within(t, sent, "sending")
	h.Expect(t, append([]string{"open"}, tc.heard...)...)
}
