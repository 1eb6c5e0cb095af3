package ws

import "parley.example/parley"

// A Prepared is a message that was framed once to be sent to many, and is
// compressed once for all who have agreed on the same. It is safe for every
// goroutine.
type Prepared struct {
	kind  parley.Kind
	frame []byte // header and payload
	size  int    // octets of payload

	deflated deflatedFrames
}

// Prepare frames m, copying its bytes. It panics if m is of no kind.
func Prepare(m parley.Message) *Prepared {
	if m.Kind != parley.Text && m.Kind != parley.Binary {
		panic("ws: prepare a message of " + m.Kind.String())
	}
	frame := make([]byte, 0, frameLen(len(m.Data)))
	frame = appendHeader(frame, opcode(m.Kind), len(m.Data))
	return &Prepared{kind: m.Kind, frame: append(frame, m.Data...), size: len(m.Data)}
}

// payload is the message, uncompressed.
func (p *Prepared) payload() []byte { return p.frame[len(p.frame)-p.size:] }

// Len is what the message counts in an outbox, in octets, if it is not
// compressed.
func (p *Prepared) Len() int { return len(p.frame) }
