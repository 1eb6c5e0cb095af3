// Package flatetest inflates the messages of permessage-deflate bit by bit,
// straight from RFC 1951 and RFC 7692, to check what others make and make of
// it. It is slow, and says how far back a message reaches.
package flatetest

import (
	"errors"
	"slices"
)

var (
	// ErrTooBig means that a message inflates to more than its limit.
	ErrTooBig = errors.New("inflated message is over its limit")

	// ErrCorrupt means that a message does not inflate.
	ErrCorrupt = errors.New("not a compressed message")
)

// maxFinals is how many final blocks may be followed by others.
const maxFinals = 32

// Message inflates payload, which may reach back into window, to at most limit
// octets. far is the longest distance in it. What was inflated before an error
// is returned too.
//
// Payload, with 00 00 FF FF and a final empty block behind it, is to consist of
// whole blocks. It may also end by itself with a final block.
func Message(payload, window []byte, limit int) (out []byte, far int, err error) {
	r := &reader{
		in:  slices.Concat(payload, []byte("\x00\x00\xff\xff"), []byte("\x01\x00\x00\xff\xff")),
		out: slices.Clone(window), base: len(window), limit: limit,
	}
	defer func() {
		if p := recover(); p != nil {
			out, far, err = r.out[r.base:], r.far, p.(error)
		}
	}()
	for finals := 0; ; {
		if !r.block() {
			continue
		}
		r.align()
		if r.at == 8*len(payload) || r.at == 8*len(r.in) {
			return r.out[r.base:], r.far, nil
		}
		if finals++; finals > maxFinals || r.at > 8*len(payload) {
			return r.out[r.base:], r.far, ErrCorrupt
		}
	}
}

type reader struct {
	in    []byte
	at    int    // bits of in that were read
	out   []byte // the window and what comes behind it
	base  int    // octets of the window
	limit int
	far   int
}

func (r *reader) align() { r.at = (r.at + 7) / 8 * 8 }

func (r *reader) bit() int {
	if r.at == 8*len(r.in) {
		panic(ErrCorrupt)
	}
	bit := r.in[r.at/8] >> (r.at % 8) & 1
	r.at++
	return int(bit)
}

// number reads n bits, lowest first.
func (r *reader) number(n int) int {
	v := 0
	for i := range n {
		v |= r.bit() << i
	}
	return v
}

func (r *reader) put(b byte) {
	if len(r.out)-r.base == r.limit {
		panic(ErrTooBig)
	}
	r.out = append(r.out, b)
}

// block reads a block (RFC 1951 §3.2.3) and says whether it was a final one.
func (r *reader) block() (final bool) {
	final = r.bit() == 1
	switch r.number(2) {
	case 0:
		r.align()
		n, complement := r.number(16), r.number(16)
		if n^complement != 0xFFFF {
			panic(ErrCorrupt)
		}
		for range n {
			r.put(byte(r.number(8)))
		}
	case 1:
		var lit [288]int
		for i := range lit {
			switch {
			case i < 144:
				lit[i] = 8
			case i < 256:
				lit[i] = 9
			case i < 280:
				lit[i] = 7
			default:
				lit[i] = 8
			}
		}
		r.symbols(newCode(lit[:]), newCode(slices.Repeat([]int{5}, 32)))
	case 2:
		r.symbols(r.codes())
	case 3:
		panic(ErrCorrupt)
	}
	return final
}

// A code says which symbol a string of bits stands for (RFC 1951 §3.2.2).
type code map[bits]int

// bits are n bits, of which the first one read is v's highest.
type bits struct{ n, v int }

// newCode makes the code in which symbol i has lengths[i] bits. It is complete,
// or of one bit, or empty.
func newCode(lengths []int) code {
	c := code{}
	next, used := 0, 0 // used is in units of the longest string
	for n := 1; n <= 15; n++ {
		for symbol, length := range lengths {
			if length == n {
				c[bits{n, next}] = symbol
				next++
				used += 1 << (15 - n)
			}
		}
		next <<= 1
	}
	_, single := c[bits{1, 0}]
	if used != 1<<15 && len(c) > 0 && (len(c) > 1 || !single) {
		panic(ErrCorrupt)
	}
	return c
}

func (r *reader) symbol(c code) int {
	for s := (bits{}); s.n < 15; {
		s = bits{s.n + 1, s.v<<1 | r.bit()}
		if symbol, ok := c[s]; ok {
			return symbol
		}
	}
	panic(ErrCorrupt)
}

// codes reads the codes of a block that has its own (RFC 1951 §3.2.7).
func (r *reader) codes() (lit, dist code) {
	nlit, ndist, nmeta := r.number(5)+257, r.number(5)+1, r.number(4)+4
	if nlit > 286 || ndist > 30 {
		panic(ErrCorrupt)
	}
	meta := make([]int, 19)
	for _, i := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:nmeta] {
		meta[i] = r.number(3)
	}
	metaCode := newCode(meta)
	var lengths []int
	for len(lengths) < nlit+ndist {
		again, length := 1, 0
		switch symbol := r.symbol(metaCode); symbol {
		case 16:
			if len(lengths) == 0 {
				panic(ErrCorrupt)
			}
			length = lengths[len(lengths)-1]
			again = 3 + r.number(2)
		case 17:
			again = 3 + r.number(3)
		case 18:
			again = 11 + r.number(7)
		default:
			length = symbol
		}
		lengths = append(lengths, slices.Repeat([]int{length}, again)...)
	}
	if len(lengths) > nlit+ndist {
		panic(ErrCorrupt)
	}
	return newCode(lengths[:nlit]), newCode(lengths[nlit:])
}

// symbols reads what stands in a block up to its end (RFC 1951 §3.2.5).
func (r *reader) symbols(lit, dist code) {
	for {
		s := r.symbol(lit)
		switch {
		case s < 256:
			r.put(byte(s))
			continue
		case s == 256:
			return
		case s > 285:
			panic(ErrCorrupt)
		}
		length := 258
		if s < 285 {
			length = r.ranged(s-257, 3, 4)
		}
		s = r.symbol(dist)
		if s > 29 {
			panic(ErrCorrupt)
		}
		back := r.ranged(s, 1, 2)
		if back > len(r.out) || back > 1<<15 {
			panic(ErrCorrupt)
		}
		r.far = max(r.far, back)
		for range length {
			r.put(r.out[len(r.out)-back])
		}
	}
}

// ranged reads the extra bits of the s-th of the symbols that stand for a range
// of numbers, and returns the number. The first number is from; one bit more is
// read with each group of symbols but the first two.
func (r *reader) ranged(s, from, group int) int {
	if s < 2*group {
		return from + s
	}
	extra := s/group - 1
	return from + (group+s%group)<<extra + r.number(extra)
}
