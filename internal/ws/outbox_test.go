package ws

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"parley.example/parley"
)

func newOutbox(limit int) *outbox { return &outbox{buffers: newBuffers(), limit: uint32(limit)} }

// memory is what an outbox holds, shared frames counted in full.
func (o *outbox) memory() (octets int) {
	for c := o.head; c != nil; c = c.next {
		octets += cap(c.buf)
	}
	return octets
}

// Whatever is queued and however it is written, the socket gets the frames in
// order and whole.
func TestOutboxIsAStream(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		o := newOutbox(1 << 30)
		var want, got []byte
		write := func() {
			b := o.next()
			n := 0
			if len(b) > 0 {
				n = 1 + random.IntN(len(b))
			}
			got = append(got, b[:n]...)
			o.advance(n)
		}
		for range 200 {
			size := []int{0, 1, 100, 125, 126, 2000, 5000, 40_000, 70_000}[random.IntN(9)]
			data := bytes.Repeat([]byte{byte(random.Uint32())}, size)
			o.hint = random.Uint32N(3) * 20_000
			if random.IntN(3) == 0 {
				p := Prepare(parley.Message{Kind: parley.Text, Data: data})
				o.prepared(p.frame)
				want = append(want, p.frame...)
			} else {
				o.frame(opBinary, data)
				want = append(appendHeader(want, opBinary, size), data...)
			}
			for range random.IntN(4) {
				write()
			}
			if o.size() != len(want)-len(got) {
				t.Fatalf("size is %d, %d octets wait", o.size(), len(want)-len(got))
			}
		}
		for o.head != nil {
			write()
		}
		if !bytes.Equal(got, want) {
			t.Fatal("what was written is not what was queued")
		}
	}
}

// Tiny messages must not cost more memory than they count, nor must a bad mix.
func TestOutboxMemory(t *testing.T) {
	const limit = 1 << 20
	large := Prepare(parley.Message{Kind: parley.Binary, Data: make([]byte, shareFrom)})
	for name, queue := range map[string]func(o *outbox) int{
		"tiny": func(o *outbox) int { o.frame(opText, []byte("x")); return frameLen(1) },
		"tiny and shared by turns": func(o *outbox) int {
			o.frame(opText, []byte("x"))
			o.prepared(large.frame)
			return frameLen(1) + large.Len()
		},
		"over a small chunk, and shared": func(o *outbox) int {
			o.frame(opBinary, make([]byte, smallChunk+1))
			o.prepared(large.frame)
			return frameLen(smallChunk+1) + large.Len()
		},
	} {
		o := newOutbox(limit)
		for n := 0; o.fits(n); {
			n = queue(o)
		}
		if got := o.memory(); got > 2*limit+largeChunk+large.Len() {
			t.Errorf("%s: %d octets hold %d", name, got, o.size())
		}
		o.drop()
		if o.size() != 0 || o.memory() != 0 || o.next() != nil {
			t.Errorf("%s: something is left after drop", name)
		}
	}
}

func TestOutboxLimit(t *testing.T) {
	o := newOutbox(10_000)
	if !o.fits(1 << 20) {
		t.Error("a frame does not fit the empty outbox")
	}
	o.message(opBinary, make([]byte, 6000))
	if !o.fits(3900) || o.fits(4000) {
		t.Errorf("of 10000 octets %d are taken: 3900 more fit %v, 4000 %v", o.size(), o.fits(3900), o.fits(4000))
	}
	if !o.high {
		t.Error("over half the limit is not high")
	}
	if o.advance(3000) || !o.advance(1000) || o.advance(500) {
		t.Error("drained must be told once, under a quarter of the limit")
	}
}

func TestOutboxPongs(t *testing.T) {
	o := newOutbox(1 << 20)
	for range 1000 {
		o.frame(opBinary, make([]byte, 1000))
	}
	full := o.size()
	stuck := 0
	for i := range 1000 {
		if o.answer([]byte{byte(i >> 8), byte(i)}) {
			stuck++
		}
	}
	if grown := o.size() - full; grown > frameLen(2) {
		t.Errorf("1000 pings to a stuck outbox cost %d octets", grown)
	}
	if stuck != 1000-1-pongsLost {
		t.Errorf("stuck was said %d times", stuck)
	}
	var all []byte
	for b := o.next(); b != nil; b = o.next() {
		all = append(all, b...)
		o.advance(len(b))
	}
	if !bytes.HasSuffix(all, []byte{0x8A, 2, 999 >> 8, 999 & 0xFF}) {
		t.Errorf("the last frame is %x", all[len(all)-4:])
	}
	if n := bytes.Count(all, []byte{0x8A, 2}); n != 2 {
		t.Errorf("%d pongs, want that of the first and of the latest ping", n)
	}
}

func TestOutboxPings(t *testing.T) {
	o := newOutbox(1 << 20)
	o.ping([]byte("a"))
	o.ping([]byte("b"))
	if o.size() != frameLen(1) {
		t.Errorf("%d octets of pings wait", o.size())
	}
	o.advance(o.size())
	o.ping([]byte("c"))
	if o.size() != frameLen(1) {
		t.Error("no ping after the last one has left")
	}
}
