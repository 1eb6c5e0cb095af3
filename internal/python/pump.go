package python

import "net"

// A pump is the Loop of a link that has no other: two goroutines that wait.
type pump struct{}

// Attach implements Loop.
func (pump) Attach(nc net.Conn, t interface {
	Read(b []byte)
	Output() []byte
	Wrote(n int)
	Ended()
},
) (mover, error) {
	p := &pumped{nc: nc, tenant: t, woken: make(chan struct{}, 1), over: make(chan struct{})}
	written := make(chan struct{})
	go func() {
		defer close(written)
		p.writeLoop()
	}()
	go func() {
		p.readLoop()
		close(p.over)
		<-written
		nc.Close()
		t.Ended()
	}()
	return p, nil
}

// pumped is one attached connection.
type pumped struct {
	nc     net.Conn
	tenant interface {
		Read(b []byte)
		Output() []byte
		Wrote(n int)
		Ended()
	}
	woken chan struct{} // of one place
	over  chan struct{} // closed when nothing more is read
}

// Wake implements mover.
func (p *pumped) Wake() {
	select {
	case p.woken <- struct{}{}:
	default: // the writer has yet to look
	}
}

// Close implements mover.
func (p *pumped) Close() { p.nc.Close() }

func (p *pumped) readLoop() {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.nc.Read(buf)
		if n > 0 {
			p.tenant.Read(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (p *pumped) writeLoop() {
	for {
		select {
		case <-p.woken:
		case <-p.over:
			return
		}
		for b := p.tenant.Output(); len(b) > 0; b = p.tenant.Output() {
			n, err := p.nc.Write(b)
			if err != nil {
				return // the reader hears of the end too
			}
			p.tenant.Wrote(n)
		}
	}
}
