package wstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"parley.example/parley"
	"parley.example/parley/internal/ws/wstest/flatetest"
)

// A Reference says what a server must make of what a client sends, whole
// streams at a time and as plainly as RFC 6455 §5 and RFC 7692 §6 and §7 do.
// It is slow.
type Reference struct {
	Limit    int  // octets in a message
	Deflate  bool // permessage-deflate is agreed on
	Takeover bool // with that, messages may refer to earlier ones
}

// Heard is what a server hears of a stream.
type Heard struct {
	// Lines are the frames and messages in the order in which they end:
	// `text "hi"`, `binary "\x00"`, `ping "x"`, `pong ""`, and last of all
	// `close 1000 "bye"`, or `close 1005 ""` for a close frame without a code.
	Lines []string

	// Fault are the codes with which the server may fail the connection behind
	// Lines; none if the stream has no fault. It becomes known as early as
	// possible: text, unless it is compressed, octet by octet, a message that is
	// too big by the header of the frame that makes it so. (A compressed message
	// is too big, too, if its payload has more than an eighth and 64 octets over
	// the limit.) CloseAbnormal is among them if the stream ends inside the
	// header that has the fault, so that the server need not have noticed.
	Fault []parley.CloseCode
}

// Read reads a stream from its first octet to the close frame, a fault, or its
// end.
func (r Reference) Read(stream []byte) Heard {
	var heard Heard
	fail := func(codes ...parley.CloseCode) Heard {
		heard.Fault = codes
		return heard
	}
	var (
		begun   opening // of the message that has begun
		message []byte  // its payload so far
		window  []byte
	)
	for {
		h, faults, whole := r.header(stream, begun, len(message))
		switch {
		case len(faults) > 0 && !whole:
			return fail(append(faults, parley.CloseAbnormal)...)
		case len(faults) > 0:
			return fail(faults...)
		case !whole:
			return heard
		}
		there := min(h.size, uint64(len(stream)-h.octets))
		payload := make([]byte, there)
		for i := range payload {
			payload[i] = stream[h.octets+i] ^ stream[h.octets-4+i%4]
		}
		stream = stream[h.octets+len(payload):]
		whole = there == h.size

		switch h.op {
		case OpPing, OpPong:
			if !whole {
				return heard
			}
			name := map[byte]string{OpPing: "ping", OpPong: "pong"}[h.op]
			heard.Lines = append(heard.Lines, fmt.Sprintf("%s %q", name, payload))
			continue
		case OpClose:
			if !whole {
				return heard
			}
			line, faults := closing(payload)
			if len(faults) > 0 {
				return fail(faults...)
			}
			heard.Lines = append(heard.Lines, line)
			return heard
		case OpText, OpBinary:
			begun = opening{op: h.op, compressed: h.rsv == 4}
		}
		if h.size == 0 && !h.fin {
			if begun.hollow++; begun.hollow > 4096 { // a limit of ours: see docs/conformance.md
				return fail(parley.ClosePolicy)
			}
		}

		message = append(message, payload...)
		if begun.op == OpText && !begun.compressed && !beginsText(message) {
			return fail(parley.CloseInvalidData)
		}
		if !whole {
			return heard
		}
		if !h.fin {
			continue
		}
		if begun.compressed {
			var err error
			message, _, err = flatetest.Message(message, window, r.Limit)
			if errors.Is(err, flatetest.ErrTooBig) {
				return fail(parley.CloseTooBig)
			} else if err != nil {
				return fail(parley.CloseInvalidData, parley.CloseProtocol)
			}
			if r.Takeover {
				window = append(window, message...)
			}
		}
		if begun.op == OpText && !isText(message) {
			return fail(parley.CloseInvalidData)
		}
		name := map[byte]string{OpText: "text", OpBinary: "binary"}[begun.op]
		heard.Lines = append(heard.Lines, fmt.Sprintf("%s %q", name, message))
		begun, message = opening{}, nil
	}
}

// An opening is what the first frame says of its message.
type opening struct {
	op         byte // 0: there is no message
	compressed bool
	hollow     int // fragments without octets so far
}

type frameHeader struct {
	op     byte
	fin    bool
	rsv    byte
	size   uint64 // octets of payload
	octets int    // of the header itself
}

// header reads the header at the front of b, of which whole says whether it is
// there to its end, and returns the codes for what is wrong with it (RFC 6455
// §5.2). Of the message that has begun, have octets are there.
func (r Reference) header(b []byte, begun opening, have int) (h frameHeader, faults []parley.CloseCode, whole bool) {
	must := func(ok bool, code parley.CloseCode) {
		if !ok && !slices.Contains(faults, code) {
			faults = append(faults, code)
		}
	}
	if len(b) < 1 {
		return h, faults, false
	}
	h.fin, h.rsv, h.op = b[0]&0x80 != 0, b[0]>>4&7, b[0]&15
	control := h.op >= 8
	first := h.op == OpText || h.op == OpBinary
	must(h.rsv == 0 || h.rsv == 4 && r.Deflate && first, parley.CloseProtocol)
	must(slices.Contains([]byte{OpContinuation, OpText, OpBinary, OpClose, OpPing, OpPong}, h.op), parley.CloseProtocol)
	must(h.fin || !control, parley.CloseProtocol)
	must(begun.op == 0 || !first, parley.CloseProtocol)
	must(begun.op != 0 || h.op != OpContinuation, parley.CloseProtocol)

	if len(b) < 2 {
		return h, faults, false
	}
	must(b[1]&0x80 != 0, parley.CloseProtocol)
	h.size, h.octets = uint64(b[1]&0x7F), 2
	must(h.size <= 125 || !control, parley.CloseProtocol)
	switch h.size {
	case 126:
		if len(b) < 4 {
			return h, faults, false
		}
		h.size, h.octets = uint64(binary.BigEndian.Uint16(b[2:])), 4
		must(h.size >= 126, parley.CloseProtocol)
	case 127:
		if len(b) < 10 {
			return h, faults, false
		}
		h.size, h.octets = binary.BigEndian.Uint64(b[2:]), 10
		must(h.size >= 1<<16, parley.CloseProtocol)
		must(h.size < 1<<63, parley.CloseProtocol)
	}
	most := uint64(r.Limit)
	if begun.compressed || first && h.rsv == 4 {
		most += most/8 + 64
	}
	must(control || h.size <= most && uint64(have)+h.size <= most, parley.CloseTooBig)

	h.octets += 4
	return h, faults, len(b) >= h.octets
}

// closing reads the payload of a close frame (RFC 6455 §5.5.1 and §7.4, and the
// registry of close codes).
func closing(payload []byte) (line string, faults []parley.CloseCode) {
	switch len(payload) {
	case 0:
		return `close 1005 ""`, nil
	case 1:
		return "", []parley.CloseCode{parley.CloseProtocol}
	}
	code, reason := int(binary.BigEndian.Uint16(payload)), payload[2:]
	if code < 1000 || code > 1003 && code < 1007 || code > 1014 && code < 3000 || code > 4999 {
		faults = append(faults, parley.CloseProtocol)
	}
	if !isText(reason) {
		faults = append(faults, parley.CloseInvalidData)
	}
	return fmt.Sprintf("close %d %q", code, reason), faults
}

// sequences are the octets that a character can have (RFC 3629 §4).
var sequences = [][][2]byte{
	{{0x00, 0x7F}},
	{{0xC2, 0xDF}, {0x80, 0xBF}},
	{{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}},
	{{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}},
	{{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}},
}

// isText says whether b is UTF-8.
func isText(b []byte) bool {
	for len(b) > 0 {
		n := character(b)
		if n == 0 || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// beginsText says whether b is the start of something that is UTF-8.
func beginsText(b []byte) bool {
	for len(b) > 0 {
		n := character(b)
		if n == 0 {
			return false
		}
		b = b[min(n, len(b)):]
	}
	return true
}

// character returns how many octets the character has with which b begins, as
// far as b has them, and 0 if there is none.
func character(b []byte) int {
	for _, sequence := range sequences {
		fits := true
		for i, octet := range sequence {
			if i < len(b) && (b[i] < octet[0] || b[i] > octet[1]) {
				fits = false
			}
		}
		if fits {
			return len(sequence)
		}
	}
	return 0
}
