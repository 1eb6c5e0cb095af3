package ws

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"parley.example/parley"
)

// An eventKind is what the peer has said.
type eventKind uint8

const (
	eventNone    eventKind = iota
	eventMessage           // kind, data
	eventPing              // data
	eventPong              // data
	eventClose             // code (CloseNoStatus for none), reason
	eventFault             // the code and reason to fail the connection with
)

// An event is one thing that the peer has said, whole and checked.
type event struct {
	what     eventKind
	kind     parley.Kind
	deflated bool   // data is a compressed message's payload: neither inflated nor checked
	data     []byte // valid until the next call of inbound.next
	code     parley.CloseCode
	reason   string
}

func fault(code parley.CloseCode, reason string) event {
	return event{what: eventFault, code: code, reason: reason}
}

// maxHollow is how many fragments without octets a message may have. All
// others count in its size, so these are what a message without end could be
// made of.
const maxHollow = 4096

// inbound makes events of the octets that a peer sends: it joins fragments
// and checks their order, size and text. It does no I/O. Octets that are there
// whole are not copied; a buffer is held only while half a message waits.
type inbound struct {
	// skip makes it throw data frames away unchecked: only control frames
	// count once the connection closes.
	skip bool

	decoder  decoder
	kind     parley.Kind // of the message that has begun; 0 for none
	deflated bool        // it is compressed
	message  []byte      // what has come of it
	hollow   int32       // fragments of it without octets
	text     textCheck
	control  []byte // what has come of a control frame

	waiting *event // stands behind messages that are not answered; nil for none
	held    []byte // octets that came whole and were not looked at, behind all that
}

// empty reports whether nothing is half here: the next octet begins a frame,
// and a message.
func (in *inbound) empty() bool {
	return in.kind == 0 && !in.skip && in.waiting == nil && in.held == nil &&
		in.decoder.have == 0 && !in.decoder.inside
}

// keepEvent keeps ev for later.
func (in *inbound) keepEvent(ev event) {
	ev.data = bytes.Clone(ev.data)
	in.waiting = &ev
}

// next takes octets from the front of b, changing them, up to the end of one
// event, and returns the rest of b. The event is eventNone if b, then used up,
// completed none. After eventFault the stream cannot be read on. A message of
// more than limit octets is refused by its header. deflate says that messages
// may be compressed.
func (in *inbound) next(b []byte, limit int, deflate bool) (event, []byte) {
	for {
		p, rest, ok, bad := in.decoder.next(b, deflate)
		if bad != "" {
			return fault(parley.CloseProtocol, bad), nil
		}
		if !ok {
			return event{}, nil
		}
		b = rest
		var ev event
		if p.op.control() {
			ev = in.controlPiece(p)
		} else {
			ev = in.dataPiece(p, limit)
		}
		if ev.what != eventNone {
			return ev, b
		}
	}
}

// whole takes a message from the front of b that is one plain frame and has
// come whole, as most do. kind is 0 if there is none, or anything special about
// it: then b is as it was, and next looks at it.
func (in *inbound) whole(b []byte, limit int) (kind parley.Kind, data, rest []byte) {
	const text, bytes = finBit | byte(opText), finBit | byte(opBinary)
	if len(b) < 6 || b[0] != text && b[0] != bytes || b[1] < maskBit || !in.empty() {
		return 0, nil, b
	}
	n, at := int(b[1]&^maskBit), 2
	switch {
	case n == 127:
		return 0, nil, b
	case n == 126:
		n, at = int(b[2])<<8|int(b[3]), 4
		if n <= maxControl {
			return 0, nil, b
		}
	}
	end := at + 4 + n
	if n > limit || end > len(b) {
		return 0, nil, b
	}
	key := binary.LittleEndian.Uint32(b[at:])
	data = b[at+4 : end : end]
	unmask(data, key)
	if b[0] == text && !utf8.Valid(data) {
		unmask(data, key) // back again
		return 0, nil, b
	}
	return parley.Kind(b[0] &^ finBit), data, b[end:]
}

func (in *inbound) dataPiece(p piece, limit int) event {
	if p.first && p.op != opContinuation && in.kind == 0 {
		in.deflated = p.rsv1
	}
	if in.deflated {
		limit = maxDeflated(limit)
	}
	if p.first {
		switch {
		case p.op == opContinuation && in.kind == 0:
			return fault(parley.CloseProtocol, "continuation of no message")
		case p.op != opContinuation && in.kind != 0:
			return fault(parley.CloseProtocol, "message inside another message")
		case !in.skip && p.size > int64(limit-len(in.message)):
			return fault(parley.CloseTooBig, "message too big")
		case !in.skip && p.size == 0 && !p.fin && in.hollow == maxHollow:
			return fault(parley.ClosePolicy, "too many empty fragments")
		case p.size == 0 && !p.fin:
			in.hollow++
		}
		if p.op != opContinuation {
			in.kind = parley.Kind(p.op)
		}
	}
	end := p.last() && p.fin
	kind, deflated := in.kind, in.deflated
	if end {
		in.kind, in.hollow = 0, 0
	}
	if in.skip {
		in.message = nil
		return event{}
	}
	if kind == parley.Text && !deflated && (!in.text.add(p.data) || end && !in.text.whole()) {
		return fault(parley.CloseInvalidData, "text is not UTF-8")
	}
	if !end {
		in.keep(p, limit)
		return event{}
	}
	data := p.data
	if len(in.message) > 0 {
		in.keep(p, limit)
		data = in.message
	}
	in.message = nil
	return event{what: eventMessage, kind: kind, deflated: deflated, data: data}
}

// keep adds a piece to the message. The buffer never grows to more than twice
// what has really come, nor beyond what the message can need.
func (in *inbound) keep(p piece, limit int) {
	need := len(in.message) + len(p.data)
	if need > cap(in.message) {
		most := int64(limit)
		if p.fin {
			most = int64(need) + p.left
		}
		bigger := make([]byte, len(in.message), max(int64(need), min(most, max(512, 2*int64(need)))))
		copy(bigger, in.message)
		in.message = bigger
	}
	in.message = append(in.message, p.data...)
}

func (in *inbound) controlPiece(p piece) event {
	data := p.data
	if !p.last() || len(in.control) > 0 {
		in.control = append(in.control, p.data...)
		if !p.last() {
			return event{}
		}
		data, in.control = in.control, nil
	}
	switch p.op {
	case opPing:
		return event{what: eventPing, data: data}
	case opPong:
		return event{what: eventPong, data: data}
	}
	return closeEvent(data)
}

// closeEvent reads the payload of a close frame (RFC 6455 §5.5.1 and §7.4).
func closeEvent(data []byte) event {
	if len(data) == 0 {
		return event{what: eventClose, code: parley.CloseNoStatus}
	}
	if len(data) == 1 {
		return fault(parley.CloseProtocol, "close frame of one octet")
	}
	code := parley.CloseCode(binary.BigEndian.Uint16(data))
	if !code.Sendable() {
		return fault(parley.CloseProtocol, "invalid close code")
	}
	if !utf8.Valid(data[2:]) {
		return fault(parley.CloseInvalidData, "close reason is not UTF-8")
	}
	return event{what: eventClose, code: code, reason: string(data[2:])}
}
