//go:build unix

package ws

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// A unixSocket reads and writes the descriptor of a TCP connection or Unix
// socket itself, so that it needs a buffer only once there are octets, can wait
// without reading, and can try to write.
type unixSocket struct {
	netConn
	raw     syscall.RawConn
	buffers *buffers

	// Owned by the reader.
	onRead func(fd uintptr) bool // readOnce
	buf    *[]byte               // nil unless octets are in it
	in     int
	inErr  error

	// Owned by who has the right to write.
	onWrite func(fd uintptr) bool // writeOnce
	out     []byte
	taken   int
	outErr  error
}

// rawSocket returns nil if nc has no descriptor that can be used.
func rawSocket(nc net.Conn, buffers *buffers) socket {
	raw := rawConn(nc)
	if raw == nil {
		return nil
	}
	s := &unixSocket{netConn: netConn{nc}, raw: raw, buffers: buffers}
	s.onRead, s.onWrite = s.readOnce, s.writeOnce
	return s
}

func (s *unixSocket) read() ([]byte, error) {
	s.in, s.inErr = 0, errNothingYet
	if err := s.raw.Read(s.onRead); err != nil {
		return nil, err
	}
	if s.inErr != nil {
		return nil, s.inErr
	}
	return (*s.buf)[:s.in], nil
}

// readOnce reads what is there.
func (s *unixSocket) readOnce(fd uintptr) bool {
	buf := s.buffers.read.Get().(*[]byte)
	n, err := retry(syscall.Read, fd, *buf)
	switch {
	case n > 0:
		s.buf, s.in, s.inErr = buf, n, nil
		return true
	case err == nil:
		s.inErr = io.EOF
	case !errors.Is(err, syscall.EAGAIN):
		s.inErr = err
	}
	s.buffers.read.Put(buf)
	return true
}

func (s *unixSocket) wait() { _ = s.raw.Read(isReadable) } // read finds out what is wrong

// isReadable reports whether a read would not have to wait.
func isReadable(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		if !errors.Is(err, syscall.EINTR) {
			return !errors.Is(err, syscall.EAGAIN)
		}
	}
}

func (s *unixSocket) release() {
	if s.buf != nil {
		s.buffers.read.Put(s.buf)
		s.buf = nil
	}
}

func (s *unixSocket) tryWrite(b []byte) (int, error) {
	s.out = b
	err := s.raw.Write(s.onWrite)
	s.out = nil
	if err != nil {
		return 0, err
	}
	return s.taken, s.outErr
}

func (s *unixSocket) writeOnce(fd uintptr) bool {
	n, err := retry(syscall.Write, fd, s.out)
	if errors.Is(err, syscall.EAGAIN) {
		n, err = 0, nil
	}
	s.taken, s.outErr = max(n, 0), err
	return true
}

func retry(call func(int, []byte) (int, error), fd uintptr, b []byte) (int, error) {
	for {
		n, err := call(int(fd), b)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// rawConn returns nil if nc is not plainly a socket: what wraps one, as TLS
// does, also has its descriptor, and must not be passed by.
func rawConn(nc net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, err = nc.SyscallConn()
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return raw
}
