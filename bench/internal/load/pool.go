package load

import (
	"fmt"
	"math/rand/v2"
)

// poolSize is the number of different messages. Message k of a connection is
// number k modulo poolSize, so an answer that is lost, doubled or out of order
// does not have the content that is due.
const poolSize = 256

// A pool holds messages: framed and masked, each with a key of its own, as
// they are sent, and as they are expected back. It is made before the clock
// starts, and read-only then.
type pool struct {
	wire  []byte // the frames, and the first of them once more, so that a run of them is one slice
	frame int    // octets of one frame
	want  [poolSize][]byte
	op    byte
}

// newPool makes messages of size octets. A run of up to window of them can be
// sent at once. prefix is what the server puts before each.
func newPool(op byte, size, window int, prefix string, rng *rand.Rand) *pool {
	p := &pool{op: op}
	payloads := make([][]byte, poolSize)
	keys := make([][4]byte, poolSize)
	for i := range payloads {
		text := fmt.Appendf(nil, "%08x", i)
		for len(text) < size {
			text = append(text, byte('a'+rng.IntN(26)))
		}
		payloads[i] = text[:size]
		p.want[i] = append([]byte(prefix), text[:size]...)
		for k := range keys[i] {
			keys[i][k] = byte(rng.IntN(256))
		}
	}
	for i := range poolSize + window {
		p.wire = appendFrame(p.wire, op, payloads[i%poolSize], keys[i%poolSize])
	}
	p.frame = len(p.wire) / (poolSize + window)
	return p
}

// run returns n frames from number k on.
func (p *pool) run(k uint, n int) []byte {
	start := int(k%poolSize) * p.frame
	return p.wire[start : start+n*p.frame]
}

// check compares f with the answer to message k.
func (p *pool) check(k uint, f frame) error {
	want := p.want[k%poolSize]
	if f.opcode == p.op && string(f.payload) == string(want) {
		return nil
	}
	return fmt.Errorf("message %d: got opcode %d and %.80q, want opcode %d and %.80q", k, f.opcode, f.payload, p.op, want)
}
