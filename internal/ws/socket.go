package ws

import (
	"errors"
	"net"
	"time"
)

// A socket is what the goroutine driver needs of a net.Conn. One goroutine
// reads, one at a time writes; interrupt and cut may be called by any.
type socket interface {
	// read returns octets, valid until release, which must be called before the
	// next read. If there are none it waits for some; a waiter returns
	// errNothingYet instead. Its error is os.ErrDeadlineExceeded after
	// interrupt.
	read() ([]byte, error)
	release()

	// write waits until all of b is written.
	write(b []byte) (int, error)

	// tryWrite writes as much of b as can be written without waiting.
	tryWrite(b []byte) (int, error)

	// interrupt makes a read that waits, or else the next one, end early.
	// rearm, by the reader, makes reads wait again.
	interrupt()
	rearm()

	// closeWrite ends our side of the stream. It is false if that cannot be
	// done alone.
	closeWrite() bool

	// close ends the connection and lets the system send what it holds; cut
	// makes it forget that. Both end whatever waits.
	close()
	cut()
}

// A waiter is a socket that can wait for octets without reading them, on very
// little stack.
type waiter interface {
	// wait returns when read has something to return, or after interrupt.
	wait()
}

// errNothingYet says that octets have to be waited for.
var errNothingYet = errors.New("no octets yet")

// newSocket picks the best socket for nc.
func newSocket(nc net.Conn, buffers *buffers) socket {
	if s := rawSocket(nc, buffers); s != nil {
		return s
	}
	return &plainSocket{netConn: netConn{nc}, buffers: buffers}
}

// netConn is the part of a socket that every net.Conn can do.
type netConn struct{ net.Conn }

func (c netConn) write(b []byte) (int, error) { return c.Conn.Write(b) }

func (c netConn) interrupt() { _ = c.Conn.SetReadDeadline(time.Unix(1, 0)) }

func (c netConn) rearm() { _ = c.Conn.SetReadDeadline(time.Time{}) }

func (c netConn) closeWrite() bool {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

func (c netConn) close() { c.Conn.Close() }

func (c netConn) cut() {
	nc := c.Conn
	// Closing TLS would first try to say so to the peer.
	if outer, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = outer.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	nc.Close()
}

// A plainSocket is one of which nothing is known but that it is a net.Conn. It
// waits with a small buffer and takes a large one only while that fills up.
type plainSocket struct {
	netConn
	buffers *buffers

	// Owned by the reader.
	buf  *[]byte // nil, or from buffers
	busy bool    // the last read filled its buffer: there may be more
}

func (s *plainSocket) read() ([]byte, error) {
	if s.busy {
		s.buf = s.buffers.read.Get().(*[]byte)
	} else {
		s.buf = s.buffers.probe.Get().(*[]byte)
	}
	for {
		n, err := s.Conn.Read(*s.buf)
		if n > 0 { // an error with it will come again
			s.busy = n == len(*s.buf)
			return (*s.buf)[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *plainSocket) release() {
	if s.buf == nil {
		return
	}
	if len(*s.buf) == readSize {
		s.buffers.read.Put(s.buf)
	} else {
		s.buffers.probe.Put(s.buf)
	}
	s.buf = nil
}

// tryWrite takes nothing: a net.Conn can only write and wait.
func (s *plainSocket) tryWrite([]byte) (int, error) { return 0, nil }
