//go:build amd64 || arm64

package ws

import (
	"net"
	"syscall"
	"time"
	"unsafe"
)

// Calls that never wait go past the scheduler (RawSyscall): telling it costs
// more than some of them take. The one that waits must not.

// newPoll returns descriptors of an epoll and of an eventfd that it listens
// to.
func newPoll() (poll, bell int, err error) {
	if poll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return 0, 0, err
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		closeDescriptor(poll)
		return 0, 0, errno
	}
	bell = int(n)
	if err = addToPoll(poll, bell, 0); err != nil {
		closeDescriptor(poll)
		closeDescriptor(bell)
		return 0, 0, err
	}
	return poll, bell, nil
}

// addToPoll makes poll tell once of whatever is new at fd (EPOLLET): so it
// never has to be told what is wanted.
func addToPoll(poll, fd int, mark uint32) error {
	const edge = 1 << 31 // EPOLLET, which package syscall has as a negative number
	ev := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge,
		Fd:     int32(fd), Pad: int32(mark),
	}
	return syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, fd, &ev)
}

// pollNow returns how many events there are.
func pollNow(poll int, events []syscall.EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(poll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// pollWait waits for events, for as long as wait if that is not negative.
func pollWait(poll int, events []syscall.EpollEvent, wait time.Duration) int {
	ms := -1
	if wait >= 0 {
		ms = int((wait + time.Millisecond - 1) / time.Millisecond)
	}
	n, _, errno := syscall.Syscall6(syscall.SYS_EPOLL_PWAIT, uintptr(poll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(ms), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// ring adds to an eventfd. It is never read: each addition is an event.
func ring(bell int) {
	one := uint64(1)
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(bell), uintptr(unsafe.Pointer(&one)), 8)
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
	var raw syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, err = nc.SyscallConn()
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	default:
		return 0, false
	}
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(old uintptr) {
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
