package ws

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

var (
	// errTooBig means that a message inflates to more than its limit. The
	// connection fails with CloseTooBig.
	errTooBig = errors.New("message too big")

	// errCorrupt means that a compressed message is not what RFC 7692 §7.2
	// describes. The connection fails with CloseInvalidData.
	errCorrupt = errors.New("compressed data is corrupt")
)

const (
	// windowSize is how far back a compressed message can reach.
	windowSize = 1 << maxWindowBits

	// maxRestarts is how many final blocks a message may have before its last
	// block. Each costs a copy of the window; senders have no use for several.
	maxRestarts = 32
)

// tail is what the sender has cut from the end of a message (RFC 7692 §7.2.2),
// and behind it a final empty block, by which the end is known.
const tail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

// An inflater inflates what one connection gets. It is used by one goroutine
// at a time.
type inflater struct {
	pools    *deflatePools
	takeover bool

	window []byte // the end of what has been inflated; only with takeover
}

func (p *deflatePools) inflater(params *deflateParams) inflater {
	return inflater{pools: p, takeover: params.clientTakeover}
}

// inflate appends the message that payload, of all its frames, inflates to. The
// message has at most limit octets, and dst grows to no more than it needs for
// those. The error is errTooBig or errCorrupt; nothing can be inflated after
// it, and what is returned with it is only good for its capacity.
//
// A final block may stand anywhere in the message, also as its last octets with
// nothing behind it.
func (i *inflater) inflate(dst, payload []byte, limit int) ([]byte, error) {
	r := i.pools.readers.Get().(*inflateReader)
	out, err := r.message(dst, payload, i.window, limit)
	r.done()
	i.pools.readers.Put(r)
	if err == nil && i.takeover {
		i.window = slide(i.window, out[len(dst):], windowSize)
	}
	return out, err
}

// An inflateReader, of the standard library because that forgets everything when
// it is reset, inflates one message after the other.
type inflateReader struct {
	in     []byte // the payload and tail
	src    bytes.Reader
	flate  io.Reader
	window []byte // what is before the block that follows a final one
	over   [1]byte
}

func newInflateReader() *inflateReader {
	r := &inflateReader{}
	r.flate = flate.NewReader(&r.src)
	return r
}

// message is inflate, with what was inflated before in window.
func (r *inflateReader) message(dst, payload, window []byte, limit int) ([]byte, error) {
	start, before := len(dst), window
	r.in = append(append(r.in[:0], payload...), tail...)
	r.src.Reset(r.in)
	for range maxRestarts + 1 {
		_ = r.flate.(flate.Resetter).Reset(&r.src, before)
		var err error
		if dst, err = r.blocks(dst, start, limit); err != nil {
			return dst, err
		}
		switch left := r.src.Len(); {
		case left == 0 || left == len(tail):
			return dst, nil
		case left < len(tail):
			return dst, errCorrupt
		}
		r.window = slide(slide(r.window[:0], window, windowSize), dst[start:], windowSize)
		before = r.window
	}
	return dst, errCorrupt
}

// blocks appends what the blocks up to the next final one inflate to, until
// that makes dst[start:] longer than limit.
func (r *inflateReader) blocks(dst []byte, start, limit int) ([]byte, error) {
	for {
		have := len(dst) - start
		room := r.over[:]
		if have < limit {
			if len(dst) == cap(dst) {
				bigger := make([]byte, len(dst), len(dst)+min(limit-have, max(512, have)))
				copy(bigger, dst)
				dst = bigger
			}
			room = dst[len(dst):cap(dst)]
			room = room[:min(len(room), limit-have)]
		}
		n, err := r.flate.Read(room)
		if n > 0 && have == limit {
			return dst, errTooBig
		}
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, errCorrupt
		}
	}
}

// done lets go of the message.
func (r *inflateReader) done() {
	r.src.Reset(nil)
	if cap(r.in) > maxScratch {
		r.in = nil
	}
}
