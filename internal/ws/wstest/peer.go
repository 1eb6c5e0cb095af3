package wstest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
	"unicode/utf8"

	"parley.example/parley"
	"parley.example/parley/internal/ws/wstest/flatetest"
)

// A Peer is the client's end of a connection whose handshake is over. It does
// nothing by itself: it answers no ping and reads only in Next. It reads as
// strictly as RFC 6455 allows.
type Peer struct {
	Conn     net.Conn
	Patience time.Duration // for how long Send and Next wait before they fail the test

	t testing.TB
	r *bufio.Reader

	deflate  bool   // permessage-deflate is agreed on
	takeover bool   // with that, messages may refer to earlier ones
	window   []byte // those, inflated
}

// NewPeer makes a Peer that lives until t ends.
func NewPeer(t testing.TB, nc net.Conn) *Peer {
	t.Cleanup(func() { nc.Close() })
	return &Peer{Conn: nc, Patience: patience, t: t, r: bufio.NewReader(nc)}
}

// Send writes the frames in one piece. It does not mind if the server has
// ended the connection meanwhile.
func (p *Peer) Send(frames ...Frame) { p.Write(Wire(frames...)) }

// Write writes octets as they are, and does not mind errors either.
func (p *Peer) Write(b []byte) {
	p.t.Helper()
	_ = p.Conn.SetWriteDeadline(time.Now().Add(p.Patience))
	if _, err := p.Conn.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("the server did not read what was sent")
	}
}

// Next reads one frame from the server: `text "hi"`, `deflated text "hi"` if it
// was compressed, `close 1000 "bye"`, `close 1005 ""` for an empty one (see
// Line); "end" is the end of the stream, "reset" an end that was not orderly.
func (p *Peer) Next() string {
	p.t.Helper()
	_ = p.Conn.SetReadDeadline(time.Now().Add(p.Patience))
	s, err := p.frame()
	switch {
	case err == nil:
		return s
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.t.Fatalf("nothing came from the server, whose goroutines are\n%s", stacks())
	case errors.Is(err, io.EOF):
		return "end"
	}
	return "reset"
}

// stacks is what all goroutines are doing.
func stacks() []byte {
	b := make([]byte, 1<<20)
	return b[:runtime.Stack(b, true)]
}

// Expect reads as many frames as are wanted and fails the test if they are
// others.
func (p *Peer) Expect(want ...string) {
	p.t.Helper()
	for i, w := range want {
		if got := p.Next(); got != w {
			p.t.Fatalf("frame %d is %.200s, want %.200s", i, got, w)
		}
	}
}

// Line is how Next describes a frame. Of a long payload it gives length and
// checksum.
func Line(name, payload string) string {
	if len(payload) > 10_000 {
		return fmt.Sprintf("%s of %d octets, %x", name, len(payload), crc32.ChecksumIEEE([]byte(payload)))
	}
	return fmt.Sprintf("%s %q", name, payload)
}

var names = map[byte]string{OpText: "text", OpBinary: "binary", OpPing: "ping", OpPong: "pong"}

func (p *Peer) frame() (string, error) {
	p.t.Helper()
	var h [10]byte
	if _, err := io.ReadFull(p.r, h[:2]); err != nil {
		return "", err
	}
	op, n := h[0]&15, uint64(h[1])
	deflated := p.deflate && h[0]&0xF0 == 0xC0 && op <= OpBinary
	switch {
	case h[0]&0xF0 != 0x80 && !deflated:
		p.t.Fatalf("the server's frame starts with %#x", h[0])
	case n > 127:
		p.t.Fatalf("the server masks its frames")
	case n == 126:
		if _, err := io.ReadFull(p.r, h[:2]); err != nil {
			return "", err
		}
		n = uint64(binary.BigEndian.Uint16(h[:]))
	case n == 127:
		if _, err := io.ReadFull(p.r, h[:8]); err != nil {
			return "", err
		}
		n = binary.BigEndian.Uint64(h[:])
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(p.r, payload); err != nil {
		return "", err
	}
	if deflated {
		return p.inflate(op, payload)
	}
	if op != OpClose {
		if names[op] == "" || op == OpText && !utf8.Valid(payload) || op > OpBinary && n > 125 {
			p.t.Fatalf("the server sent opcode %d with %q", op, payload)
		}
		return Line(names[op], string(payload)), nil
	}
	if n == 0 {
		return `close 1005 ""`, nil
	}
	if n < 2 || n > 125 || !utf8.Valid(payload[2:]) {
		p.t.Fatalf("the server sent a close frame with %q", payload)
	}
	return fmt.Sprintf("close %s %q", parley.CloseCode(binary.BigEndian.Uint16(payload)), payload[2:]), nil
}

func (p *Peer) inflate(op byte, payload []byte) (string, error) {
	p.t.Helper()
	data, _, err := flatetest.Message(payload, p.window, 1<<20)
	if err != nil || op == OpText && !utf8.Valid(data) {
		p.t.Fatalf("the server sent a compressed message, opcode %d, %x: %v", op, payload, err)
	}
	if p.takeover {
		p.window = append(p.window, data...)
	}
	return "deflated " + Line(names[op], string(data)), nil
}
