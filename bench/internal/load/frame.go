package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The opcodes of RFC 6455 §11.8 that a benchmark meets.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
)

const (
	finBit    = 0x80
	rsvBits   = 0x70
	maskBit   = 0x80
	maxHeader = 10 // octets of the longest header that a server sends
)

// appendFrame appends one whole client frame (RFC 6455 §5.2), masked with key.
func appendFrame(b []byte, opcode byte, payload []byte, key [4]byte) []byte {
	b = append(b, finBit|opcode)
	switch n := len(payload); {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n <= 0xffff:
		b = append(b, maskBit|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, maskBit|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// A frame is one that a server has sent; payload is part of what was read.
type frame struct {
	opcode  byte
	payload []byte
}

// maxPayload is more than any server has reason to send here.
const maxPayload = 1 << 20

// frameSize returns the octets of the frame that b begins with. Its second
// value is false while b does not hold the whole header; then size is how much
// of b is needed to know more. Its error says what a server must not send: a
// mask, a reserved bit, a fragment, or a length that is not in its shortest
// form.
func frameSize(b []byte) (size int, known bool, err error) {
	if len(b) < 2 {
		return 2, false, nil
	}
	switch {
	case b[0]&rsvBits != 0:
		return 0, false, errors.New("a frame with reserved bits")
	case b[0]&finBit == 0 || b[0]&0xf == 0:
		return 0, false, errors.New("a fragmented message")
	case b[1]&maskBit != 0:
		return 0, false, errors.New("a masked frame")
	}
	header, n := 2, uint64(b[1])
	switch n {
	case 126:
		if header = 4; len(b) < header {
			return header, false, nil
		}
		if n = uint64(binary.BigEndian.Uint16(b[2:])); n < 126 {
			return 0, false, errors.New("a length not in its shortest form")
		}
	case 127:
		if header = 10; len(b) < header {
			return header, false, nil
		}
		if n = binary.BigEndian.Uint64(b[2:]); n <= 0xffff {
			return 0, false, errors.New("a length not in its shortest form")
		}
	}
	if n > maxPayload {
		return 0, false, fmt.Errorf("a frame of %d octets", n)
	}
	return header + int(n), true, nil
}

// parseFrame reads b, one whole frame whose header frameSize accepted.
func parseFrame(b []byte) frame {
	header := 2
	switch b[1] {
	case 126:
		header = 4
	case 127:
		header = 10
	}
	return frame{opcode: b[0] & 0xf, payload: b[header:]}
}

// A splitter cuts a stream of octets into frames.
type splitter struct {
	part []byte // the beginning of a frame that has not come whole
}

// next returns the first frame of what was kept and b, and what is left of b.
// Without a whole frame it keeps b and returns false. The frame's payload is
// valid until the next call.
func (s *splitter) next(b []byte) (f frame, rest []byte, ok bool, err error) {
	if len(s.part) == 0 {
		size, known, err := frameSize(b)
		if err != nil {
			return frame{}, nil, false, err
		}
		if known && size <= len(b) {
			return parseFrame(b[:size]), b[size:], true, nil
		}
		s.part = append(s.part, b...)
		return frame{}, nil, false, nil
	}
	for {
		size, known, err := frameSize(s.part)
		if err != nil {
			return frame{}, nil, false, err
		}
		take := min(size-len(s.part), len(b))
		s.part = append(s.part, b[:take]...)
		b = b[take:]
		if len(s.part) < size {
			return frame{}, nil, false, nil
		}
		if known {
			f = parseFrame(s.part)
			s.part = s.part[:0]
			return f, b, true, nil
		}
	}
}
