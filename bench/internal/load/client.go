// Package load is a load generator for WebSocket servers on this machine: one
// thread, epoll, and no allocation while the clock runs. Every answer is
// compared with what was sent. It measures what the server spends, and how long
// its answers take.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	parallel = 64               // handshakes under way at once while connections are opened
	patience = 20 * time.Second // without any progress: the server is stuck
	readSize = 256 << 10
)

// Options say what to do to which server.
type Options struct {
	Addr    netip.AddrPort
	Path    string
	Cookies []string // header values; each connection takes the next; nil sends none
	Core    int      // the generator's core

	Conns  int
	Window int    // messages in flight: per connection, or of the publisher
	Size   int    // octets of a message
	Text   bool   // messages are text, not binary
	Prefix string // what the server puts before each message it answers

	Warm  time.Duration // run before the clock starts
	For   time.Duration // measured
	Meter Meter         // the server's
}

// A Meter tells the CPU time that a server has used.
type Meter interface {
	CPU() (time.Duration, error)
}

// A Result is what was measured.
type Result struct {
	Count    int           // messages, deliveries or handshakes
	Wall     time.Duration // how long it took
	CPU      time.Duration // what the server spent
	P50, P99 time.Duration // from sending to the answer, or to the last delivery
}

type state uint8

const (
	connecting state = iota
	upgrading
	open
)

// A conn is one client connection. Its client's thread owns it.
type conn struct {
	id      int
	fd      int
	state   state
	request *request
	head    []byte // of the response, until it is whole
	splitter
	out []byte // not yet written

	next uint            // number of the message that is due
	sent uint            // number of the next message to send
	at   []time.Duration // when message k was sent, at k modulo its length
	from time.Duration   // when dialling began
}

// A client owns all connections. One thread runs it.
type client struct {
	opt      Options
	epoll    int
	events   []unix.EpollEvent
	byFD     []*conn
	buffer   []byte
	requests []request
	rng      *rand.Rand
	pool     *pool
	began    time.Time
	to       unix.Sockaddr
	sources  [8]unix.Sockaddr // connections come from these in turn, so that their ports suffice
	conns    []*conn          // that are open, in the order of opening
	pong     []byte

	// opened is called when a handshake is done, message for each message, and
	// turn after the n messages of one read. An error ends the run.
	opened  func(*conn) error
	message func(*conn, frame) error
	turn    func(c *conn, n int) error
}

func newClient(opt Options) (*client, error) {
	if !opt.Addr.Addr().Is4() || !opt.Addr.Addr().IsLoopback() {
		return nil, fmt.Errorf("%s: only servers on an IPv4 loopback address are measured", opt.Addr)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating an epoll instance: %w", err)
	}
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	op := byte(opBinary)
	if opt.Text {
		op = opText
	}
	c := &client{
		opt:      opt,
		epoll:    epoll,
		events:   make([]unix.EpollEvent, 1024),
		byFD:     make([]*conn, 1<<16),
		buffer:   make([]byte, readSize),
		requests: requests(opt.Addr.String(), opt.Path, opt.Cookies, poolSize, rng),
		rng:      rng,
		pool:     newPool(op, max(opt.Size, 8), max(opt.Window, 1), opt.Prefix, rng),
		began:    time.Now(),
		to:       &unix.SockaddrInet4{Addr: opt.Addr.Addr().As4(), Port: int(opt.Addr.Port())},
	}
	for i := range c.sources {
		c.sources[i] = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + i)}}
	}
	c.opened = func(*conn) error { return nil }
	c.message = func(_ *conn, f frame) error { return fmt.Errorf("got %.80q and had sent nothing", f.payload) }
	c.turn = func(*conn, int) error { return nil }
	return c, nil
}

func (c *client) now() time.Duration { return time.Since(c.began) }

// openAll opens all connections, and sets c.conns.
func (c *client) openAll() error {
	started := 0
	then := c.opened
	c.opened = func(conn *conn) error {
		c.conns = append(c.conns, conn)
		return then(conn)
	}
	defer func() { c.opened = then }()
	return c.until(func() (bool, int, error) {
		for started < c.opt.Conns && started-len(c.conns) < parallel {
			conn := &conn{id: started, request: &c.requests[started%len(c.requests)], at: make([]time.Duration, c.opt.Window)}
			conn.part = make([]byte, 0, c.pool.frame+len(c.opt.Prefix)+maxHeader)
			if err := c.dial(conn); err != nil {
				return false, 0, err
			}
			started++
		}
		return len(c.conns) == c.opt.Conns, len(c.conns), nil
	})
}

// until runs turns until done says so. An error says that its second value
// has not changed for too long.
func (c *client) until(done func() (finished bool, progress int, err error)) error {
	last, since := -1, c.now()
	for {
		finished, progress, err := done()
		if finished || err != nil {
			return err
		}
		if progress != last {
			last, since = progress, c.now()
		} else if c.now()-since > patience {
			return fmt.Errorf("stuck at %d for %v", progress, patience)
		}
		if err := c.poll(10 * time.Millisecond); err != nil {
			return err
		}
	}
}

// during runs turns for d.
func (c *client) during(d time.Duration) error {
	for end := c.now() + d; c.now() < end; {
		if err := c.poll(time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// dial begins to connect.
func (c *client) dial(conn *conn) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening a socket: %w", err)
	}
	conn.fd, conn.state, conn.from = fd, connecting, c.now()
	c.byFD[fd] = conn
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, c.sources[conn.id%len(c.sources)]),
		unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLOUT, Fd: int32(fd)}),
	)
	if err != nil {
		return fmt.Errorf("preparing a socket: %w", err)
	}
	err = unix.Connect(fd, c.to)
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connecting to %s: %w", c.opt.Addr, err)
	}
	return nil
}

// cut ends a connection with a reset, so that nothing of it is left.
func (c *client) cut(conn *conn) {
	_ = unix.SetsockoptLinger(conn.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(conn.fd)
	c.byFD[conn.fd] = nil
}

// close ends all connections.
func (c *client) close() {
	for _, conn := range c.byFD {
		if conn != nil {
			c.cut(conn)
		}
	}
	_ = unix.Close(c.epoll)
}

// poll waits for events, at most wait, and handles those that came.
func (c *client) poll(wait time.Duration) error {
	// RawSyscall: the thread has nothing else to do, and the scheduler need not
	// know that it sleeps. (A garbage collection would wait for it; there is none.)
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_WAIT, uintptr(c.epoll), uintptr(unsafe.Pointer(&c.events[0])),
		uintptr(len(c.events)), uintptr(wait/time.Millisecond), 0, 0)
	if errno != 0 {
		if errno == unix.EINTR {
			return nil
		}
		return fmt.Errorf("waiting for events: %w", errno)
	}
	for _, event := range c.events[:n] {
		conn := c.byFD[event.Fd]
		if conn == nil {
			continue
		}
		if err := c.handle(conn, event.Events); err != nil {
			return fmt.Errorf("connection %d: %w", conn.id, err)
		}
	}
	return nil
}

func (c *client) handle(conn *conn, events uint32) error {
	if conn.state == connecting {
		if code, err := unix.GetsockoptInt(conn.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			return fmt.Errorf("connecting: %w", errors.Join(err, unix.Errno(code)))
		}
		conn.state = upgrading
		if err := c.await(conn, unix.EPOLLIN); err != nil {
			return err
		}
		return c.write(conn, conn.request.bytes)
	}
	if events&unix.EPOLLOUT != 0 {
		if err := c.flush(conn); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT == 0 {
		return nil
	}
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(conn.fd), uintptr(unsafe.Pointer(&c.buffer[0])), readSize)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		return fmt.Errorf("reading: %w", errno)
	case n == 0:
		return fmt.Errorf("the server closed it; the last it had sent was %.200q", conn.head)
	}
	b := c.buffer[:n]
	if conn.state == upgrading {
		conn.head = append(conn.head, b...)
		end := bytes.Index(conn.head, endOfHead)
		if end < 0 {
			return nil
		}
		end += len(endOfHead)
		if err := conn.request.check(conn.head[:end]); err != nil {
			return err
		}
		conn.state = open
		b = b[n-uintptr(len(conn.head)-end):]
		conn.head = conn.head[:0]
		if err := c.opened(conn); err != nil {
			return err
		}
	}
	return c.split(conn, b)
}

// split handles the frames in b.
func (c *client) split(conn *conn, b []byte) error {
	messages := 0
	for len(b) > 0 {
		f, rest, ok, err := conn.splitter.next(b)
		if err != nil {
			return fmt.Errorf("the server sent %w", err)
		}
		b = rest
		if !ok {
			break
		}
		switch f.opcode {
		case opText, opBinary:
			messages++
			err = c.message(conn, f)
		case opPing:
			c.pong = appendFrame(c.pong[:0], opPong, f.payload, [4]byte{1, 2, 3, 4})
			err = c.write(conn, c.pong)
		case opPong:
		case opClose:
			err = fmt.Errorf("the server closed it with %q", f.payload)
		default:
			err = fmt.Errorf("the server sent the opcode %d", f.opcode)
		}
		if err != nil {
			return err
		}
	}
	if messages == 0 {
		return nil
	}
	return c.turn(conn, messages)
}

// write sends b, or keeps what the socket does not take now.
func (c *client) write(conn *conn, b []byte) error {
	if len(conn.out) > 0 {
		conn.out = append(conn.out, b...)
		return nil
	}
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(conn.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	switch {
	case errno == unix.EAGAIN:
		n = 0
	case errno != 0:
		return fmt.Errorf("writing: %w", errno)
	}
	if int(n) == len(b) {
		return nil
	}
	conn.out = append(conn.out, b[n:]...)
	return c.await(conn, unix.EPOLLIN|unix.EPOLLOUT)
}

func (c *client) flush(conn *conn) error {
	b := conn.out
	conn.out = conn.out[:0]
	if len(b) > 0 {
		// What is left moves to the front of the same array.
		if err := c.write(conn, b); err != nil || len(conn.out) > 0 {
			return err
		}
	}
	return c.await(conn, unix.EPOLLIN)
}

func (c *client) await(conn *conn, events uint32) error {
	err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, conn.fd, &unix.EpollEvent{Events: events, Fd: int32(conn.fd)})
	if err != nil {
		return fmt.Errorf("changing what is waited for: %w", err)
	}
	return nil
}

// send sends the next n messages of a connection, at now.
func (c *client) send(conn *conn, n int, now time.Duration) error {
	for k := range uint(n) {
		conn.at[(conn.sent+k)%uint(len(conn.at))] = now
	}
	run := c.pool.run(conn.sent, n)
	conn.sent += uint(n)
	return c.write(conn, run)
}
