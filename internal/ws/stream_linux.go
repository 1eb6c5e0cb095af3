package ws

import (
	"sync/atomic"
	"syscall"
)

// A Tenant is what a Stream carries octets for. Its methods are called on the
// loop, one at a time, and must not block.
type Tenant interface {
	// Read is given octets that have come, valid until it returns.
	Read(b []byte)

	// Output returns octets to be written, nil for none; they stay as they are
	// until Wrote says how many were taken.
	Output() []byte
	Wrote(n int)

	// Ended is the last call: the other end has closed the stream, it broke,
	// or Close was called.
	Ended()
}

// A Stream is a socket that is no WebSocket and lives on a loop.
type Stream struct {
	loop   *Loop // set by Attach, then read-only, as are the next three
	fd     int
	tenant Tenant
	woken  atomic.Bool // Output may have something

	// Owned by the loop.
	mark     uint32
	readable bool // there may be something to read
	hangup   bool // and behind it, the end
	blocked  bool // the socket takes nothing at the moment
	gone     bool
}

// Attach puts a stream socket on the loop, which owns fd, not blocking, from
// now on if there is no error.
func (l *Loop) Attach(fd int, t Tenant) (*Stream, error) {
	if err := l.start(); err != nil {
		return nil, err
	}
	s := &Stream{loop: l, fd: fd, tenant: t}
	l.streams.Add(1)
	if !l.ask(func() { l.admit(s) }) {
		l.streams.Add(-1)
		return nil, errEnd
	}
	return s, nil
}

// Wake makes the loop ask for Output. Any goroutine may call it.
func (s *Stream) Wake() {
	if !s.woken.Swap(true) {
		s.loop.rouse()
	}
}

// Close ends the stream; what was not written is lost. Any goroutine may call
// it, twice too.
func (s *Stream) Close() { s.loop.ask(func() { s.loop.endStream(s) }) }

// admit makes s known to epoll.
func (l *Loop) admit(s *Stream) {
	l.lastMark = max(l.lastMark+1, 1)
	s.mark = l.lastMark
	l.tenants = append(l.tenants, s)
	s.woken.Store(true)
	s.readable = true
	if err := addToPoll(l.poll, s.fd, s.mark); err != nil {
		l.engine.log.Error("cannot wait for a worker's link", "err", err)
		l.endStream(s)
	}
}

func (l *Loop) streamEvent(s *Stream, events uint32) {
	if s.blocked && events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		s.blocked = false
	}
	if events&^syscall.EPOLLOUT != 0 {
		s.readable = true
		s.hangup = s.hangup || events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0
	}
}

// streamReads is how often one stream is read in a turn.
const streamReads = 4

// readStreams hands over what has come.
func (l *Loop) readStreams() {
	for _, s := range l.tenants {
		for i := 0; i < streamReads && s.readable && !s.gone; i++ {
			l.readStream(s)
		}
	}
}

func (l *Loop) readStream(s *Stream) {
	n, errno := readDescriptor(s.fd, l.buf)
	switch {
	case errno == syscall.EAGAIN:
		s.readable = false
		return
	case errno != 0 || n == 0:
		l.endStream(s)
		return
	}
	if n < len(l.buf) && !s.hangup {
		s.readable = false // what comes later is an event of its own
	}
	s.tenant.Read(l.buf[:n])
}

// flushStream writes what waits, as far as the socket takes it.
func (l *Loop) flushStream(s *Stream) {
	if s.blocked || !s.woken.Swap(false) {
		return
	}
	for !s.gone {
		b := s.tenant.Output()
		if len(b) == 0 {
			return
		}
		n, errno := writeDescriptor(s.fd, b)
		switch {
		case errno == syscall.EAGAIN:
			s.blocked = true
			s.woken.Store(true)
			return
		case errno != 0:
			return // reading tells of the end, after what came before it
		}
		s.tenant.Wrote(n)
	}
}

func (l *Loop) endStream(s *Stream) {
	if s.gone {
		return
	}
	s.gone = true
	for i, other := range l.tenants {
		if other == s {
			l.tenants = append(l.tenants[:i:i], l.tenants[i+1:]...)
			break
		}
	}
	closeDescriptor(s.fd)
	s.tenant.Ended()
	l.streams.Add(-1)
}
