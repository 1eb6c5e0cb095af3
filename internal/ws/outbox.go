package ws

import (
	"encoding/binary"

	"parley.example/parley"
)

// A chunk is a run of octets in an outbox.
type chunk struct {
	buf    []byte
	shared bool // buf belongs to a Prepared: not appended to, not recycled
	next   *chunk
}

const (
	// shareFrom is the length from which a prepared frame is queued by
	// reference; shorter ones are copied, which costs less than a chunk and a
	// write of their own.
	shareFrom = largeChunk

	// writeMost is what one write is given at most, so that progress shows.
	writeMost = 64 << 10

	// pongsLost is how many pings in a row may go without a pong of their own
	// before the peer, which does not read, is not read either.
	pongsLost = 256
)

// An outbox is the queue of octets that wait for the socket, bounded by limit.
// Frames lie packed in chunks, so that tiny messages cost no more memory than
// they count; what is queued together leaves in one write. Its owner guards
// it. At any time at most one goroutine has the right to write (writing): only
// that one calls next, advance and drop.
type outbox struct {
	buffers *buffers
	limit   int // octets

	head, tail *chunk
	off        int    // octets of head that have been written
	queued     uint64 // octets ever queued
	written    uint64 // octets of them that the socket has taken

	turn    bool // the reader is in a turn and will write at its end
	writing bool // somebody has the right to write
	high    bool // over half the limit since it was last under a quarter
	hint    int  // octets of the read whose turn it is: as much may be answered

	pong      []byte // of the latest ping that has no pong in the queue; nil for none
	pongEnd   uint64 // the value of queued after the latest pong
	pongsLost int    // pings since the socket took something that got no pong
	pingEnd   uint64 // the value of queued after the engine's latest ping

	messages uint64 // data messages queued since the engine's counters took them
}

// size is how many octets wait.
func (o *outbox) size() int { return int(o.queued - o.written) }

// little is a backlog so small that it does not count: control frames, mostly.
func (o *outbox) little() bool { return o.size() <= min(4<<10, o.limit/4) }

// fits reports whether a frame of n octets may be queued. One frame always
// fits an outbox with little in it.
func (o *outbox) fits(n int) bool { return o.little() || o.size()+n <= o.limit }

// frame queues a whole frame, copying its payload.
func (o *outbox) frame(op opcode, payload []byte) {
	var b [maxServerHeader]byte
	o.write(appendHeader(b[:0], op, len(payload)))
	o.write(payload)
	o.grown(op)
}

// prepared queues a frame that was made before.
func (o *outbox) prepared(p *Prepared) {
	if len(p.frame) < shareFrom {
		o.write(p.frame)
	} else {
		o.push(&chunk{buf: p.frame, shared: true})
		o.queued += uint64(len(p.frame))
	}
	o.grown(opcode(p.kind))
}

func (o *outbox) grown(op opcode) {
	if !op.control() {
		o.messages++
	}
	if o.size() > o.limit/2 {
		o.high = true
	}
}

// closeFrame queues the last frame. CloseNoStatus makes it empty.
func (o *outbox) closeFrame(code parley.CloseCode, reason string) {
	o.pong = nil
	if code == parley.CloseNoStatus {
		o.frame(opClose, nil)
		return
	}
	var b [maxControl]byte
	o.frame(opClose, append(binary.BigEndian.AppendUint16(b[:0], uint16(code)), reason...))
}

// ping queues a ping of the engine's own, unless the last one is still here.
func (o *outbox) ping(data []byte) {
	if o.written >= o.pingEnd {
		o.frame(opPing, data)
		o.pingEnd = o.queued
	}
}

// answer queues the pong to a ping. If the socket takes nothing, only the
// latest ping keeps its pong (RFC 6455 §5.5.3); stuck says that the peer goes
// on all the same.
func (o *outbox) answer(data []byte) (stuck bool) {
	if o.little() || o.written >= o.pongEnd {
		o.pong = nil
		o.queuePong(data)
		return false
	}
	o.pong = append(o.pong[:0], data...)
	if o.pong == nil {
		o.pong = []byte{}
	}
	o.pongsLost++
	return o.pongsLost > pongsLost
}

func (o *outbox) queuePong(data []byte) {
	o.frame(opPong, data)
	o.pongEnd = o.queued
}

func (o *outbox) write(b []byte) {
	o.queued += uint64(len(b))
	for {
		if t := o.tail; t != nil && !t.shared {
			n := min(len(b), cap(t.buf)-len(t.buf))
			t.buf = append(t.buf, b[:n]...)
			b = b[n:]
		}
		if len(b) == 0 {
			return
		}
		want := max(len(b), o.hint)
		if o.head != nil {
			want = largeChunk // a backlog builds up
		}
		o.push(o.buffers.chunk(want))
	}
}

func (o *outbox) push(c *chunk) {
	if o.tail == nil {
		o.head = c
	} else {
		o.tail.next = c
	}
	o.tail = c
}

// claim takes the right to write, if there is something to write and nobody
// has it or is about to take it.
func (o *outbox) claim() bool {
	if o.turn || o.writing || o.head == nil {
		return false
	}
	o.writing = true
	return true
}

// next returns octets to write, and none if the outbox is empty. They stay
// where they are until advance.
func (o *outbox) next() []byte {
	if o.pong != nil && (o.little() || o.written >= o.pongEnd) {
		pong := o.pong
		o.pong = nil
		o.queuePong(pong)
	}
	if o.head == nil {
		return nil
	}
	b := o.head.buf[o.off:]
	return b[:min(len(b), writeMost)]
}

// advance says that the socket has taken n octets. drained says that the
// outbox, after having been over half its limit, is now under a quarter of it.
func (o *outbox) advance(n int) (drained bool) {
	if n > 0 {
		o.pongsLost = 0
	}
	o.written += uint64(n)
	o.off += n
	for o.head != nil && o.off >= len(o.head.buf) {
		o.off -= len(o.head.buf)
		o.shift()
	}
	if o.high && o.size() < o.limit/4 {
		o.high = false
		return true
	}
	return false
}

// drop throws away everything that waits.
func (o *outbox) drop() {
	for o.head != nil {
		o.shift()
	}
	o.off, o.written, o.pong = 0, o.queued, nil
}

func (o *outbox) shift() {
	done := o.head
	o.head = done.next
	if o.head == nil {
		o.tail = nil
	}
	o.buffers.recycle(done)
}
