//go:build amd64 || arm64

package ws

import (
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Calls that never wait go past the scheduler (RawSyscall): telling it costs
// more than some of them take.

// A poll waits for many descriptors: an epoll, and an eventfd that it listens
// to. It belongs to a loop; only ring may be called by others.
//
// It sleeps where the Go runtime waits for the network, which listens to the
// epoll as to any descriptor: other goroutines go on at once. A system call that
// waits would keep a processor from them until the runtime takes it away, and
// that it has to look for such calls costs more than the way round.
type poll struct {
	epoll, bell int

	file   *os.File        // has epoll
	raw    syscall.RawConn // of file
	look   func(uintptr) bool
	events []syscall.EpollEvent
	n      int // events that look has found
}

func newPoll() (*poll, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(epoll, true); err != nil {
		closeDescriptor(epoll)
		return nil, err
	}
	p := &poll{epoll: epoll, file: os.NewFile(uintptr(epoll), "epoll"), events: make([]syscall.EpollEvent, loopEvents)}
	p.look = func(uintptr) bool {
		p.n = len(p.now())
		return p.n > 0
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		p.file.Close()
		return nil, errno
	}
	p.bell = int(n)
	p.raw, err = p.file.SyscallConn()
	if err == nil {
		err = p.add(p.bell, 0)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poll) close() {
	p.file.Close()
	closeDescriptor(p.bell)
}

// add makes the poll tell once of whatever is new at fd (EPOLLET): so it never
// has to be told what is wanted.
func (p *poll) add(fd int, mark uint32) error {
	const edge = 1 << 31 // EPOLLET, which package syscall has as a negative number
	ev := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge,
		Fd:     int32(fd), Pad: int32(mark),
	}
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, fd, &ev)
}

// now returns the events that there are, valid until the next call.
func (p *poll) now() []syscall.EpollEvent {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.epoll),
		uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
	if errno != 0 {
		return nil
	}
	return p.events[:n]
}

// wait returns the next events, of which ring makes one.
func (p *poll) wait() []syscall.EpollEvent {
	if p.raw.Read(p.look) != nil {
		return nil
	}
	return p.events[:p.n]
}

// ring makes an event. The eventfd is never read: each addition is one.
func (p *poll) ring() {
	one := uint64(1)
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(p.bell), uintptr(unsafe.Pointer(&one)), 8)
}

// readDescriptor reads from a socket. recvfrom(2) costs less than read(2), as
// sendto does than write.
func readDescriptor(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

func writeDescriptor(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// write writes pieces, none of which is empty, in one call.
func (l *Loop) write(fd int, pieces [][]byte) (int, syscall.Errno) {
	if len(pieces) == 1 {
		return writeDescriptor(fd, pieces[0])
	}
	vectors := l.vectors[:0]
	for _, b := range pieces {
		v := syscall.Iovec{Base: &b[0]}
		v.SetLen(len(b))
		vectors = append(vectors, v)
	}
	message := syscall.Msghdr{Iov: &vectors[0]}
	message.Iovlen = uint64(len(vectors))
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_SENDMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&message)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
		if errno != syscall.EINTR {
			clear(vectors)
			return int(n), errno
		}
	}
}

// duplicate returns another descriptor of nc's socket. It is false if nc is
// not plainly one.
func duplicate(nc net.Conn) (fd int, ok bool) {
	raw := rawConn(nc)
	if raw == nil {
		return 0, false
	}
	err := raw.Control(func(old uintptr) {
		n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		fd, ok = int(n), errno == 0
	})
	return fd, ok && err == nil
}

// forgetUnsent makes closing fd reset the connection.
func forgetUnsent(fd int) {
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
}

func closeDescriptor(fd int) { _ = syscall.Close(fd) } // nothing can be done about an error
