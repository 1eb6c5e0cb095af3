package wstest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
)

// deflated is about compressed messages (RFC 7692 §6 and §7.2). What of them is
// sent back compressed has "deflated" before its line.
func deflated() []conversation {
	// The samples of §7.2.3.
	const (
		hello      = "\xf2\x48\xcd\xc9\xc9\x07\x00"
		again      = "\xf2\x00\x11\x00\x00" // hello once more, by reference
		stored     = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"
		final      = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"
		two        = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
		emptyFinal = "\x03\x00"
	)
	text := func(payload string) Frame { return Frame{Op: OpText, RSV: 4, Payload: payload} }
	corrupt := func(name, payload string) conversation {
		return fails(name, 1007, "compressed data is corrupt", text(payload))
	}
	octets := []Frame{Part(text(""))}
	for i := range len(hello) {
		octets = append(octets, Part(Cont(hello[i:i+1])))
	}
	octets = append(octets, Cont(""))
	list := []conversation{
		echoes("one block", []Frame{text(hello)}, `text "Hello"`),
		echoes("a stored block", []Frame{text(stored)}, `text "Hello"`),
		echoes("a final block", []Frame{text(final), text(hello)}, `text "Hello"`, `text "Hello"`),
		echoes("two blocks", []Frame{text(two)}, `text "Hello"`),
		echoes("blocks behind a final one", []Frame{text(emptyFinal + hello)}, `text "Hello"`),
		echoes("nothing", []Frame{text("\x00")}, `text ""`),
		echoes("one in fragments", octets, `text "Hello"`),
		echoes("compressed and plain by turns", []Frame{text(hello), Text("plain"), text(hello)}, `text "Hello"`, `text "plain"`, `text "Hello"`),
		echoes("many blocks without octets", []Frame{text(strings.Repeat("\x00\x00\x00\xff\xff", 20_000) + "\x00")}, `text ""`),
		echoes("binary", []Frame{squeezed(Binary("\xff\x00\xfe"))}, `binary "\xff\x00\xfe"`),
		{
			name:  "a ping between fragments",
			send:  []Frame{Part(text(hello[:3])), Ping("p"), Cont(hello[3:]), Close(1000, "")},
			get:   []string{`pong "p"`, `text "Hello"`, `close 1000 ""`},
			heard: []string{`text "Hello"`, `close 1000 ""`},
		},
		corrupt("a block of type 3", "\x07"),
		corrupt("no octets", ""), // the shortest message has one
		corrupt("garbage", "\xff\xfe\xfd\xfc"),
		corrupt("cut short", hello[:4]),
		corrupt("wrong length of a stored block", "\x00\x05\x00\xfa\xfeHello\x00"),
		corrupt("reference to before the message", again),
		corrupt("too many final blocks", strings.Repeat(emptyFinal, 100)+hello),
		{
			name:  "reference to an earlier message",
			send:  []Frame{text(hello), text(again)},
			get:   []string{`text "Hello"`, `close 1007 "compressed data is corrupt"`},
			heard: []string{`text "Hello"`, `close 1007 "compressed data is corrupt"`},
		},
		fails("text that is not UTF-8", 1007, "text is not UTF-8", squeezed(Text("caf\xe9"))),
		fails("text cut in a character", 1007, "text is not UTF-8", squeezed(Text("caf\xc3"))),
		fails("RSV1 on a continuation", 1002, "reserved bit set", Part(text(hello[:3])), Frame{Op: OpContinuation, RSV: 4, Payload: hello[3:]}),
		fails("RSV1 on the last fragment only", 1002, "reserved bit set", Part(Text("x")), Frame{Op: OpContinuation, RSV: 4, Payload: hello}),
		fails("by the header of the compressed one", 1009, "message too big", Frame{
			Op: OpBinary, RSV: 4, Claims: true, Claim: maxMessage + maxMessage/8 + 65,
		}),
		fails("one octet too many", 1009, "message too big", squeezed(Text(of(maxMessage+1)))),
	}
	for _, f := range []Frame{Ping(""), Pong("x"), Close(1000, "")} {
		f.RSV = 4
		list = append(list, fails(fmt.Sprintf("RSV1 with opcode %d", f.Op), 1002, "reserved bit set", f))
	}
	for _, rsv := range []byte{5, 6, 7} {
		f := text(hello)
		f.RSV = rsv
		list = append(list, fails(fmt.Sprintf("reserved bits %03b", rsv), 1002, "reserved bit set", f))
	}
	for name, bomb := range map[string]Frame{
		"bomb of text":   squeezed(Text(strings.Repeat("a", 20<<20))),
		"bomb of octets": squeezed(Binary(strings.Repeat("\x00", 20<<20))),
	} {
		first, rest := bomb, Cont(bomb.Payload[1000:])
		first.Payload = bomb.Payload[:1000]
		list = append(list,
			fails(name, 1009, "message too big", bomb),
			fails(name+", in fragments", 1009, "message too big", Part(first), rest))
	}
	for _, n := range []int{500, 65536, maxMessage} {
		line := Line("text", of(n))
		list = append(list, conversation{
			name:  fmt.Sprint("messages of ", n),
			send:  []Frame{squeezed(Text(of(n))), Close(1000, "")},
			get:   []string{"deflated " + line, `close 1000 ""`},
			heard: []string{heard("text", of(n)), `close 1000 ""`},
		})
	}
	for i := range list {
		list[i].deflate = true
	}
	earlier := echoes("reference to an earlier message, agreed on", []Frame{text(hello), text(again), text(again)}, `text "Hello"`, `text "Hello"`, `text "Hello"`)
	answers := conversation{
		name:  "answers that refer to earlier ones",
		send:  []Frame{Text(of(500)), Text(of(600)), Text("x" + of(500)), Close(1000, "")},
		get:   []string{"deflated " + heard("text", of(500)), "deflated " + heard("text", of(600)), "deflated " + heard("text", "x"+of(500)), `close 1000 ""`},
		heard: []string{heard("text", of(500)), heard("text", of(600)), heard("text", "x"+of(500)), `close 1000 ""`},
	}
	earlier.deflate, earlier.takeover = true, true
	answers.deflate, answers.takeover = true, true
	return append(list, earlier, answers)
}

// squeezed is f compressed, with no reference to anything before it.
func squeezed(f Frame) Frame {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // the level is legal
	_, _ = w.Write([]byte(f.Payload))
	_ = w.Flush()
	f.RSV, f.Payload = 4, strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
	return f
}
