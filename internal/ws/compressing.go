package ws

import (
	"errors"
	"unicode/utf8"

	"parley.example/parley"
)

// compressing is a connection's part in permessage-deflate.
type compressing struct {
	out deflater // with takeover, guarded by Conn.mu

	// Owned by the driver's reader.
	in       inflater
	inflated []byte  // the message that is being handed over
	borrowed *[]byte // what it lies in
}

func (e *Engine) compressing(p *deflateParams) *compressing {
	if p == nil {
		return nil
	}
	return &compressing{out: e.deflate.deflater(p), in: e.deflate.inflater(p)}
}

// worth reports whether a message of n octets is to be compressed.
func (d *compressing) worth(n int) bool { return d != nil && n >= d.out.threshold }

// frame returns what is to be sent of p, and whether that is compressed.
func (d *compressing) frame(p *Prepared) (frame []byte, deflated bool) {
	if d.worth(p.size) {
		if f := p.deflated.frame(d.out.pools, d.out.key, p.kind, p.payload()); f != nil {
			return f, true
		}
	}
	return p.frame, false
}

// sendDeflated is sendFrame for a message that is worth compressing.
func (c *Conn) sendDeflated(op opcode, data []byte) error {
	out := &c.deflate.out
	buf := out.pools.borrow()
	if out.takeover {
		// What is compressed must be sent, and in this order.
		c.mu.Lock()
		defer c.unlock()
		err := c.admit(frameLen(len(data)))
		if err != nil {
			return err
		}
		payload, ok := out.compress(*buf, data)
		if ok {
			c.out.message(op|rsv1Bit, payload)
		} else {
			c.out.message(op, data)
		}
		c.moved(0)
		out.pools.giveBack(buf, payload)
		return nil
	}
	payload, ok := out.compress(*buf, data)
	defer out.pools.giveBack(buf, payload)
	if !ok {
		return c.sendFrame(op, data)
	}
	return c.sendFrame(op|rsv1Bit, payload)
}

// inflate makes of a compressed message what it is uncompressed, or a fault. Its
// data are valid until handedOver.
func (c *Conn) inflate(ev event) event {
	d := c.deflate
	d.borrowed = d.out.pools.borrow()
	var err error
	d.inflated, err = d.in.inflate(*d.borrowed, ev.data, c.settings.MaxMessage)
	switch {
	case errors.Is(err, errTooBig):
		return fault(parley.CloseTooBig, err.Error())
	case err != nil:
		return fault(parley.CloseInvalidData, err.Error())
	case ev.kind == parley.Text && !utf8.Valid(d.inflated):
		return fault(parley.CloseInvalidData, "text is not UTF-8")
	}
	ev.data = d.inflated
	return ev
}

// handedOver ends the use of what inflate has returned.
func (d *compressing) handedOver() {
	d.out.pools.giveBack(d.borrowed, d.inflated)
	d.borrowed, d.inflated = nil, nil
}
