package ws

import (
	"encoding/binary"

	"parley.example/parley"
)

// A chunk is a run of octets in an outbox.
type chunk struct {
	buf   []byte
	alone bool // buf is one message's own, or a Prepared's: not appended to, not recycled
	next  *chunk
}

const (
	// shareFrom is the length from which a prepared frame is queued by
	// reference; shorter ones are copied, which costs less than a chunk.
	shareFrom = 4 << 10

	// writeMost is what one write is given at most, so that progress shows.
	writeMost = 64 << 10

	// aloneCost is what a chunk of one message counts besides its octets.
	aloneCost = 64

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

	head, tail *chunk
	queued     uint64 // octets ever queued
	written    uint64 // octets of them that the socket has taken
	pingEnd    uint64 // the value of queued after the engine's latest ping
	lost       *lostPongs

	limit     uint32 // octets
	off       uint32 // octets of head that have been written
	hint      uint32 // octets of the read whose turn it is: as much may be answered
	messages  uint32 // data messages queued since the engine's counters took them
	single    int32  // chunks of one message
	taken     uint8  // chunks that somebody is writing at this moment, the first of them
	turn      bool   // the reader is in a turn and will write at its end
	writing   bool   // somebody has the right to write
	high      bool   // over half the limit since it was last under a quarter
	droppable bool   // each message has a chunk of its own, so that it can be dropped
}

// lostPongs is what an outbox keeps of pings that come while it is not empty.
type lostPongs struct {
	pong []byte // of the latest ping that has no pong in the queue; nil for none
	end  uint64 // the value of queued after the latest pong
	n    int    // pings since the socket took something that got no pong
}

// size is how many octets wait.
func (o *outbox) size() int { return int(o.queued - o.written) }

// weight is what counts against the limit.
func (o *outbox) weight() int { return o.size() + int(o.single)*aloneCost }

// little is a backlog so small that it does not count: control frames, mostly.
func (o *outbox) little() bool { return o.weight() <= min(4<<10, int(o.limit)/4) }

// fits reports whether a frame of n octets may be queued. One frame always
// fits an outbox with little in it.
func (o *outbox) fits(n int) bool { return o.little() || o.weight()+n <= int(o.limit) }

// message queues a whole data message, copying it.
func (o *outbox) message(op opcode, payload []byte) {
	if o.droppable {
		n := frameLen(len(payload))
		frame := append(appendHeader(make([]byte, 0, n), op, len(payload)), payload...)
		o.pushAlone(frame)
	} else {
		o.frame(op, payload)
	}
	o.grown()
}

// prepared queues a frame that was made before.
func (o *outbox) prepared(frame []byte) {
	if len(frame) < shareFrom && !o.droppable {
		o.write(frame)
	} else {
		o.pushAlone(frame)
	}
	o.grown()
}

func (o *outbox) pushAlone(frame []byte) {
	o.push(o.buffers.alone(frame))
	o.single++
	o.queued += uint64(len(frame))
}

func (o *outbox) grown() {
	o.messages++
	if o.weight() > int(o.limit)/2 {
		o.high = true
	}
}

// makeRoom drops messages, the oldest first, until one of n octets fits or
// none is left that may go, and returns how many it has dropped. It leaves
// what has been written in part.
func (o *outbox) makeRoom(n int) (dropped uint64) {
	var before *chunk
	for i, c := 0, o.head; c != nil && !o.fits(n); i++ {
		next := c.next
		if !c.alone || i < int(o.taken) || c == o.head && o.off > 0 {
			before, c = c, next
			continue
		}
		if before == nil {
			o.head = next
		} else {
			before.next = next
		}
		if next == nil {
			o.tail = before
		}
		o.single--
		o.written += uint64(len(c.buf)) // as if it were
		dropped++
		c = next
	}
	return dropped
}

// frame queues a whole frame, copying its payload.
func (o *outbox) frame(op opcode, payload []byte) {
	if t := o.tail; t != nil && !t.alone && cap(t.buf)-len(t.buf) >= maxServerHeader+len(payload) {
		have := len(t.buf)
		t.buf = append(appendHeader(t.buf, op, len(payload)), payload...)
		o.queued += uint64(len(t.buf) - have)
		return
	}
	var b [maxServerHeader]byte
	o.write(appendHeader(b[:0], op, len(payload)))
	o.write(payload)
}

// closeFrame queues the last frame. CloseNoStatus makes it empty.
func (o *outbox) closeFrame(code parley.CloseCode, reason string) {
	o.lost = nil
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
	if o.little() || o.lost == nil || o.written >= o.lost.end {
		o.queuePong(data)
		return false
	}
	o.lost.pong = append(o.lost.pong[:0], data...)
	if o.lost.pong == nil {
		o.lost.pong = []byte{}
	}
	o.lost.n++
	return o.lost.n > pongsLost
}

// queuePong queues a pong, which makes those that wait needless. Only behind a
// backlog is there anything to remember.
func (o *outbox) queuePong(data []byte) {
	o.frame(opPong, data)
	if o.little() {
		o.lost = nil
		return
	}
	if o.lost == nil {
		o.lost = &lostPongs{}
	}
	o.lost.pong, o.lost.end = nil, o.queued
}

func (o *outbox) write(b []byte) {
	o.queued += uint64(len(b))
	for {
		if t := o.tail; t != nil && !t.alone {
			n := min(len(b), cap(t.buf)-len(t.buf))
			t.buf = append(t.buf, b[:n]...)
			b = b[n:]
		}
		if len(b) == 0 {
			return
		}
		want := largeChunk // a backlog builds up
		switch {
		case o.tail == nil:
			want = max(len(b), int(o.hint))
		case o.single > 0:
			want = smallChunk // between messages that have their own
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
	o.latePong()
	if o.head == nil {
		return nil
	}
	o.taken = 1
	b := o.head.buf[o.off:]
	return b[:min(len(b), writeMost)]
}

// gather appends to bufs what is to be written next, in at most cap(bufs)
// pieces. It is next for those who can write several at once. What is being
// written cannot be dropped: where the oldest messages shall make room for new
// ones, it is not much more than half of what there may be.
func (o *outbox) gather(bufs [][]byte) [][]byte {
	o.latePong()
	off, size := o.off, 0
	for c := o.head; c != nil && len(bufs) < cap(bufs); c = c.next {
		if o.droppable && size > int(o.limit)/2 {
			break
		}
		bufs = append(bufs, c.buf[off:])
		size += len(c.buf)
		off = 0
	}
	o.taken = uint8(len(bufs))
	return bufs
}

// latePong queues the pong that waited, once it is its turn.
func (o *outbox) latePong() {
	if l := o.lost; l != nil && l.pong != nil && (o.little() || o.written >= l.end) {
		o.queuePong(l.pong)
	}
}

// advance says that the socket has taken n octets. drained says that the
// outbox, after having been over half its limit, is now under a quarter of it.
func (o *outbox) advance(n int) (drained bool) {
	if n > 0 && o.lost != nil {
		o.lost.n = 0
	}
	o.taken = 0
	o.written += uint64(n)
	o.off += uint32(n)
	for o.head != nil && int(o.off) >= len(o.head.buf) {
		o.off -= uint32(len(o.head.buf))
		o.shift()
	}
	if o.high && o.weight() < (int(o.limit)+3)/4 {
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
	o.off, o.taken, o.written, o.lost, o.high = 0, 0, o.queued, nil, false
}

func (o *outbox) shift() {
	done := o.head
	o.head = done.next
	if o.head == nil {
		o.tail = nil
	}
	if done.alone {
		o.single--
	}
	o.buffers.recycle(done)
}
