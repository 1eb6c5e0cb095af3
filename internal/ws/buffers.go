package ws

import "sync"

const (
	// readSize is what one read takes at most: enough that a busy peer costs
	// few reads, small enough that a turn on one connection stays short.
	readSize = 32 << 10

	// probeSize is what a connection that cannot be asked whether it has
	// octets holds while it waits for some.
	probeSize = 512

	smallChunk = 2 << 10
	largeChunk = 32 << 10
)

// buffers are the buffers that an engine's connections borrow while they have
// something to read or to write. Its pools are safe for every goroutine.
type buffers struct {
	read, probe  sync.Pool // *[]byte
	small, large sync.Pool // *chunk
	single       sync.Pool // *chunk without a buffer
	inbound      sync.Pool // *inbound, empty
}

func newBuffers() *buffers {
	octets := func(n int) func() any {
		return func() any { b := make([]byte, n); return &b }
	}
	chunks := func(n int) func() any {
		return func() any { return &chunk{buf: make([]byte, 0, n)} }
	}
	return &buffers{
		read:  sync.Pool{New: octets(readSize)},
		probe: sync.Pool{New: octets(probeSize)},
		small: sync.Pool{New: chunks(smallChunk)},
		large: sync.Pool{New: chunks(largeChunk)},

		single:  sync.Pool{New: func() any { return &chunk{alone: true} }},
		inbound: sync.Pool{New: func() any { return &inbound{} }},
	}
}

// chunk gives an empty chunk, a large one if n octets don't fit a small one.
func (b *buffers) chunk(n int) *chunk {
	if n <= smallChunk {
		return b.small.Get().(*chunk)
	}
	return b.large.Get().(*chunk)
}

// alone gives a chunk that is frame.
func (b *buffers) alone(frame []byte) *chunk {
	c := b.single.Get().(*chunk)
	c.buf = frame
	return c
}

// recycle takes back a chunk that nobody reads or writes any more.
func (b *buffers) recycle(c *chunk) {
	c.next = nil
	switch {
	case c.alone:
		c.buf = nil
		b.single.Put(c)
	case cap(c.buf) == smallChunk:
		c.buf = c.buf[:0]
		b.small.Put(c)
	default:
		c.buf = c.buf[:0]
		b.large.Put(c)
	}
}
