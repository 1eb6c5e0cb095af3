package wstest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
)

// Stream makes what a client may send to the server that r describes: messages
// in fragments, with control frames inside and between them. Half of the
// streams are damaged.
func (r Reference) Stream(random *rand.Rand) []byte {
	g := generator{Rand: random, ref: r}
	g.flate, _ = flate.NewWriter(&g.out, 1+g.IntN(9)) // the level is legal
	var frames []Frame
	for range 1 + g.IntN(5) {
		frames = append(frames, g.message()...)
	}
	if !g.oneIn(3) {
		frames = append(frames, g.closing())
		if g.oneIn(4) {
			frames = append(frames, g.message()...)
		}
	}
	damaged := g.oneIn(2)
	if damaged && !g.oneIn(4) {
		frames = g.damage(frames)
	}
	b := Wire(frames...)
	if damaged && g.oneIn(3) && len(b) > 0 {
		if g.oneIn(2) {
			return b[:g.IntN(len(b))]
		}
		b[g.IntN(len(b))] = byte(g.Uint32())
	}
	return b
}

type generator struct {
	*rand.Rand
	ref   Reference
	flate *flate.Writer
	out   bytes.Buffer // of flate
	last  Frame        // the last message
}

func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

// size is the length of a message; seldom it is over the limit.
func (g *generator) size() int {
	switch g.IntN(12) {
	case 0:
		return 0
	case 1:
		return 120 + g.IntN(10)
	case 2:
		return g.ref.Limit - g.IntN(10)
	case 3:
		return g.ref.Limit + g.IntN(2)*(1+g.IntN(10))
	case 4:
		return g.IntN(1 + g.ref.Limit)
	}
	return 1 + g.IntN(20)
}

// text is a text of n octets. Much of it is repeated.
func (g *generator) text(n int) string {
	var b strings.Builder
	for b.Len() < n {
		if b.Len() > 20 && g.oneIn(3) {
			from := g.IntN(b.Len())
			b.WriteString(strings.ToValidUTF8(b.String()[from:], ""))
			continue
		}
		b.WriteRune([]rune{'a' + rune(g.IntN(26)), 'ü', '€', '😀', '\u07FF', '\uD7FF', '\uE000', '\uFFFF', '\U0010FFFF'}[max(0, g.IntN(20)-11)])
	}
	s := b.String()[:n]
	if valid := strings.ToValidUTF8(s, ""); len(valid) < n {
		return valid + strings.Repeat("x", n-len(valid))
	}
	return s
}

func (g *generator) octets(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return string(b)
}

// message is the frames of a message, and of control frames.
func (g *generator) message() []Frame {
	f := Frame{Op: OpText}
	if g.oneIn(2) {
		f = Frame{Op: OpBinary, Payload: g.octets(g.size())}
	} else {
		f.Payload = g.text(g.size())
	}
	if g.last.Op != 0 && g.oneIn(3) {
		f = g.last // again, which a compressor likes
	}
	g.last = f
	if g.ref.Deflate && !g.oneIn(3) {
		f.RSV = 4
		if g.oneIn(10) {
			f.Payload = strings.Repeat("z", g.ref.Limit*(1+g.IntN(20)))
		}
		f.Payload = g.compressed(f.Payload)
	}
	var frames []Frame
	rest := f.Payload
	for range g.IntN(5) * g.IntN(2) {
		if g.oneIn(3) {
			frames = append(frames, g.control())
		}
		n := g.IntN(1 + len(rest))
		f.Payload, f.More = rest[:n], true
		frames = append(frames, f)
		f, rest = Frame{Op: OpContinuation}, rest[n:]
	}
	if g.oneIn(3) {
		frames = append(frames, g.control())
	}
	f.Payload, f.More = rest, false
	return append(frames, f)
}

// compressed is the payload of a compressed message.
func (g *generator) compressed(s string) string {
	g.out.Reset()
	if !g.ref.Takeover || g.oneIn(5) {
		g.flate.Reset(&g.out)
	}
	_, _ = g.flate.Write([]byte(s)[:len(s)/2])
	if g.oneIn(5) {
		_ = g.flate.Flush()
	}
	_, _ = g.flate.Write([]byte(s)[len(s)/2:])
	if g.oneIn(5) {
		_ = g.flate.Close()
		s = g.out.String() + strings.Repeat("\x00", g.IntN(2))
		g.flate.Reset(&g.out)
		return s
	}
	_ = g.flate.Flush()
	return strings.TrimSuffix(g.out.String(), "\x00\x00\xff\xff")
}

func (g *generator) control() Frame {
	n := g.IntN(10)
	if g.oneIn(5) {
		n = 125 - g.IntN(2)
	}
	return []Frame{Ping(g.octets(n)), Pong(g.octets(n))}[g.IntN(2)]
}

func (g *generator) closing() Frame {
	if g.oneIn(4) {
		return Frame{Op: OpClose}
	}
	codes := []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999}
	return Close(codes[g.IntN(len(codes))], g.text(g.IntN(20)))
}

// damage breaks one thing.
func (g *generator) damage(frames []Frame) []Frame {
	i := g.IntN(len(frames))
	f := &frames[i]
	at := g.IntN(1 + len(f.Payload))
	switch g.IntN(14) {
	case 0:
		f.RSV ^= byte(1 + g.IntN(7))
	case 1:
		f.Op = byte(g.IntN(16))
	case 2:
		f.More = !f.More
	case 3:
		f.Bare = true
	case 4:
		f.Form = []int{16, 64}[g.IntN(2)]
		if g.oneIn(2) {
			f.Payload = strings.Repeat("x", 125)
		}
	case 5:
		f.Claims = true
		f.Claim = []uint64{
			uint64(len(f.Payload) + 1), uint64(at), 125, 126, 1 << 16, uint64(g.ref.Limit), uint64(g.ref.Limit + 1),
			1<<63 - 1, 1 << 63, 1<<64 - 1,
		}[g.IntN(10)]
	case 6, 7:
		f.Payload = f.Payload[:at] + g.octets(1) + f.Payload[min(at+1, len(f.Payload)):]
	case 8:
		f.Payload = f.Payload[:at]
	case 9:
		f.Payload += []string{"\xff", "\xc3", "\xed\xa0", "\xf4\x90", "\xe0\x80\x80", "\xf0\x9f\x98"}[g.IntN(6)]
	case 10:
		return slices.Delete(frames, i, i+1)
	case 11:
		return slices.Insert(frames, i, *f)
	case 12:
		return slices.Insert(frames, i, g.message()...)
	case 13:
		bad := []Frame{
			Close(1005, ""), Close(1006, ""), Close(1015, ""), Close(999, ""), Close(0, ""), Close(2999, ""), Close(5000, ""), Close(65535, ""),
			Close(1000, "caf\xe9"),
			{Op: OpClose, Payload: "\x03"},
			{Op: OpClose, Payload: g.octets(126)},
			{Op: OpClose, Payload: string(binary.BigEndian.AppendUint16(nil, uint16(g.Uint32())))},
		}
		return slices.Insert(frames, i, bad[g.IntN(len(bad))])
	}
	return frames
}
