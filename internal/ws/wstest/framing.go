package wstest

import (
	"fmt"
	"math"
	"strings"
)

// of is a payload of n octets.
func of(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

// heard is how a Recorder notes a message.
func heard(kind, payload string) string { return fmt.Sprintf("%s %q", kind, payload) }

// framing is about single frames (RFC 6455 §5.2 and §5.3).
func framing() (list []conversation) {
	for _, n := range []int{0, 1, 2, 125, 126, 127, 128, 255, 256, 65535, 65536, 65537} {
		tc := echoes(fmt.Sprint("messages of ", n), []Frame{Text(of(n)), Binary(of(n))}, Line("text", of(n)), Line("binary", of(n)))
		tc.heard = []string{heard("text", of(n)), heard("binary", of(n)), `close 1000 ""`}
		list = append(list, tc)
	}
	keyed := func(f Frame, key ...byte) Frame { f.Key = (*[4]byte)(key); return f }
	list = append(list,
		echoes("key of zeros", []Frame{keyed(Text("hello"), 0, 0, 0, 0)}, `text "hello"`),
		echoes("a key for each fragment", []Frame{
			keyed(Part(Text("one")), 1, 2, 3, 4), keyed(Part(Cont("two")), 255, 0, 255, 0), keyed(Cont("three"), 9, 9, 9, 9),
		}, `text "onetwothree"`),
		echoes("key that hides a header", []Frame{keyed(Text("\x00\x00\x00\x00"), 0x88, 0x00, 0x88, 0x00)}, `text "\x00\x00\x00\x00"`),
		fails("16 bits for 5 octets", 1002, "length is not in its shortest form", Frame{Op: OpText, Payload: "hello", Form: 16}),
		fails("64 bits for 5 octets", 1002, "length is not in its shortest form", Frame{Op: OpText, Payload: "hello", Form: 64}),
		fails("64 bits for 300 octets", 1002, "length is not in its shortest form", Frame{Op: OpBinary, Payload: of(300), Form: 64}),
		fails("64 bits for 65535 octets", 1002, "length is not in its shortest form", Frame{Op: OpBinary, Payload: of(65535), Form: 64}),
		fails("length with its highest bit", 1002, "length has its highest bit set", Frame{Op: OpText, Claims: true, Claim: 1<<63 + 5}),
		fails("length of ones", 1002, "length has its highest bit set", Frame{Op: OpText, Claims: true, Claim: math.MaxUint64}),
		fails("longest legal length", 1009, "message too big", Frame{Op: OpBinary, Claims: true, Claim: math.MaxInt64}),
		fails("a length of 1 TiB", 1009, "message too big", Frame{Op: OpBinary, Claims: true, Claim: 1 << 40}),
	)
	for _, f := range []Frame{Text("x"), Text(""), Binary("x"), Ping("x"), Pong(""), Close(1000, ""), Cont("x")} {
		f.Bare = true
		list = append(list, fails(fmt.Sprintf("opcode %d unmasked, %d octets", f.Op, len(f.Payload)), 1002, "frame is not masked", f))
	}
	for rsv := byte(1); rsv < 8; rsv++ {
		for _, f := range []Frame{Text("x"), Binary(""), Ping("x"), Pong(""), Close(1000, "")} {
			f.RSV = rsv
			list = append(list, fails(fmt.Sprintf("reserved bits %03b, opcode %d", rsv, f.Op), 1002, "reserved bit set", f))
		}
		f := Cont("x")
		f.RSV = rsv
		list = append(list, fails(fmt.Sprintf("reserved bits %03b, continuation", rsv), 1002, "reserved bit set", Part(Text("x")), f))
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		list = append(list,
			fails(fmt.Sprintf("opcode %d", op), 1002, "unknown opcode", Frame{Op: op}),
			fails(fmt.Sprintf("opcode %d with octets", op), 1002, "unknown opcode", Frame{Op: op, Payload: "hello"}),
			fails(fmt.Sprintf("opcode %d in a message", op), 1002, "unknown opcode", Part(Text("a")), Frame{Op: op}, Cont("b")),
		)
	}
	return list
}

// messages is about messages in fragments (RFC 6455 §5.4).
func messages() []conversation {
	var single, pieces []Frame
	for i := range 1000 {
		single = append(single, Part(Cont(fmt.Sprint(i%10))))
	}
	single[0].Op = OpText
	single[999].More = false
	for range 6 {
		pieces = append(pieces, Part(Cont(of(16<<10))))
	}
	pieces[0].Op = OpBinary
	pieces[5].More = false
	all, digits := strings.Repeat(of(16<<10), 6), strings.Repeat("0123456789", 100)
	inPieces := echoes("in 6 large ones", pieces, Line("binary", all))
	inPieces.heard[0] = heard("binary", all)
	return []conversation{
		echoes("in two", []Frame{Part(Text("a")), Cont("b")}, `text "ab"`),
		echoes("in 1000", single, heard("text", digits)),
		inPieces,
		echoes("all empty", []Frame{Part(Text("")), Part(Cont("")), Cont("")}, `text ""`),
		echoes("the first empty", []Frame{Part(Binary("")), Part(Cont("a")), Cont("b")}, `binary "ab"`),
		echoes("the last empty", []Frame{Part(Text("a")), Part(Cont("b")), Cont("")}, `text "ab"`),
		echoes("one in the middle empty", []Frame{Part(Text("a")), Part(Cont("")), Cont("b")}, `text "ab"`),
		echoes("message after message", []Frame{Part(Text("a")), Cont("b"), Part(Binary("\xff")), Cont("\xfe"), Text("c")}, `text "ab"`, `binary "\xff\xfe"`, `text "c"`),
		echoes("many empty, twice", append(hollow(4096), hollow(4096)...), `text "ab"`, `text "ab"`),
		fails("too many empty", 1008, "too many empty fragments", hollow(4097)...),
		fails("continuation of nothing", 1002, "continuation of no message", Cont("x")),
		fails("unfinished continuation of nothing", 1002, "continuation of no message", Part(Cont("x"))),
		{
			name:  "continuation after the end",
			send:  []Frame{Part(Text("a")), Cont("b"), Cont("c")},
			get:   []string{`text "ab"`, `close 1002 "continuation of no message"`},
			heard: []string{`text "ab"`, `close 1002 "continuation of no message"`},
		},
		fails("text in a text", 1002, "message inside another message", Part(Text("a")), Text("b")),
		fails("binary in a text", 1002, "message inside another message", Part(Text("a")), Binary("b")),
		fails("text in a binary", 1002, "message inside another message", Part(Binary("a")), Part(Text("b"))),
	}
}

// hollow is a message with so many fragments without octets in its middle.
func hollow(n int) []Frame {
	frames := []Frame{Part(Text("a"))}
	for range n {
		frames = append(frames, Part(Cont("")))
	}
	return append(frames, Cont("b"))
}

// controls is about pings and pongs (RFC 6455 §5.5.2 and §5.5.3), and about
// what holds for all control frames.
func controls() []conversation {
	long := of(125)
	ponged := func(name string, frames []Frame, get []string, heard ...string) conversation {
		tc := echoes(name, frames, get...)
		tc.heard = append(heard, `close 1000 ""`)
		return tc
	}
	var pings []Frame
	var pongs []string
	for i := range 20 {
		pings = append(pings, Ping(fmt.Sprint(i)))
		pongs = append(pongs, fmt.Sprintf("pong %q", fmt.Sprint(i)))
	}
	long16 := Ping("hello")
	long16.Form = 16
	list := []conversation{
		ponged("ping", []Frame{Ping("hello")}, []string{`pong "hello"`}),
		ponged("empty ping", []Frame{Ping("")}, []string{`pong ""`}),
		ponged("longest ping", []Frame{Ping(long)}, []string{fmt.Sprintf("pong %q", long)}),
		ponged("ping of any octets", []Frame{Ping("\x00\xff\xfe")}, []string{`pong "\x00\xff\xfe"`}),
		ponged("many pings", pings, pongs),
		ponged("ping in a message", []Frame{Part(Text("a")), Ping("p"), Part(Cont("")), Ping("q"), Cont("b")}, []string{`pong "p"`, `pong "q"`, `text "ab"`}, `text "ab"`),
		ponged("ping in a character", []Frame{Part(Text("caf\xc3")), Ping("p"), Cont("\xa9")}, []string{`pong "p"`, `text "café"`}, `text "café"`),
		ponged("ping behind a message", []Frame{Text("a"), Ping("p")}, []string{`text "a"`, `pong "p"`}, `text "a"`),
		ponged("pong that nobody wants", []Frame{Pong(""), Pong("x"), Part(Text("a")), Pong(long), Cont("b")}, []string{`text "ab"`}, `text "ab"`),
		fails("16 bits for a ping's 5 octets", 1002, "control frame over 125 octets", long16),
	}
	for _, f := range []Frame{Ping("x"), Pong(""), Close(1000, "")} {
		list = append(list, fails(fmt.Sprintf("opcode %d in fragments", f.Op), 1002, "control frame in fragments", Part(f)))
		f.Payload = of(126)
		list = append(list, fails(fmt.Sprintf("opcode %d of 126 octets", f.Op), 1002, "control frame over 125 octets", f))
		f.Payload = of(65536)
		list = append(list, fails(fmt.Sprintf("opcode %d of 64 KiB", f.Op), 1002, "control frame over 125 octets", f))
	}
	return list
}

// limits is about the size of messages (RFC 6455 §10.4).
func limits() []conversation {
	var pieces []Frame
	for range maxMessage / 4000 {
		pieces = append(pieces, Part(Cont(of(4000))))
	}
	pieces[0].Op = OpText
	longest := echoes("longest message", []Frame{Text(of(maxMessage))}, Line("text", of(maxMessage)))
	longest.heard[0] = heard("text", of(maxMessage))
	return []conversation{
		longest,
		fails("one octet too many", 1009, "message too big", Text(of(maxMessage+1))),
		fails("by the header alone", 1009, "message too big", Frame{Op: OpBinary, Claims: true, Claim: maxMessage + 1}),
		fails("by the header of a fragment", 1009, "message too big", Part(Text("x")), Frame{Op: OpContinuation, Claims: true, Claim: maxMessage}),
		fails("in fragments", 1009, "message too big", append(pieces, Cont("x"))...),
	}
}
