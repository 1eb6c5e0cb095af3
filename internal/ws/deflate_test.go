package ws

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/ws/wstest/flatetest"
)

// tempting is a text that tempts a compressor to reach far back: everything in
// it has been there before, at all sorts of distances.
func tempting(n int, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 0, n)
	for len(b) < n {
		if len(b) < 64 || random.IntN(4) == 0 {
			b = append(b, fmt.Sprintf("%x,", random.Uint64())...)
			continue
		}
		far := 1 + random.IntN(min(len(b), 1<<(5+random.IntN(12))))
		from := len(b) - far
		b = append(b, b[from:min(len(b), from+4+random.IntN(40))]...)
	}
	return b[:n]
}

// keys are all there are.
func keys() []deflateKey {
	var all []deflateKey
	for bits := minWindowBits; bits < maxWindowBits; bits++ {
		all = append(all, deflateKey{bits: bits})
	}
	for level := 1; level <= maxLevel; level++ {
		all = append(all, deflateKey{bits: maxWindowBits, level: level})
	}
	return all
}

// standardInflate is what the standard library makes of a payload, the first
// limit+1 octets of it at most.
func standardInflate(payload, window []byte, limit int) ([]byte, error) {
	src := bytes.NewReader(append(bytes.Clone(payload), tail...))
	out := bytes.Clone(window)
	for range maxRestarts + 1 {
		r := flate.NewReaderDict(src, out[max(0, len(out)-windowSize):])
		part, err := io.ReadAll(io.LimitReader(r, int64(len(window)+limit+1-len(out))))
		out = append(out, part...)
		if err != nil || len(out) > len(window)+limit || src.Len() == 0 || src.Len() == len(tail) {
			return out[len(window):], err
		}
		if src.Len() < len(tail) {
			break
		}
	}
	return nil, errCorrupt
}

// standardDeflate is a client with the standard library's compressor.
type standardDeflate struct {
	takeover bool
	out      bytes.Buffer
	w        *flate.Writer
}

func newStandardDeflate(t testing.TB, level int, takeover bool) *standardDeflate {
	t.Helper()
	c := &standardDeflate{takeover: takeover}
	var err error
	if c.w, err = flate.NewWriter(&c.out, level); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *standardDeflate) payload(msg []byte) []byte {
	c.out.Reset()
	if !c.takeover {
		c.w.Reset(&c.out)
	}
	_, _ = c.w.Write(msg)
	_ = c.w.Flush()
	return bytes.Clone(c.out.Bytes()[:c.out.Len()-4])
}

// What we compress, strangers read, and no reference reaches further back than
// was agreed on, within a message and, with takeover, across messages.
func TestDeflate(t *testing.T) {
	pools := newDeflatePools()
	for _, key := range keys() {
		for _, takeover := range []bool{false, true} {
			d := pools.deflater(&deflateParams{key: key, serverTakeover: takeover})
			var window []byte
			farthest, across := 0, false
			for i, n := range []int{40, 100, 13, 700, 5000, 5000, 33_000, 200, 200, 140_000, 100} {
				// Neighbours resemble each other.
				msg := tempting(n, uint64(i/2))
				payload, ok := d.compress([]byte("before"), msg)
				if rest, found := bytes.CutPrefix(payload, []byte("before")); !found {
					t.Fatalf("%+v: what was in the buffer is gone", key)
				} else if payload = rest; !ok {
					if len(payload) > 0 || n > 100 {
						t.Errorf("%+v, takeover %v, %d octets: not compressed, %d octets left", key, takeover, n, len(payload))
					}
					continue
				}
				if len(payload) >= n {
					t.Errorf("%+v: %d octets become %d", key, n, len(payload))
				}
				got, far, err := flatetest.Message(payload, window, n)
				if err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%+v, takeover %v, %d octets: %v", key, takeover, n, err)
				}
				farthest = max(farthest, far)
				across = across || far > n
				if got, err := standardInflate(payload, window, n); err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%+v, takeover %v, %d octets: standard library: %v", key, takeover, n, err)
				}
				if takeover {
					window = append(window, msg...)
				}
			}
			if farthest > 1<<key.bits || farthest < 1<<key.bits/2 {
				t.Errorf("%+v, takeover %v: reaches %d octets back", key, takeover, farthest)
			}
			if across && !takeover || !across && takeover && key.bits > 9 {
				t.Errorf("%+v, takeover %v: refers to earlier messages: %v", key, takeover, across)
			}
			if most := min(historySize, 1<<key.bits); cap(d.history) > most || !takeover && d.history != nil {
				t.Errorf("%+v, takeover %v: keeps %d octets", key, takeover, cap(d.history))
			}
		}
	}
}

// A message that would not become shorter goes out plain and is not referred to.
func TestDeflateInVain(t *testing.T) {
	d := newDeflatePools().deflater(&deflateParams{key: deflateKey{bits: 15, level: 1}, serverTakeover: true})
	noise := make([]byte, 2000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for _, msg := range []string{"", "a", string(noise)} {
		if payload, ok := d.compress(nil, []byte(msg)); ok || len(payload) != 0 || d.history != nil {
			t.Errorf("%d octets: compressed %v, history %d", len(msg), ok, len(d.history))
		}
	}
}

// One frame serves connections with takeover and without.
func TestDeflatedFrames(t *testing.T) {
	pools := newDeflatePools()
	key := deflateKey{bits: 12}
	plain := pools.deflater(&deflateParams{key: key})
	keeps := pools.deflater(&deflateParams{key: key, serverTakeover: true})
	var window []byte
	read := func(payload, window, want []byte) int {
		t.Helper()
		got, far, err := flatetest.Message(payload, window, len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v", err)
		}
		return far
	}
	for i := range 4 {
		own := tempting(1000, uint64(i))
		payload, _ := keeps.compress(nil, own)
		read(payload, window, own)
		window = append(window, own...)

		var frames deflatedFrames
		msg := tempting(1500, uint64(i))
		frame := frames.frame(pools, plain.key, parley.Binary, msg)
		if same := frames.frame(pools, keeps.key, parley.Binary, msg); &same[0] != &frame[0] {
			t.Error("the frame is made twice")
		}
		if frame[0] != finBit|rsv1Bit|byte(opBinary) || int(binary.BigEndian.Uint16(frame[2:])) != len(frame)-4 || cap(frame) != len(frame) {
			t.Errorf("frame of %d octets, capacity %d: % x", len(frame), cap(frame), frame[:4])
		}
		read(frame[4:], nil, msg)
		keeps.sent(msg)
		window = append(window, msg...)

		// What follows refers to the shared message.
		payload, _ = keeps.compress(nil, msg[500:900])
		if far := read(payload, window, msg[500:900]); far < 900 {
			t.Errorf("the longest distance is %d", far)
		}
		window = append(window, msg[500:900]...)
	}
	var frames deflatedFrames
	if frame := frames.frame(pools, key, parley.Text, []byte("short")); frame != nil {
		t.Errorf("a frame of %d octets for 5", len(frame))
	}
}

// All keys at once, from many goroutines: buffers are not mixed up.
func TestDeflateConcurrently(t *testing.T) {
	pools := newDeflatePools()
	var frames deflatedFrames
	shared := tempting(3000, 99)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i, key := range keys() {
				d := pools.deflater(&deflateParams{key: key})
				in := pools.inflater(&deflateParams{})
				msg := tempting(1000+g, uint64(g*100+i))
				buf := pools.borrow()
				payload, _ := d.compress(*buf, msg)
				got, err := in.inflate(nil, payload, len(msg))
				if err != nil || !bytes.Equal(got, msg) {
					t.Errorf("%+v: %v", key, err)
				}
				pools.giveBack(buf, payload)
				frame := frames.frame(pools, key, parley.Text, shared)
				if got, err := in.inflate(nil, frame[4:], len(shared)); err != nil || !bytes.Equal(got, shared) {
					t.Errorf("%+v, shared: %v", key, err)
				}
			}
		})
	}
	all.Wait()
}

func TestSlide(t *testing.T) {
	var window []byte
	whole := []byte{}
	for n := range 40 {
		data := bytes.Repeat([]byte{byte(n)}, n%13)
		window, whole = slide(window, data, 20), append(whole, data...)
		if want := whole[max(0, len(whole)-20):]; !bytes.Equal(window, want) || cap(window) > 20 {
			t.Fatalf("%v, capacity %d, want %v", window, cap(window), want)
		}
	}
}

// A buffer that has grown large is not kept.
func TestLargeBuffersAreNotKept(t *testing.T) {
	pools := newDeflatePools()
	for range 100 {
		buf := pools.borrow()
		if cap(*buf) > maxScratch {
			t.Fatalf("borrowed %d octets", cap(*buf))
		}
		pools.giveBack(buf, make([]byte, 0, maxScratch+1))
	}
	r := newInflateReader()
	if _, err := r.message(nil, make([]byte, 1<<20), nil, 10); !errors.Is(err, errCorrupt) {
		t.Error(err)
	}
	r.done()
	if cap(r.in) > maxScratch {
		t.Errorf("a reader keeps %d octets", cap(r.in))
	}
}

// A message costs no allocation but those that the standard library's reader
// makes for long codes.
func TestDeflateAllocations(t *testing.T) {
	pools := newDeflatePools()
	for _, params := range []*deflateParams{
		{key: deflateKey{bits: 15, level: 1}},
		{key: deflateKey{bits: 15, level: 6}},
		{key: deflateKey{bits: 10}},
		{key: deflateKey{bits: 15, level: 1}, serverTakeover: true, clientTakeover: true},
	} {
		d, in := pools.deflater(params), pools.inflater(params)
		for _, n := range []int{600, 20_000} {
			msg := tempting(n, 1)
			least := math.Inf(1)
			for i := 0; i < 50 && least > 0; i++ { // a pool may lose what it was given
				least = min(least, testing.AllocsPerRun(1, func() {
					buf, back := pools.borrow(), pools.borrow()
					payload, _ := d.compress(*buf, msg)
					got, err := in.inflate(*back, payload, n)
					if err != nil {
						t.Fatal(err)
					}
					pools.giveBack(buf, payload)
					pools.giveBack(back, got)
				}))
			}
			if least > 4 {
				t.Errorf("%+v: %d octets cost %v allocations", params, n, least)
			}
		}
	}
}

// listing is n octets of the JSON that a server sends.
func listing(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id":%d,"user":"user-%x","text":"Hello, number %d of %d","at":"2024-05-%02dT10:%02d:%02dZ"},`, 1000+i*7, i*40503%65536, i, i*i, i%28+1, i*7%60, i*13%60)
	}
	return []byte(b.String()[:n])
}

func BenchmarkDeflate(b *testing.B) {
	pools := newDeflatePools()
	for _, params := range []*deflateParams{
		{key: deflateKey{bits: 15, level: 1}},
		{key: deflateKey{bits: 15, level: 1}, serverTakeover: true},
		{key: deflateKey{bits: 15, level: 6}},
		{key: deflateKey{bits: 15, level: 9}},
		{key: deflateKey{bits: 10}},
	} {
		for _, n := range []int{128, 512, 4096, 65536} {
			b.Run(fmt.Sprintf("bits=%d/level=%d/takeover=%v/%d", params.key.bits, params.key.level, params.serverTakeover, n), func(b *testing.B) {
				d, all := pools.deflater(params), listing(1<<20)
				in, out := 0, 0
				buf := pools.borrow()
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					at := in % (len(all) - n)
					payload, ok := d.compress(*buf, all[at:at+n])
					in += n
					if out += len(payload); !ok {
						out += n
					}
					*buf = payload[:0]
				}
				b.ReportMetric(100*float64(out)/float64(in), "%")
			})
		}
	}
}

// What a message becomes does not depend on what was compressed before, for
// another peer perhaps.
func TestDeflateForgets(t *testing.T) {
	for _, key := range keys() {
		used := newDeflatePools()
		for i := range 30 {
			msg := tempting(1+i*i*20, uint64(i))
			history := tempting(i*50, uint64(i+1))
			fresh := newDeflatePools().compress(nil, key, history, msg)
			if got := used.compress(nil, key, history, msg); !bytes.Equal(got, fresh) {
				t.Fatalf("%+v, message %d: %x, want %x", key, i, got, fresh)
			}
		}
	}
}
