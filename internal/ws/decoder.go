package ws

// A decoder cuts a stream of octets into pieces of frames, however the octets
// are split between calls. It does no I/O. The zero value is ready.
type decoder struct {
	head [maxClientHeader]byte // a header that has not come whole
	have int                   // octets in head

	frame  header // the frame at hand, its key turned to the next octet
	left   int64  // octets of its payload that have not come
	inside bool   // its header has come whole and its payload has not
}

// A piece is a part of one frame: all of it, if first and last are both true.
type piece struct {
	header
	data  []byte // unmasked; a part of the decoder's input
	left  int64  // octets of the frame's payload that are still to come
	first bool   // no earlier piece belongs to this frame
}

func (p *piece) last() bool { return p.left == 0 }

// next takes one piece from the front of b, unmasking it in place, and returns
// the rest of b. A frame's first piece is given as soon as the header is
// there, if need be without data. ok is false if b, then used up, had nothing
// to give. After a fault the stream cannot be read on. rsv1 is parseHeader's.
func (d *decoder) next(b []byte, rsv1 bool) (p piece, rest []byte, ok bool, fault string) {
	if !d.inside {
		b, ok, fault = d.begin(b, rsv1)
		if !ok {
			return piece{}, nil, false, fault
		}
		p.first = true
	} else if len(b) == 0 {
		return piece{}, nil, false, ""
	}
	n := int(min(d.left, int64(len(b))))
	p.header = d.frame
	p.data, rest = b[:n:n], b[n:]
	d.frame.key = unmask(p.data, d.frame.key)
	d.left -= int64(n)
	p.left = d.left
	d.inside = d.left > 0
	return p, rest, true, ""
}

// begin reads the next frame's header, of which a part may have come earlier.
func (d *decoder) begin(b []byte, rsv1 bool) (rest []byte, ok bool, fault string) {
	h, n, fault := header{}, 0, ""
	if d.have == 0 {
		h, n, fault = parseHeader(b, rsv1)
		if n == 0 && fault == "" {
			d.have = copy(d.head[:], b)
		}
	} else {
		added := copy(d.head[d.have:], b)
		h, n, fault = parseHeader(d.head[:d.have+added], rsv1)
		if n == 0 {
			d.have += added
		} else {
			n -= d.have
			d.have = 0
		}
	}
	if n == 0 {
		return nil, false, fault
	}
	d.frame, d.left = h, h.size
	return b[n:], true, ""
}
