//go:build soak

package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley/internal/ws/wstest"
)

// TestSoak lets many kinds of peers, good and bad, use one server for a long
// time ($PARLEY_SOAK, 30m by default), and fails if its memory, its threads or
// its descriptors grow, if a good peer is served badly, or if the race
// detector finds anything. $PARLEY_SOAK_ARGS are more arguments of parley;
// $PARLEY_SOAK_PLAIN, if set, is for a parley without race detector, whose own
// memory grows a little all the time. Run it with
//
//	go test -tags soak -run TestSoak -v -timeout 2h ./e2e
func TestSoak(t *testing.T) {
	length := 30 * time.Minute
	if text := os.Getenv("PARLEY_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("$PARLEY_SOAK: %v", err)
		}
	}
	how := launch{
		dir:    app(t, soakApp),
		args:   strings.Fields(os.Getenv("PARLEY_SOAK_ARGS")),
		forget: []string{"connection opened", "connection closed"},
	}
	if os.Getenv("PARLEY_SOAK_PLAIN") != "" {
		binary, err := plainBinary()
		if err != nil {
			t.Fatal(err)
		}
		how.binary = binary
	}
	s := &soak{t: t, server: start(t, how)}
	s.worker = s.server.worker()
	for _, path := range []string{"/echo", "/py", "/room", "/pyroom"} { // whatever is made once is made now
		c := s.server.dial(path)
		c.say("warm")
		c.expect("warm")
		_ = c.Close(websocket.StatusNormalClosure, "")
	}
	s.began = time.Now()
	before := s.look()
	for range 20 { // the sockets just closed may take a while to go
		time.Sleep(100 * time.Millisecond)
		before.descriptors = min(before.descriptors, s.look().descriptors)
	}

	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	s.start(ctx)
	var samples []sample
	for tick := time.Tick(10 * time.Second); ctx.Err() == nil; {
		select {
		case <-tick:
			samples = append(samples, s.look())
			t.Log(samples[len(samples)-1])
		case <-ctx.Done():
		}
	}
	s.roles.Wait()
	eventually(t, "as few descriptors are open as in the beginning", func() bool {
		return s.look().descriptors <= before.descriptors
	})
	s.judge(before, append(samples, s.look()))
	s.autopsy()
}

var soakApp = map[string]string{
	"gramex.yaml": `
url:` + echoEndpoint + `
  room:
    pattern: /room
    handler: WebSocketHandler
    kwargs:
      open: {function: parley.room("lobby")}
      on_message: {function: parley.room("lobby")}
  py:
    pattern: /py
    handler: WebSocketHandler
    kwargs:
      on_message: {function: handler.write_message(message)}
  pyroom:
    pattern: /pyroom
    handler: WebSocketHandler
    kwargs:
      open: {function: soak.open}
      on_message: {function: soak.on_message}
`,
	"soak.py": `
from blinker import signal


def open(handler):
    signal('room').connect(handler.write_message)


def on_message(handler, message):
    signal('room').send(message)
`,
}

// A soak is one run of TestSoak.
type soak struct {
	t      *testing.T
	server *server
	worker int
	began  time.Time
	roles  sync.WaitGroup

	opened, messages, published, heard atomic.Int64
}

// A sample is what one look at the server shows.
type sample struct {
	after                      time.Duration
	server, worker             int // resident, in KiB
	descriptors, threads       int
	opened, messages           int64
	published, heard, logLines int64
}

func (s *soak) look() sample {
	pid := s.server.pid()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return sample{
		after: time.Since(s.began).Round(time.Second), server: resident(s.t, pid, "VmRSS"), worker: resident(s.t, s.worker, "VmRSS"),
		descriptors: len(list), threads: resident(s.t, pid, "Threads"),
		opened: s.opened.Load(), messages: s.messages.Load(), published: s.published.Load(), heard: s.heard.Load(),
		logLines: int64(strings.Count(s.server.log.String(), "\n")),
	}
}

// String is a line of a table, see head.
func (m sample) String() string {
	return fmt.Sprintf("| %6v | %4d | %4d | %5d | %3d | %8d | %9d | %7d | %9d | %4d |", m.after, m.server>>10, m.worker>>10,
		m.descriptors, m.threads, m.opened, m.messages, m.published, m.heard, m.logLines)
}

const head = `| after | server MiB | worker MiB | descriptors | threads | connections | messages | published | heard | log lines |
|---|---|---|---|---|---|---|---|---|---|
`

// judge compares the second third of the run with the last: in the first,
// pools and heaps fill up.
func (s *soak) judge(before sample, samples []sample) {
	third := len(samples) / 3
	if third == 0 {
		s.t.Log("too short to judge growth")
		return
	}
	highest := func(what func(sample) int, list []sample) (n int) {
		for _, m := range list {
			n = max(n, what(m))
		}
		return n
	}
	for name, what := range map[string]func(sample) int{
		"server's resident KiB": func(m sample) int { return m.server },
		"worker's resident KiB": func(m sample) int { return m.worker },
		"threads":               func(m sample) int { return m.threads },
		"descriptors":           func(m sample) int { return m.descriptors },
	} {
		early, late := highest(what, samples[third:2*third]), highest(what, samples[2*third:])
		if late > early+early/6 && late > early+20 {
			s.t.Errorf("%s: at most %d in the second third, %d in the last", name, early, late)
		}
	}
	var b strings.Builder
	b.WriteString(head)
	for _, m := range []sample{before, samples[third], samples[2*third], samples[len(samples)-1]} {
		fmt.Fprintln(&b, m)
	}
	s.t.Logf("before, after a third, after two, and when all have gone:\n%s", &b)
}

var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ .*:$`)

// autopsy ends the server with a signal that makes it list its goroutines.
func (s *soak) autopsy() {
	if log := s.server.log.String(); strings.Contains(log, "panic:") || strings.Contains(log, "fatal error") || s.server.ended() {
		s.t.Fatalf("parley has come to grief:\n%s", log)
	}
	s.server.signal(syscall.SIGQUIT)
	s.server.wait()
	list := goroutine.FindAllString(s.server.log.String(), -1)
	s.t.Logf("%d goroutines in the end", len(list))
	if len(list) == 0 || len(list) > 60 {
		s.t.Errorf("%d goroutines in the end", len(list)) // the log shows them
	}
}

// start starts all peers. They end with ctx.
func (s *soak) start(ctx context.Context) {
	for _, role := range []struct {
		n    int
		play func(context.Context, *rand.Rand)
	}{
		{8, func(ctx context.Context, r *rand.Rand) { s.comeAndGo(ctx, r, "/echo") }},
		{2, func(ctx context.Context, r *rand.Rand) { s.comeAndGo(ctx, r, "/py") }},
		{100, s.stay},
		{20, func(ctx context.Context, r *rand.Rand) { s.converse(ctx, r, "/echo") }},
		{10, func(ctx context.Context, r *rand.Rand) { s.converse(ctx, r, "/py") }},
		{2, s.flood},
		{4, s.breakThings},
		{4, func(ctx context.Context, r *rand.Rand) { s.readNothing(ctx, r, "/echo") }},
		{2, func(ctx context.Context, r *rand.Rand) { s.readNothing(ctx, r, "/py") }},
		{2, func(ctx context.Context, r *rand.Rand) { s.readNothing(ctx, r, "/room") }},
		{2, func(ctx context.Context, r *rand.Rand) { s.readNothing(ctx, r, "/pyroom") }},
	} {
		for i := range role.n {
			s.roles.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))
				for ctx.Err() == nil {
					role.play(ctx, random)
				}
			})
		}
	}
	for _, path := range []string{"/room", "/pyroom"} {
		for range 20 {
			s.roles.Go(func() { s.listen(ctx, path) })
		}
		s.roles.Go(func() { s.publish(ctx, path) })
	}
}

// dial opens a WebSocket; nil if the time is up.
func (s *soak) dial(ctx context.Context, path string) *websocket.Conn {
	c, _, err := websocket.Dial(ctx, s.server.url+path, nil)
	if err != nil {
		if ctx.Err() == nil {
			s.t.Errorf("dial %s: %v", path, err)
			time.Sleep(time.Second)
		}
		return nil
	}
	c.SetReadLimit(-1)
	s.opened.Add(1)
	return c
}

// exchange has one message echoed.
func (s *soak) exchange(ctx context.Context, c *websocket.Conn, text string) bool {
	err := c.Write(ctx, websocket.MessageText, []byte(text))
	if err == nil {
		var got []byte
		if _, got, err = c.Read(ctx); err == nil && string(got) != text {
			err = fmt.Errorf("got %.50q for %.50q", got, text)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.t.Error(err)
	}
	s.messages.Add(1)
	return err == nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// comeAndGo opens a socket, says a little and ends it in one way or other.
func (s *soak) comeAndGo(ctx context.Context, random *rand.Rand, path string) {
	c := s.dial(ctx, path)
	if c == nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for range random.IntN(4) {
		size := random.IntN(2000)
		if random.IntN(20) == 0 {
			size = 200_000
		}
		if !s.exchange(ctx, c, strings.Repeat("x", size)) {
			return
		}
	}
	if random.IntN(2) == 0 {
		_ = c.Close(websocket.StatusNormalClosure, "")
	}
	pause(ctx, time.Duration(random.IntN(50))*time.Millisecond)
}

// stay answers pings, and nothing else.
func (s *soak) stay(ctx context.Context, random *rand.Rand) {
	pause(ctx, time.Duration(random.IntN(10_000))*time.Millisecond)
	c := s.dial(ctx, "/echo")
	if c == nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	if _, _, err := c.Read(ctx); ctx.Err() == nil {
		s.t.Errorf("a socket that only stays got %v", err)
	}
}

// converse has messages echoed now and then, for as long as it goes.
func (s *soak) converse(ctx context.Context, random *rand.Rand, path string) {
	c := s.dial(ctx, path)
	if c == nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for n := 0; ctx.Err() == nil; n++ {
		if !s.exchange(ctx, c, fmt.Sprint(n, strings.Repeat(" x", random.IntN(500)))) {
			return
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// flood sends as fast as it can for a while, and reads all that comes back.
func (s *soak) flood(ctx context.Context, _ *rand.Rand) {
	c := s.dial(ctx, "/echo")
	if c == nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	sent := make(chan int, 1)
	go func() {
		n := 0
		for end := time.Now().Add(time.Second); time.Now().Before(end) && ctx.Err() == nil; n++ {
			if c.Write(ctx, websocket.MessageText, fmt.Append(nil, n)) != nil {
				break
			}
		}
		_ = c.Write(ctx, websocket.MessageText, []byte("end"))
		sent <- n
	}()
	for n := 0; ; n++ {
		_, got, err := c.Read(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.t.Errorf("flood: %v", err)
			}
			break
		}
		if string(got) == "end" {
			s.messages.Add(int64(n))
			break
		}
		if string(got) != fmt.Sprint(n) {
			s.t.Errorf("flood: got %q, want %d", got, n)
			break
		}
	}
	_ = c.CloseNow()
	<-sent
	pause(ctx, 10*time.Second)
}

// publish sends numbers to a room.
func (s *soak) publish(ctx context.Context, path string) {
	c := s.dial(ctx, path)
	if c == nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	go func() { // a member, too
		for {
			if _, _, err := c.Read(ctx); err != nil {
				return
			}
		}
	}()
	for n := 1; ctx.Err() == nil; n++ {
		text := fmt.Sprintf("number %d %s", n, strings.Repeat("x", 1000))
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil && ctx.Err() == nil {
			s.t.Errorf("publish in %s: %v", path, err)
			return
		}
		s.published.Add(1)
		pause(ctx, 50*time.Millisecond)
	}
}

// listen hears a room's numbers, and misses none.
func (s *soak) listen(ctx context.Context, path string) {
	c := s.dial(ctx, path)
	if c == nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for last := 0; ; {
		_, got, err := c.Read(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.t.Errorf("listen in %s: %v", path, err)
			}
			return
		}
		text, ok := strings.CutPrefix(string(got), "number ")
		if !ok {
			continue // from one who reads nothing
		}
		text, _, _ = strings.Cut(text, " ")
		n, _ := strconv.Atoi(text)
		if last != 0 && n != last+1 {
			s.t.Errorf("listen in %s: %d came after %d", path, n, last)
		}
		last = n
		s.heard.Add(1)
	}
}

// raw does the opening handshake on a plain connection; nil if the time is up.
func (s *soak) raw(ctx context.Context, path string) *net.TCPConn {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", "127.0.0.1:"+s.server.port())
	if err != nil {
		if ctx.Err() == nil {
			s.t.Errorf("dial: %v", err)
			time.Sleep(time.Second)
		}
		return nil
	}
	tcp := nc.(*net.TCPConn)
	_ = tcp.SetDeadline(time.Now().Add(patience))
	if path == "" {
		return tcp
	}
	_, err = io.WriteString(tcp, "GET "+path+" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	if err == nil {
		var resp *http.Response
		if resp, err = http.ReadResponse(bufio.NewReaderSize(tcp, 16), nil); err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
			err = errors.New(resp.Status)
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			s.t.Errorf("handshake with %s: %v", path, err)
		}
		_ = tcp.Close()
		return nil
	}
	s.opened.Add(1)
	return tcp
}

// readNothing sends much and reads nothing, for a while.
func (s *soak) readNothing(ctx context.Context, random *rand.Rand, path string) {
	c := s.raw(ctx, path)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadBuffer(4 << 10)
	frame := wstest.Wire(wstest.Text(strings.Repeat("y", 1+random.IntN(1000))))
	for end := time.Now().Add(time.Duration(random.IntN(20_000)) * time.Millisecond); time.Now().Before(end) && ctx.Err() == nil; {
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := c.Write(frame); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break // it has been closed
		}
		if strings.HasSuffix(path, "room") { // others have to read it
			pause(ctx, 50*time.Millisecond)
		}
	}
	if random.IntN(2) == 0 {
		_ = c.SetLinger(0)
	}
}

// breakThings does what nobody should.
func (s *soak) breakThings(ctx context.Context, random *rand.Rand) {
	octets := make([]byte, 1+random.IntN(3000))
	for i := range octets {
		octets[i] = byte(random.Uint32())
	}
	path := []string{"/echo", "/py", "/room", "/pyroom"}[random.IntN(4)]
	what := random.IntN(5)
	if what == 0 {
		path = "" // no handshake
	}
	c := s.raw(ctx, path)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	switch what {
	case 1: // half a frame, and gone
		octets = wstest.Wire(wstest.Text(strings.Repeat("z", 1000)))[:random.IntN(1000)]
	case 2: // a bad frame behind good ones
		octets = wstest.Wire(wstest.Ping("x"), wstest.Pong(""), wstest.Frame{Op: byte(random.IntN(16)), RSV: byte(random.IntN(8)), Payload: "x"})
	case 3: // far too much
		octets = wstest.Wire(wstest.Frame{Op: wstest.OpBinary, Claims: true, Claim: random.Uint64()})
	}
	_, _ = c.Write(octets)
	if random.IntN(2) == 0 {
		_ = c.SetLinger(0)
	} else {
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}
	pause(ctx, 100*time.Millisecond)
}
