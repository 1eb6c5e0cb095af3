//go:build amd64 || arm64

package ws_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// A rawPeer is TestChurn's end of a connection: a blocking descriptor of its
// own, which costs less than a net.Conn. One goroutine uses it.
type rawPeer struct {
	fd   int
	id   uint64 // of the connection, once a frame has told
	seen uint32 // frames so far
	over bool   // a close frame has come

	buf  [16 << 10]byte
	r, w int // what is in buf
}

func dialRaw(to *net.TCPAddr) (*rawPeer, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &rawPeer{fd: fd}
	// Closing resets: no port is left waiting.
	err = errors.Join(
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 30}),
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}),
	)
	if err != nil {
		p.reset()
		return nil, fmt.Errorf("dial: %w", err)
	}
	return p, nil
}

func (p *rawPeer) reset() { _ = syscall.Close(p.fd) }

// shake does the opening handshake.
func (p *rawPeer) shake() error {
	if err := p.say([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")); err != nil {
		return err
	}
	for n := 1; ; n++ {
		octets, err := p.take(n)
		if err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
		if bytes.HasSuffix(octets, []byte("\r\n\r\n")) {
			return nil
		}
		p.r -= n
	}
}

// say writes b. It does not mind that the server has ended the connection.
func (p *rawPeer) say(b []byte) error {
	_, err := syscall.Write(p.fd, b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}

// hear reads one frame, or all until the close frame, and checks them.
func (p *rawPeer) hear(toTheEnd bool) error {
	for {
		op, payload, err := p.frame()
		if err != nil {
			return fmt.Errorf("after %d frames: %w", p.seen, err)
		}
		if op == 8 {
			p.over = true
			return p.ended(payload)
		}
		if op != 2 && op != 9 || len(payload) < 12 {
			return fmt.Errorf("got opcode %d with %x", op, payload)
		}
		id, n := binary.BigEndian.Uint64(payload), binary.BigEndian.Uint32(payload[8:])
		if p.seen == 0 {
			p.id = id
		}
		if id != p.id || n != p.seen+1 {
			return fmt.Errorf("after %d frames: got frame %d of connection %d", p.seen, n, id)
		}
		p.seen++
		if !toTheEnd {
			return nil
		}
	}
}

// ended checks a close frame. A writer's says how much it has sent before.
func (p *rawPeer) ended(payload []byte) error {
	if len(payload) < 2 {
		return fmt.Errorf("closed with %x", payload)
	}
	switch code := binary.BigEndian.Uint16(payload); code {
	case 1000, 1002:
	case closedByWriter:
		if want := fmt.Sprint(p.id, " ", p.seen); p.id != 0 && string(payload[2:]) != want {
			return fmt.Errorf("closed as %q, want %q", payload[2:], want)
		}
	default:
		return fmt.Errorf("closed with %d %q", code, payload[2:])
	}
	return nil
}

// frame reads one frame, valid until the next.
func (p *rawPeer) frame() (op byte, payload []byte, err error) {
	h, err := p.take(2)
	if err != nil {
		return 0, nil, err
	}
	op, n := h[0], int(h[1])
	if n == 126 {
		if h, err = p.take(2); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(h))
	}
	if op&0xF0 != 0x80 || n > 10_000 || h[0] == 127 {
		return 0, nil, fmt.Errorf("a frame that starts with %x", h)
	}
	payload, err = p.take(n)
	return op & 15, payload, err
}

func (p *rawPeer) take(n int) ([]byte, error) {
	for p.w-p.r < n {
		if p.r > 0 {
			p.w = copy(p.buf[:], p.buf[p.r:p.w])
			p.r = 0
		}
		more, err := syscall.Read(p.fd, p.buf[p.w:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return nil, os.NewSyscallError("read", err)
		case more == 0:
			return nil, errors.New("the stream ended without a close frame")
		}
		p.w += more
	}
	p.r += n
	return p.buf[p.r-n : p.r], nil
}
