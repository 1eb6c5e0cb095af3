package wstest

import (
	"encoding/binary"
	"math"
)

// Opcodes (RFC 6455 §5.2).
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xA
)

// A Frame is a client's frame, which may break any rule.
type Frame struct {
	Op      byte
	More    bool // not final
	RSV     byte // the three reserved bits as a number
	Bare    bool // not masked
	Form    int  // 16 or 64 bits of length; 0 for the shortest that fits
	Claim   uint64
	Claims  bool     // the header says Claim instead of the payload's length
	Key     *[4]byte // to mask with; nil for any
	Payload string
}

// Text is a whole text message.
func Text(s string) Frame { return Frame{Op: OpText, Payload: s} }

// Binary is a whole binary message.
func Binary(s string) Frame { return Frame{Op: OpBinary, Payload: s} }

// Ping is a ping.
func Ping(s string) Frame { return Frame{Op: OpPing, Payload: s} }

// Pong is a pong.
func Pong(s string) Frame { return Frame{Op: OpPong, Payload: s} }

// Cont is the last fragment of a message.
func Cont(s string) Frame { return Frame{Op: OpContinuation, Payload: s} }

// Part is f as one that more fragments follow.
func Part(f Frame) Frame { f.More = true; return f }

// Close is a close frame with code and reason.
func Close(code int, reason string) Frame {
	return Frame{Op: OpClose, Payload: string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason}
}

// anyKey masks a frame that has no key of its own.
var anyKey = [4]byte{0xA1, 0x02, 0xF3, 0x7C}

// Append appends f as it stands on the wire.
func (f Frame) Append(b []byte) []byte {
	first := f.Op | f.RSV<<4
	if !f.More {
		first |= 0x80
	}
	n := uint64(len(f.Payload))
	if f.Claims {
		n = f.Claim
	}
	masked := byte(0x80)
	if f.Bare {
		masked = 0
	}
	switch {
	case f.Form == 64 || n > math.MaxUint16:
		b = binary.BigEndian.AppendUint64(append(b, first, masked|127), n)
	case f.Form == 16 || n > 125:
		b = binary.BigEndian.AppendUint16(append(b, first, masked|126), uint16(n))
	default:
		b = append(b, first, masked|byte(n))
	}
	if f.Bare {
		return append(b, f.Payload...)
	}
	key := anyKey
	if f.Key != nil {
		key = *f.Key
	}
	b = append(b, key[:]...)
	for i := range len(f.Payload) {
		b = append(b, f.Payload[i]^key[i%4])
	}
	return b
}

// Wire is the frames one after the other.
func Wire(frames ...Frame) []byte {
	var b []byte
	for _, f := range frames {
		b = f.Append(b)
	}
	return b
}
