package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A server is one running parley. What it logs shows when the test fails.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *logBuffer
	url    string        // http://127.0.0.1:PORT, or https
	exited chan struct{} // closed when the process has ended
}

// launch says how to start a server. Only dir is needed.
type launch struct {
	dir    string
	binary string   // "" means the one with the race detector
	data   string   // PARLEYDATA; "" means a new folder
	port   string   // "" means a free one
	args   []string // more arguments
	forget []string // what marks lines of the log that are not kept
}

var listening = regexp.MustCompile(`listening.*(https?://127\.0\.0\.1:\d+)/`)

// serve starts parley in dir, on a free port, and waits until it listens. It
// is killed when the test ends.
func serve(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	return start(t, launch{dir: dir, args: args})
}

func start(t *testing.T, l launch) *server {
	t.Helper()
	program(t, "python3", "python3")
	if l.binary == "" {
		binary, err := raceBinary()
		if err != nil {
			t.Fatal(err)
		}
		l.binary = binary
	}
	if l.data == "" {
		l.data = t.TempDir()
	}
	args := append([]string{"serve", l.dir, "--listen.port=" + cmp.Or(l.port, "0")}, l.args...)
	s := &server{t: t, cmd: exec.Command(l.binary, args...), log: &logBuffer{forget: l.forget}, exited: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), "PARLEYDATA="+l.data)
	s.cmd.Stderr, s.cmd.Stdout = s.log, s.log
	s.cmd.WaitDelay = time.Second // a worker that is left must not hold us up
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		workers := children(s.pid())
		s.kill()
		for _, pid := range workers {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if t.Failed() {
			t.Logf("%s logged:\n%s", strings.Join(s.cmd.Args, " "), s.log)
		}
		if race := "DATA RACE"; strings.Contains(s.log.String(), race) {
			t.Errorf("%s in parley:\n%s", race, s.log)
		}
	})
	s.url = s.logged(listening)[1]
	return s
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) port() string { return s.url[strings.LastIndex(s.url, ":")+1:] }

// logged waits until the log matches re and returns the first match.
func (s *server) logged(re *regexp.Regexp) []string {
	s.t.Helper()
	var match []string
	eventually(s.t, "a log line that matches "+re.String(), func() bool {
		match = re.FindStringSubmatch(s.log.String())
		if match == nil && s.ended() {
			s.t.Fatalf("parley has ended (%v) and never logged %s", s.cmd.ProcessState, re)
		}
		return match != nil
	})
	return match
}

func (s *server) ended() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// signal sends sig to parley.
func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("sending %v: %v", sig, err)
	}
}

// wait waits for the process to end.
func (s *server) wait() *os.ProcessState {
	s.t.Helper()
	eventually(s.t, "parley ends", s.ended)
	return s.cmd.ProcessState
}

// stop ends parley as an operator does; it must exit 0.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if state := s.wait(); state.ExitCode() != 0 {
		s.t.Errorf("after SIGTERM parley ended with %v, want exit status 0", state)
	}
}

// kill ends parley at once, if it is still running.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// worker waits for a Python worker other than the ones named and returns its
// process id.
func (s *server) worker(not ...int) int {
	s.t.Helper()
	pid := 0
	eventually(s.t, "a Python worker runs", func() bool {
		pid = pythonChild(s.pid(), not)
		return pid != 0
	})
	return pid
}

// A socket is one WebSocket, dialled with a client that is not ours.
type socket struct {
	t *testing.T
	*websocket.Conn
	response *http.Response // of the handshake
	reader   sync.Once      // see ping
}

// try dials path once.
func (s *server) try(path string, header http.Header) (*socket, error) {
	return try(s.t, s.url+path, &websocket.DialOptions{HTTPHeader: header})
}

func try(t *testing.T, url string, options *websocket.DialOptions) (*socket, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, url, options)
	if err != nil {
		return &socket{t: t, response: response}, err
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{t: t, Conn: conn, response: response}, nil
}

// dial opens a socket. While the server answers 503 it tries again: a worker
// is starting.
func (s *server) dial(path string) *socket {
	s.t.Helper()
	var c *socket
	eventually(s.t, "a handshake with "+path, func() (ok bool) {
		var err error
		c, err = s.try(path, nil)
		if err != nil && (c.response == nil || c.response.StatusCode != http.StatusServiceUnavailable) {
			s.t.Fatalf("dialling %s: %v", path, err)
		}
		return err == nil
	})
	return c
}

// exchange sends text and returns the next message.
func (c *socket) exchange(text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return "", err
	}
	_, answer, err := c.Read(ctx)
	return string(answer), err
}

func (c *socket) say(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatalf("sending %q: %v", text, err)
	}
}

func (c *socket) hear() string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	kind, data, err := c.Read(ctx)
	if err != nil {
		c.t.Fatalf("waiting for a message: %v", err)
	}
	if kind != websocket.MessageText {
		c.t.Fatalf("got %v message %q, want text", kind, data)
	}
	return string(data)
}

func (c *socket) expect(want string) {
	c.t.Helper()
	if got := c.hear(); got != want {
		c.t.Errorf("got %q, want %q", got, want)
	}
}

// until reads until it hears want.
func (c *socket) until(want string) {
	c.t.Helper()
	for c.hear() != want {
	}
}

// closed reads until the server closes the socket and returns the code.
func (c *socket) closed() websocket.StatusCode {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			if code := websocket.CloseStatus(err); code != -1 {
				return code
			}
			c.t.Errorf("the socket ended without a close frame: %v", err)
			return websocket.StatusAbnormalClosure
		}
	}
}

// logBuffer collects what a process prints.
type logBuffer struct {
	forget []string // set before use: what marks lines that are not kept

	mu   sync.Mutex
	text bytes.Buffer
	line []byte // has not come whole; kept apart only if there is something to forget
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.forget == nil {
		return b.text.Write(p)
	}
	for line := range bytes.Lines(p) {
		b.line = append(b.line, line...)
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		if !slices.ContainsFunc(b.forget, func(mark string) bool { return bytes.Contains(b.line, []byte(mark)) }) {
			b.text.Write(b.line)
		}
		b.line = b.line[:0]
	}
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
