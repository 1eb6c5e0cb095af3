package wstest

import (
	"fmt"
	"strings"
)

// closes is about the peer's close frame (RFC 6455 §5.5.1, §7).
func closes() []conversation {
	// said is a conversation that the peer's close frame ends, which is answered
	// with its code.
	said := func(name string, code int, reason string, frames ...Frame) conversation {
		f := Close(code, reason)
		if code == 1005 {
			f = Frame{Op: OpClose}
		}
		return conversation{
			name:  name,
			send:  append([]Frame{f}, frames...),
			get:   []string{fmt.Sprintf(`close %d ""`, code)},
			heard: []string{fmt.Sprintf("close %d %q", code, reason)},
		}
	}
	list := []conversation{
		said("without a code", 1005, ""),
		said("reason", 1000, "bye"),
		said("reason in UTF-8", 1001, "auf Wiedersehen, ñandú 😀"),
		said("longest reason", 4999, strings.Repeat("r", 123)),
		said("then data", 1000, "", Text("late"), Ping("late"), Binary(of(5000))),
		said("then nonsense", 1000, "", Frame{Op: 3, RSV: 7}, Text("\xff")),
		said("twice", 1000, "first", Close(1001, "second")),
		echoes("behind messages", []Frame{Text("a"), Binary("b")}, `text "a"`, `binary "b"`),
		{
			name:  "in a message",
			send:  []Frame{Part(Text("a")), Close(1000, "")},
			get:   []string{`close 1000 ""`},
			heard: []string{`close 1000 ""`},
		},
		fails("one octet", 1002, "close frame of one octet", Frame{Op: OpClose, Payload: "\x03"}),
		fails("reason not UTF-8", 1007, "close reason is not UTF-8", Close(1000, "caf\xe9")),
		fails("reason cut in a character", 1007, "close reason is not UTF-8", Close(1000, "caf\xc3")),
		fails("reason with a surrogate", 1007, "close reason is not UTF-8", Close(1000, "\xed\xa0\x80")),
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		list = append(list, said(fmt.Sprint("code ", code), code, ""))
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535} {
		list = append(list, fails(fmt.Sprint("code ", code), 1002, "invalid close code", Close(code, "")))
	}
	return list
}
