//go:build amd64 || arm64

package ws

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"

	"parley.example/parley"
)

// A stream is a socket that is no WebSocket and lives on a loop.
type stream struct {
	loop   *Loop // set by Attach, then read-only, as are the next two
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

// Attach puts a TCP connection or Unix socket on the loop, which owns nc from
// now on unless there is an error. It calls t's methods one at a time.
func (l *Loop) Attach(nc net.Conn, t Tenant) (Stream, error) {
	if err := l.start(); err != nil {
		return nil, err
	}
	fd, ok := duplicate(nc)
	if !ok {
		return nil, errors.New("attach to a loop: not a plain socket, or no descriptor is left")
	}
	s := &stream{loop: l, fd: fd, tenant: t}
	l.streams.Add(1)
	if !l.ask(func() { l.admit(s) }) {
		l.streams.Add(-1)
		closeDescriptor(fd)
		return nil, parley.ErrDraining
	}
	nc.Close()
	return s, nil
}

// Wake makes the loop ask for Output. Any goroutine may call it.
func (s *stream) Wake() {
	if !s.woken.Swap(true) {
		s.loop.rouse()
	}
}

// Close ends the stream; what was not written is lost. Any goroutine may call
// it, twice too.
func (s *stream) Close() { s.loop.ask(func() { s.loop.endStream(s) }) }

// admit makes s known to epoll.
func (l *Loop) admit(s *stream) {
	s.mark = l.nextMark()
	l.tenants = append(l.tenants, s)
	s.woken.Store(true)
	s.readable = true
	if err := l.poll.add(s.fd, s.mark); err != nil {
		l.engine.log.Error("cannot wait for a worker's link", "err", err)
		l.endStream(s)
	}
}

func (l *Loop) streamEvent(s *stream, events uint32) {
	if s.blocked && events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		s.blocked = false
	}
	if events&^syscall.EPOLLOUT != 0 {
		s.readable = true
		s.hangup = s.hangup || events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0
	}
}

// streamReads and streamWrites are how often one stream is read and written in
// a turn.
const (
	streamReads  = 4
	streamWrites = 16
)

// readStreams hands over what has come.
func (l *Loop) readStreams() {
	for _, s := range l.tenants {
		for i := 0; i < streamReads && s.readable && !s.gone; i++ {
			l.readStream(s)
		}
	}
}

func (l *Loop) readStream(s *stream) {
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
func (l *Loop) flushStream(s *stream) {
	if s.blocked || !s.woken.Swap(false) {
		return
	}
	for i := 0; !s.gone; i++ {
		if i == streamWrites {
			s.woken.Store(true)
			return
		}
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

func (l *Loop) endStream(s *stream) {
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
