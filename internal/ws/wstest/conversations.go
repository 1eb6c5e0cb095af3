package wstest

import (
	"fmt"
	"strings"
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
}

var conversations = []conversation{
	{
		"text",
		[]Frame{Text("hello"), Close(1000, "bye")},
		[]string{`text "hello"`, `close 1000 ""`},
		[]string{`text "hello"`, `close 1000 "bye"`},
	},
	{
		"empty messages",
		[]Frame{Text(""), Binary(""), {Op: OpClose}},
		[]string{`text ""`, `binary ""`, `close 1005 ""`},
		[]string{`text ""`, `binary ""`, `close 1005 ""`},
	},
	{
		"fragments",
		[]Frame{Part(Text("a")), Part(Cont("")), Cont("b"), Part(Binary("")), Cont("\xff"), Close(3000, "")},
		[]string{`text "ab"`, `binary "\xff"`, `close 3000 ""`},
		[]string{`text "ab"`, `binary "\xff"`, `close 3000 ""`},
	},
	{
		"control frames between fragments",
		[]Frame{Part(Text("a")), Ping("x"), Pong("unasked"), Cont("b"), Ping(""), Close(1001, "")},
		[]string{`pong "x"`, `text "ab"`, `pong ""`, `close 1001 ""`},
		[]string{`text "ab"`, `close 1001 ""`},
	},
	{
		"close inside a message",
		[]Frame{Part(Text("a")), Close(1000, "")},
		[]string{`close 1000 ""`},
		[]string{`close 1000 ""`},
	},
	{
		"character across fragments",
		[]Frame{Part(Text("caf\xc3")), Part(Cont("")), Ping("p"), Cont("\xa9"), Close(1000, "")},
		[]string{`pong "p"`, `text "café"`, `close 1000 ""`},
		[]string{`text "café"`, `close 1000 ""`},
	},
	{
		"close frame and more",
		[]Frame{Close(1000, ""), Text("late"), Ping("late"), Close(1001, "")},
		[]string{`close 1000 ""`},
		[]string{`close 1000 ""`},
	},
	{
		"longest message",
		[]Frame{Text(strings.Repeat("x", maxMessage)), Close(1000, "")},
		[]string{Line("text", strings.Repeat("x", maxMessage)), `close 1000 ""`},
		[]string{`text "` + strings.Repeat("x", maxMessage) + `"`, `close 1000 ""`},
	},
	{
		"many empty fragments, twice",
		append(append(hollow(4096), hollow(4096)...), Close(1000, "")),
		[]string{`text "ab"`, `text "ab"`, `close 1000 ""`},
		[]string{`text "ab"`, `text "ab"`, `close 1000 ""`},
	},
	fails("too many empty fragments", 1008, "too many empty fragments", hollow(4097)...),
	fails("text not UTF-8", 1007, "text is not UTF-8", Text("caf\xe9")),
	fails("text cut inside a character", 1007, "text is not UTF-8", Text("caf\xc3")),
	fails("surrogate across fragments", 1007, "text is not UTF-8", Part(Text("\xed")), Part(Cont("\xa0"))),
	fails("invalid inside an unfinished frame", 1007, "text is not UTF-8", Frame{Op: OpText, Payload: "a\xff", Claims: true, Claim: 1000}),
	fails("reserved bit", 1002, "reserved bit set", Frame{Op: OpText, RSV: 4}),
	fails("reserved bit on a ping", 1002, "reserved bit set", Frame{Op: OpPing, RSV: 1}),
	fails("unknown opcode", 1002, "unknown opcode", Frame{Op: 3}),
	fails("unknown control opcode", 1002, "unknown opcode", Frame{Op: 11}),
	fails("unmasked", 1002, "frame is not masked", Frame{Op: OpText, Payload: "x", Bare: true}),
	fails("ping in fragments", 1002, "control frame in fragments", Part(Ping("x"))),
	fails("long ping", 1002, "control frame over 125 octets", Ping(strings.Repeat("x", 126))),
	fails("length not shortest, 16", 1002, "length is not in its shortest form", Frame{Op: OpText, Payload: "x", Form: 16}),
	fails("length not shortest, 64", 1002, "length is not in its shortest form", Frame{Op: OpText, Payload: "x", Form: 64}),
	fails("length with its top bit", 1002, "length has its highest bit set", Frame{Op: OpText, Claims: true, Claim: 1<<63 + 5}),
	fails("longest legal length", 1009, "message too big", Frame{Op: OpBinary, Claims: true, Claim: 1<<63 - 1}),
	fails("one octet too many", 1009, "message too big", Frame{Op: OpBinary, Claims: true, Claim: maxMessage + 1}),
	fails("one octet too many in fragments", 1009, "message too big", Part(Text("x")), Frame{Op: OpContinuation, Claims: true, Claim: maxMessage}),
	fails("continuation first", 1002, "continuation of no message", Cont("x")),
	fails("message inside a message", 1002, "message inside another message", Part(Text("a")), Binary("b")),
	fails("close of one octet", 1002, "close frame of one octet", Frame{Op: OpClose, Payload: "\x03"}),
	fails("close code never sent", 1002, "invalid close code", Close(1005, "")),
	fails("close code of nobody", 1002, "invalid close code", Close(2999, "")),
	fails("close code too high", 1002, "invalid close code", Close(5000, "")),
	fails("close reason not UTF-8", 1007, "close reason is not UTF-8", Close(1000, "caf\xe9")),
}

// hollow is a message with so many fragments without octets in its middle.
func hollow(n int) []Frame {
	frames := []Frame{Part(Text("a"))}
	for range n {
		frames = append(frames, Part(Cont("")))
	}
	return append(frames, Cont("b"))
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

func (s Setup) conversations(t *testing.T) {
	for _, tc := range conversations {
		t.Run(tc.name, func(t *testing.T) {
			h := &echo{}
			_, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{MaxMessage: maxMessage}})
			sent := make(chan struct{})
			go func() { // a connection without a buffer may want to be read meanwhile
				defer close(sent)
				peer.Send(tc.send...)
			}()
			peer.Expect(append(tc.get, "end")...)
			peer.Conn.Close()
			within(t, sent, "sending")
			h.Expect(t, append([]string{"open"}, tc.heard...)...)
		})
	}
}
