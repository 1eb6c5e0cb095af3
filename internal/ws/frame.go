package ws

import (
	"encoding/binary"
	"math"
)

// An opcode says what a frame is (RFC 6455 §5.2).
type opcode uint8

const (
	opContinuation opcode = 0x0
	opText         opcode = 0x1
	opBinary       opcode = 0x2
	opClose        opcode = 0x8
	opPing         opcode = 0x9
	opPong         opcode = 0xA
)

func (o opcode) control() bool { return o&0x8 != 0 }

func (o opcode) known() bool { return o <= opBinary || o >= opClose && o <= opPong }

const (
	maxControl = 125 // octets of payload in a control frame

	maxServerHeader = 2 + 8     // octets of the longest header we send
	maxClientHeader = 2 + 8 + 4 // octets of the longest header we get

	finBit  = 0x80
	rsvBits = 0x70
	maskBit = 0x80
)

// frameLen is the length of a whole unmasked frame with n octets of payload.
func frameLen(n int) int {
	switch {
	case n <= maxControl:
		return 2 + n
	case n <= math.MaxUint16:
		return 4 + n
	}
	return maxServerHeader + n
}

// appendHeader appends the header of a final unmasked frame with n octets of
// payload.
func appendHeader(dst []byte, op opcode, n int) []byte {
	dst = append(dst, finBit|byte(op))
	switch {
	case n <= maxControl:
		return append(dst, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// A header is that of a client's frame.
type header struct {
	op   opcode
	fin  bool
	rsv1 bool
	size int64  // octets of payload
	key  uint32 // masking key, little-endian
}

// parseHeader reads the header at the front of b, which takes n octets; n is 0
// if it has not come whole. fault says how it breaks RFC 6455 §5; rsv1 says that
// the first frame of a data message may have RSV1 (RFC 7692 §6).
func parseHeader(b []byte, rsv1 bool) (h header, n int, fault string) {
	if len(b) < 2 {
		return header{}, 0, ""
	}
	h.op, h.fin, h.rsv1 = opcode(b[0]&0xF), b[0]&finBit != 0, b[0]&rsv1Bit != 0
	short := int64(b[1] &^ maskBit)
	rsv1 = rsv1 && (h.op == opText || h.op == opBinary)
	switch {
	case b[0]&(rsvBits&^rsv1Bit) != 0, h.rsv1 && !rsv1:
		return h, 0, "reserved bit set"
	case !h.op.known():
		return h, 0, "unknown opcode"
	case b[1]&maskBit == 0:
		return h, 0, "frame is not masked"
	case h.op.control() && !h.fin:
		return h, 0, "control frame in fragments"
	case h.op.control() && short > maxControl:
		return h, 0, "control frame over 125 octets"
	}
	n = 2
	switch short {
	case 126:
		if len(b) < n+2 {
			return header{}, 0, ""
		}
		h.size = int64(binary.BigEndian.Uint16(b[n:]))
		n += 2
		if h.size <= maxControl {
			return h, 0, "length is not in its shortest form"
		}
	case 127:
		if len(b) < n+8 {
			return header{}, 0, ""
		}
		size := binary.BigEndian.Uint64(b[n:])
		n += 8
		if size > math.MaxInt64 {
			return h, 0, "length has its highest bit set"
		}
		if h.size = int64(size); size <= math.MaxUint16 {
			return h, 0, "length is not in its shortest form"
		}
	default:
		h.size = short
	}
	if len(b) < n+4 {
		return header{}, 0, ""
	}
	h.key = binary.LittleEndian.Uint32(b[n:])
	return h, n + 4, ""
}
