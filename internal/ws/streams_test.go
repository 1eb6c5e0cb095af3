package ws_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
	"parley.example/parley/internal/ws/wstest/flatetest"
)

// streamDeflate says whether a server of streamAccept's agrees to
// permessage-deflate.
const streamDeflate = true

// streamAccept is how a server is set up that r describes. With r.Deflate it
// compresses the shortest of messages.
func streamAccept(r wstest.Reference, h ws.Handler) ws.Accept {
	s := &ws.Settings{MaxMessage: r.Limit}
	if r.Deflate {
		s.Compression = &ws.Compression{Threshold: 1, ContextTakeover: r.Takeover}
	}
	return ws.Accept{Handler: h, Settings: s}
}

// A streamServer takes connections whose peers send streams.
type streamServer struct {
	engine *ws.Engine
	web    *httptest.Server
	next   chan ws.Accept // of the next handshake
}

func newStreamServer(t testing.TB) *streamServer {
	s := &streamServer{engine: ws.New(ws.Options{}), next: make(chan ws.Accept, 1)}
	s.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.engine.Accept(w, r, <-s.next); err != nil {
			t.Errorf("accept: %v", err)
		}
	}))
	t.Cleanup(func() {
		s.web.Close()
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.engine.Shutdown(ended, parley.CloseGoingAway, "", 0)
	})
	return s
}

// A streamCase is one stream and how it is sent.
type streamCase struct {
	ref    wstest.Reference
	stream []byte
	cuts   uint64 // seed of where the stream is cut
	http   bool   // over TCP, after a handshake; otherwise over a pipe
}

// bits is the window that the client asks of a server that compresses.
func (tc streamCase) bits() int { return []int{8, 15}[tc.cuts>>1%2] }

func (tc streamCase) String() string {
	return fmt.Sprintf("%+v, http %v, cuts %d, stream %x", tc.ref, tc.http, tc.cuts, tc.stream)
}

// An echoing handler sends every message back.
type echoing struct{ wstest.Recorder }

func (h *echoing) OnMessage(c *ws.Conn, kind parley.Kind, data []byte) {
	h.Recorder.OnMessage(c, kind, data)
	_ = c.Send(kind, data)
}

// run sends the stream and compares what the handler hears, and what comes
// back, with what the reference says.
func (s *streamServer) run(t *testing.T, tc streamCase) {
	t.Helper()
	want := tc.ref.Read(tc.stream)
	h := &echoing{}
	closed := make(chan string, 1)
	h.Then = func(_ *ws.Conn, line string) {
		if strings.HasPrefix(line, "close ") {
			closed <- line
		}
	}
	random := rand.New(rand.NewPCG(tc.cuts, 0))
	pieces := cutUp(random, tc.stream)
	nc, in, pieces := s.open(t, tc, h, pieces)
	defer nc.Close()

	answers := make(chan answer, 1)
	go func() { answers <- readAnswers(in, tc) }()
	for _, piece := range pieces {
		if _, err := nc.Write(piece); err != nil {
			break // the server has failed the connection
		}
	}
	cut := slices.Contains(want.Fault, parley.CloseAbnormal) || len(want.Fault) == 0 && len(only(want.Lines, "close")) == 0
	if cut {
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		} else {
			nc.Close()
		}
	}
	var end string
	var got answer
	timeout := time.After(20 * time.Second) // before a ping of the server's is due
	for end == "" || got.lines == nil {
		select {
		case end = <-closed:
		case got = <-answers:
			nc.Close()
		case <-timeout:
			t.Fatalf("%v: not over: %q, %+v", tc, end, got)
		}
	}
	if got.strange != "" {
		t.Fatalf("%v\nthe server sent %s", tc, got.strange)
	}
	compareHeard(t, tc, want, h.Lines())
	code := codeOf(end)
	compareSent(t, tc, want, append(only(want.Lines, "text", "binary"), "close "+code.String()), got.lines, cut)
}

// open connects and returns the client's end, what is to be read from it, and
// the pieces that are still to be sent.
func (s *streamServer) open(t *testing.T, tc streamCase, h ws.Handler, pieces [][]byte) (net.Conn, io.Reader, [][]byte) {
	t.Helper()
	accept := streamAccept(tc.ref, h)
	if !tc.http {
		server, client := net.Pipe()
		if _, err := s.engine.Adopt(server, nil, accept); err != nil {
			t.Fatal(err)
		}
		return client, client, pieces
	}
	nc, err := net.Dial("tcp", s.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.next <- accept
	request := "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if tc.ref.Deflate {
		request += fmt.Sprintf("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=%d\r\n", tc.bits())
	}
	request += "\r\n"
	if len(pieces) > 0 && tc.cuts%2 == 0 {
		request, pieces = request+string(pieces[0]), pieces[1:]
	}
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(nc)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	extension := response.Header.Get("Sec-WebSocket-Extensions")
	if response.StatusCode != http.StatusSwitchingProtocols || tc.ref.Deflate != strings.HasPrefix(extension, "permessage-deflate") {
		t.Fatalf("%v: status %d, extension %q", tc, response.StatusCode, extension)
	}
	return nc, in, pieces
}

// cutUp cuts b into pieces, of all sorts of lengths.
func cutUp(random *rand.Rand, b []byte) [][]byte {
	longest := 1 << random.IntN(12)
	var pieces [][]byte
	for len(b) > 0 {
		n := min(len(b), 1+random.IntN(longest))
		pieces, b = append(pieces, b[:n]), b[n:]
	}
	return pieces
}

// An answer is what the server has sent.
type answer struct {
	lines   []string
	strange string // what it may not send; "" if there is nothing
}

func readAnswers(in io.Reader, tc streamCase) answer {
	a := answer{lines: []string{}}
	var window []byte
	for {
		first, data, err := readFrame(in)
		if err != nil {
			return a // which frames are missing shows
		}
		op, rsv := first&15, first>>4&7
		switch {
		case first&0x80 == 0 || op > wstest.OpBinary && (rsv != 0 || len(data) > 125) || rsv != 0 && (rsv != 4 || !tc.ref.Deflate):
			a.strange = fmt.Sprintf("a frame that begins with %#x, of %d octets", first, len(data))
			return a
		case rsv == 4:
			payload, far := data, 0
			if data, far, err = flatetest.Message(payload, window, tc.ref.Limit); err != nil || far > 1<<tc.bits() {
				a.strange = fmt.Sprintf("a compressed message that reaches %d octets back, %v: %x", far, err, payload)
				return a
			}
			if tc.ref.Takeover {
				window = append(window, data...)
			}
		}
		switch op {
		case wstest.OpText:
			a.lines = append(a.lines, fmt.Sprintf("text %q", data))
		case wstest.OpBinary:
			a.lines = append(a.lines, fmt.Sprintf("binary %q", data))
		case wstest.OpPong:
			a.lines = append(a.lines, fmt.Sprintf("pong %q", data))
		case wstest.OpClose:
			code := parley.CloseNoStatus
			if len(data) > 1 {
				code = parley.CloseCode(binary.BigEndian.Uint16(data))
			}
			a.lines = append(a.lines, "close "+code.String())
		default:
			a.strange = fmt.Sprintf("a frame that begins with %#x", first)
			return a
		}
	}
}

// readFrame reads a frame that is not masked, and returns its first octet.
func readFrame(in io.Reader) (first byte, payload []byte, err error) {
	h := make([]byte, 2)
	if _, err := io.ReadFull(in, h); err != nil {
		return 0, nil, err
	}
	size := int64(h[1])
	if longer := map[int64]int{126: 2, 127: 8}[size]; longer > 0 {
		length := make([]byte, 8)
		if _, err := io.ReadFull(in, length[8-longer:]); err != nil {
			return 0, nil, err
		}
		size = int64(binary.BigEndian.Uint64(length))
	}
	payload, err = io.ReadAll(io.LimitReader(in, size))
	if err == nil && int64(len(payload)) < size {
		err = io.ErrUnexpectedEOF
	}
	return h[0], payload, err
}

// only returns the lines that begin with one of the words.
func only(lines []string, words ...string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		word, _, _ := strings.Cut(line, " ")
		return !slices.Contains(words, word)
	})
}

func codeOf(line string) parley.CloseCode {
	var code parley.CloseCode
	_, _ = fmt.Sscanf(line, "close %d", &code) // 0 is no code
	return code
}

// compareHeard compares what the handler heard.
func compareHeard(t *testing.T, tc streamCase, want wstest.Heard, heard []string) {
	t.Helper()
	end := heard[len(heard)-1]
	wanted := append([]string{"open"}, only(want.Lines, "text", "binary", "close")...)
	switch {
	case slices.Contains(want.Fault, codeOf(end)):
		wanted = append(wanted, end)
	case len(want.Fault) > 0:
		t.Fatalf("%v\nended with %s, wanted %v", tc, end, want.Fault)
	case codeOf(wanted[len(wanted)-1]) == 0:
		wanted = append(wanted, `close 1006 ""`)
	}
	if !slices.Equal(heard, wanted) {
		t.Fatalf("%v\nthe handler heard\n%.2000q, wanted\n%.2000q", tc, heard, wanted)
	}
}

// compareSent compares what the server sent with the answers wanted, the last
// ones of which may be lost if the client has cut the connection.
func compareSent(t *testing.T, tc streamCase, want wstest.Heard, wanted, sent []string, cut bool) {
	t.Helper()
	got := only(sent, "text", "binary", "close")
	if cut {
		wanted = wanted[:min(len(wanted), len(got))]
	}
	if !slices.Equal(got, wanted) {
		t.Fatalf("%v\nthe server sent %.2000q, wanted %.2000q", tc, got, wanted)
	}
	// A pong may be left out if a later one is sent (RFC 6455 §5.5.3), or the
	// close frame, while much else waits.
	pings := only(want.Lines, "ping")
	for _, pong := range only(sent, "pong") {
		i := slices.Index(pings, "ping"+strings.TrimPrefix(pong, "pong"))
		if i < 0 {
			t.Fatalf("%v\nthe server sent %.2000q, pings were %.2000q", tc, sent, only(want.Lines, "ping"))
		}
		pings = pings[i+1:]
	}
	if little := len(fmt.Sprint(wanted)) < 2000; little && len(pings) > 0 && !cut {
		t.Fatalf("%v\nthe server sent %.2000q, and no pong to %.2000q", tc, sent, pings)
	}
}

// streamCaseOf makes the case of a seed.
func streamCaseOf(seed uint64) streamCase {
	random := rand.New(rand.NewPCG(seed, 2))
	tc := streamCase{ref: wstest.Reference{Limit: 300}, cuts: random.Uint64(), http: random.IntN(2) == 0}
	tc.ref.Deflate = streamDeflate && tc.http && random.IntN(3) > 0
	tc.ref.Takeover = tc.ref.Deflate && random.IntN(2) == 0
	tc.stream = tc.ref.Stream(random)
	return tc
}

// A server hears of a stream what the reference hears, however it is cut.
func TestStreams(t *testing.T) {
	s := newStreamServer(t)
	for seed := range uint64(500) {
		s.run(t, streamCaseOf(seed))
	}
}

func FuzzStreams(f *testing.F) {
	for seed := range uint64(30) {
		tc := streamCaseOf(seed)
		f.Add(tc.stream, tc.cuts, tc.http, tc.ref.Deflate, tc.ref.Takeover)
	}
	s := newStreamServer(f)
	f.Fuzz(func(t *testing.T, stream []byte, cuts uint64, http, deflate, takeover bool) {
		tc := streamCase{ref: wstest.Reference{Limit: 300}, stream: stream, cuts: cuts, http: http}
		tc.ref.Deflate = streamDeflate && http && deflate
		tc.ref.Takeover = tc.ref.Deflate && takeover
		if len(stream) < 1<<16 {
			s.run(t, tc)
		}
	})
}
