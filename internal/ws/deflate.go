package ws

import (
	"math"
	"sync"

	"github.com/klauspost/compress/flate"

	"parley.example/parley"
)

// permessage-deflate (RFC 7692) on the wire: a data message is compressed if
// RSV1 is set on its first frame. Fragments after the first, control frames,
// and all frames where the extension was not agreed on, never have RSV1; RSV2
// and RSV3 are never set. A message is compressed as a whole and then cut into
// frames; its text is checked for UTF-8, and its length for the limit, as it
// was before. Either side may send any message plain: that leaves the contexts
// as they are.

const rsv1Bit = 0x40

// A deflateKey says how messages are compressed. Connections with equal keys
// can be sent the same octets, whether their messages may refer to earlier ones
// or not.
type deflateKey struct {
	bits  int // no reference reaches further back than 1<<bits octets
	level int // 0 if bits is under 15: then there is only one
}

const (
	// historySize is how much a connection keeps of what it has sent
	// compressed, at most. Compressing reads all of it each time: 32 KiB cost
	// 100 µs and more, and save little that 4 KiB do not save.
	historySize = 4 << 10

	// maxScratch is the capacity of the largest buffer that is kept for later.
	maxScratch = 64 << 10
)

// deflatePools are what an engine's connections borrow to compress and
// inflate: a compressor has about 1 MB, so none can have its own. They are safe
// for every goroutine.
type deflatePools struct {
	compressors map[deflateKey]*sync.Pool // *compressor; the map is read-only
	readers     sync.Pool                 // *inflateReader
	scratch     sync.Pool                 // *[]byte
}

func newDeflatePools() *deflatePools {
	p := &deflatePools{compressors: map[deflateKey]*sync.Pool{}}
	for bits := minWindowBits; bits < maxWindowBits; bits++ {
		p.compressors[deflateKey{bits: bits}] = &sync.Pool{New: func() any {
			return newCompressor(flate.NewWriterWindow(nil, 1<<bits))
		}}
	}
	for level := 1; level <= maxLevel; level++ {
		p.compressors[deflateKey{bits: maxWindowBits, level: level}] = &sync.Pool{New: func() any {
			return newCompressor(flate.NewWriter(nil, level))
		}}
	}
	p.readers.New = func() any { return newInflateReader() }
	p.scratch.New = func() any { b := make([]byte, 0, 4<<10); return &b }
	return p
}

// borrow gives an empty buffer, to be appended to and handed to giveBack.
func (p *deflatePools) borrow() *[]byte { return p.scratch.Get().(*[]byte) }

// giveBack takes a buffer that nobody uses any more, with the slice that it has
// become.
func (p *deflatePools) giveBack(buf *[]byte, now []byte) {
	if cap(now) <= maxScratch {
		*buf = now[:0]
		p.scratch.Put(buf)
	}
}

// A compressor compresses one message after the other.
type compressor struct {
	flate *flate.Writer
	out   []byte // what the message at hand has become so far
}

func newCompressor(w *flate.Writer, err error) *compressor {
	if err != nil {
		panic("ws: " + err.Error()) // a key that deflatePools does not make
	}
	return &compressor{flate: w}
}

func (c *compressor) Write(b []byte) (int, error) {
	c.out = append(c.out, b...)
	return len(b), nil
}

// compress appends msg, which may refer to history before it, as RFC 7692
// §7.2.1 says.
func (p *deflatePools) compress(dst []byte, key deflateKey, history, msg []byte) []byte {
	pool := p.compressors[key]
	c := pool.Get().(*compressor)
	c.out = dst
	c.flate.ResetDict(c, history)
	// Errors could only be Write's.
	_, _ = c.flate.Write(msg)
	_ = c.flate.Flush()
	out := c.out[:len(c.out)-4] // 00 00 FF FF, which every flush ends with
	c.out = nil
	pool.Put(c)
	return out
}

// A deflater compresses what one connection sends. Calls follow each other in
// the order in which the messages leave: with serverTakeover they belong under
// the lock that also queues the frame.
type deflater struct {
	pools     *deflatePools
	key       deflateKey
	threshold int // shorter messages are to be sent plain, without asking
	takeover  bool

	history []byte // the end of what has been sent compressed; only with takeover
}

func (p *deflatePools) deflater(params *deflateParams) deflater {
	return deflater{pools: p, key: params.key, threshold: params.threshold, takeover: params.serverTakeover}
}

// compress appends the payload that msg becomes to dst and returns it with ok
// true: it must be sent then. If it would not be shorter than msg, ok is false
// and what is returned is only good for its capacity: msg is to be sent plain.
// Without takeover it may be called by several goroutines at once.
func (d *deflater) compress(dst, msg []byte) (payload []byte, ok bool) {
	start := len(dst)
	dst = d.pools.compress(dst, d.key, d.history, msg)
	if len(dst)-start >= len(msg) {
		return dst[:start], false
	}
	d.sent(msg)
	return dst, true
}

// sent says that msg was sent compressed by somebody else, from a Prepared.
func (d *deflater) sent(msg []byte) {
	if d.takeover {
		d.history = slide(d.history, msg, min(historySize, 1<<d.key.bits))
	}
}

// deflatedFrames are the compressed frames of one message that goes to many,
// one for each deflateKey, made when first asked for. It is safe for every
// goroutine; the zero value is ready.
type deflatedFrames struct {
	mu    sync.Mutex
	known []deflatedFrame
}

type deflatedFrame struct {
	key   deflateKey
	frame []byte
}

// frame returns the whole frame, with RSV1, for connections that have agreed on
// key, or nil if it would not be shorter than the plain one. kind and msg are
// the same in every call. Each connection that is sent the frame must be told
// so by deflater.sent.
func (f *deflatedFrames) frame(pools *deflatePools, key deflateKey, kind parley.Kind, msg []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.known {
		if k.key == key {
			return k.frame
		}
	}
	buf := pools.borrow()
	payload := pools.compress(*buf, key, nil, msg)
	var frame []byte
	if len(payload) < len(msg) {
		frame = appendHeader(make([]byte, 0, frameLen(len(payload))), opcode(kind), len(payload))
		frame[0] |= rsv1Bit
		frame = append(frame, payload...)
	}
	pools.giveBack(buf, payload)
	f.known = append(f.known, deflatedFrame{key, frame})
	return frame
}

// slide returns the last size octets of window and data behind it, in window's
// array if they fit.
func slide(window, data []byte, size int) []byte {
	data = data[max(0, len(data)-size):]
	kept := window[len(window)-min(len(window), size-len(data)):]
	if need := len(kept) + len(data); need > cap(window) {
		window = make([]byte, 0, min(size, max(need, 2*cap(window))))
	}
	return append(append(window[:0], kept...), data...)
}

// maxDeflated is how many octets of payload a compressed message can have that
// inflates to limit octets: fixed codes make nine bits of eight, and there are
// headers. What is longer is refused before it is read.
func maxDeflated(limit int) int {
	return min(limit, math.MaxInt/2) + limit/8 + 64
}
