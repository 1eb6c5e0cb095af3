package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script: it only matters when a test fails.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"parley": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, scriptParams("testdata/script"))
}

// scriptParams adds what our scripts can do:
//
//	certificate CERT KEY         make a certificate for this machine, which dial and http trust
//	serve ARGS…                  start parley, with a free port, and wait until it listens at $SERVER
//	log REGEXP                   wait until what parley logged matches
//	quit [SIGNAL]                send SIGTERM, or SIGNAL, and wait; fails unless it exits 0
//	dial [-NAME] [Header:value…] PATH [SUBPROTOCOL…]   open a socket, headers go to stdout; ! dial STATUS … expects a refusal
//	send [-NAME] [--binary] TEXT  send a message
//	expect [-NAME] TEXT          the next message is TEXT
//	silence [-NAME]              no message is waiting when a ping has come back
//	close [-NAME] [CODE]         close the socket
//	vanish [-NAME]               the peer is gone without a word
//	closed [-NAME] CODE [REASON] the server closes it with CODE
//	http METHOD PATH [Header:value…] [@BODY]  request a page; status and body go to stdout
//	report FILE                  what the last command wrote is in FILE, but for durations, $WORK and marks below code
//	remember NAME REGEXP         $NAME is the first group of what matches in the last command's output
//	terminal ARGS…               start parley in a terminal; NO_COLOR counts
//	type TEXT                    type TEXT, in which Go's escapes are keys: \r, \x04
//	screen REGEXP                wait until what was shown since the last match matches
//	ended STATUS                 parley has left the terminal, as it was before, with STATUS
//
// $EXAMPLES is the folder of our examples, $MODULE that of Parley's module.
func scriptParams(dir string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PARLEYDATA", filepath.Join(env.WorkDir, ".data"))
			module, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			env.Setenv("MODULE", module)
			env.Setenv("EXAMPLES", filepath.Join(module, "examples"))
			for _, name := range kept {
				env.Setenv(name, os.Getenv(name))
			}
			env.Values["story"] = &story{sockets: map[string]*socket{}, roots: x509.NewCertPool()}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"certificate": cmdCertificate,
			"serve":       cmdServe,
			"log":         cmdLog,
			"quit":        cmdQuit,
			"dial":        cmdDial,
			"send":        cmdSend,
			"expect":      cmdExpect,
			"silence":     cmdSilence,
			"close":       cmdClose,
			"vanish":      cmdVanish,
			"closed":      cmdClosed,
			"http":        cmdHTTP,
			"report":      cmdReport,
			"remember":    cmdRemember,
			"terminal":    cmdTerminal,
			"type":        cmdType,
			"screen":      cmdScreen,
			"ended":       cmdEnded,
		},
	}
}

// story is what one script has open.
type story struct {
	server  *exec.Cmd
	exited  chan struct{}
	exitErr error // valid once exited is closed
	stderr  *logBuffer
	base    string // http://127.0.0.1:PORT, or https
	roots   *x509.CertPool
	sockets map[string]*socket
	cookies string
	screen  *screen // of the program in a terminal
}

// A socket reads all the time, as a browser does: so it answers pings and
// close frames.
type socket struct {
	conn     *websocket.Conn
	messages chan string // closed when the connection has ended
	end      error       // why; valid once messages is closed
}

// unread is how many messages a socket holds that no expect has asked for.
const unread = 10_000

func (s *socket) read() {
	defer close(s.messages)
	for {
		_, data, err := s.conn.Read(context.Background())
		if err != nil {
			s.end = err
			return
		}
		s.messages <- string(data)
	}
}

// client returns one that trusts the story's certificates, and prefers HTTP/2
// on wish.
func (s *story) client(http2 bool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots}, ForceAttemptHTTP2: http2,
	}}
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value("story").(*story) }

// logBuffer collects what a process prints, and lets others wait for it.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Write(p)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// waitFor returns the first match of re, or nil if ended closes or time runs
// out before there is one.
func (b *logBuffer) waitFor(re *regexp.Regexp, ended <-chan struct{}) []string {
	timeout := time.After(patience)
	for {
		b.mu.Lock()
		match := re.FindStringSubmatch(b.text.String())
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		if match != nil {
			return match
		}
		select {
		case <-changed:
		case <-ended:
			return re.FindStringSubmatch(b.String())
		case <-timeout:
			return nil
		}
	}
}

var listening = regexp.MustCompile(`url=(https?://[^/ ]+)/`)

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if s.server != nil {
		ts.Fatalf("serve: already serving: quit first")
	}
	s.stderr = &logBuffer{}
	s.exited = make(chan struct{})
	args = append([]string{"serve", "--listen.port=0"}, args...)
	cmd := exec.Command(program(ts, "parley"), args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stderr = s.stderr
	cmd.Env = environment(ts)
	ts.Check(cmd.Start())
	s.server = cmd
	go func() {
		s.exitErr = cmd.Wait()
		close(s.exited)
	}()
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-s.exited
		ts.Logf("parley logged:\n%s", s.stderr)
	})
	match := s.stderr.waitFor(listening, s.exited)
	if (match == nil) != neg {
		ts.Fatalf("serve: listening = %v; it logged:\n%s", match != nil, s.stderr)
	}
	if match != nil {
		s.base = match[1]
		ts.Setenv("SERVER", s.base)
	}
}

// program finds a command where the script's exec does.
func program(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	ts.Fatalf("%s: not found", name)
	return ""
}

// kept are the variables of this process that scripts see.
var kept = []string{"HOME", "PYENV_ROOT", "PYENV_VERSION", "GOPATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY"}

func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range append([]string{"PATH", "PARLEYDATA", "GREETING", "JWT_SECRET", "PASSWORD_HASH"}, kept...) {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	re := regexp.MustCompile(`(?m)` + args[0])
	if neg {
		if re.MatchString(s.stderr.String()) {
			ts.Fatalf("log: %q was logged:\n%s", args[0], s.stderr)
		}
		return
	}
	if s.stderr.waitFor(re, s.exited) == nil {
		ts.Fatalf("log: nothing matches %q in:\n%s", args[0], s.stderr)
	}
}

func cmdQuit(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	sig := syscall.SIGTERM
	if len(args) > 0 {
		sig = map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGKILL": syscall.SIGKILL}[args[0]]
	}
	_ = s.server.Process.Signal(sig)
	select {
	case <-s.exited:
	case <-time.After(patience):
		ts.Fatalf("quit: still running; it logged:\n%s", s.stderr)
	}
	if (s.exitErr != nil) != neg {
		ts.Fatalf("quit: exit: %v; it logged:\n%s", s.exitErr, s.stderr)
	}
	s.server = nil
}

// nameOf takes a leading -NAME from args; without one the socket is called "".
func nameOf(args []string) (name string, rest []string) {
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0][1] != '-' {
		return args[0][1:], args[1:]
	}
	return "", args
}

// headersOf takes leading Header:value arguments.
func headersOf(s *story, args []string) (http.Header, []string) {
	header := http.Header{}
	if s.cookies != "" {
		header.Set("Cookie", s.cookies)
	}
	for len(args) > 0 && !strings.HasPrefix(args[0], "/") {
		key, value, ok := strings.Cut(args[0], ":")
		if !ok {
			break
		}
		header.Set(key, value)
		args = args[1:]
	}
	return header, args
}

func cmdDial(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	name, args := nameOf(args)
	wantStatus := 0
	if neg {
		wantStatus, _ = strconv.Atoi(args[0])
		args = args[1:]
	}
	header, args := headersOf(s, args)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, s.base+args[0], &websocket.DialOptions{
		HTTPClient: s.client(false), HTTPHeader: header, Subprotocols: args[1:],
	})
	if neg {
		if err == nil || resp == nil || resp.StatusCode != wantStatus {
			ts.Fatalf("dial %s: err = %v, want a refusal with %d", args[0], err, wantStatus)
		}
		body, _ := io.ReadAll(resp.Body)
		_, _ = ts.Stdout().Write(body)
		return
	}
	if err != nil {
		ts.Fatalf("dial %s: %v", args[0], err)
	}
	_, _ = io.WriteString(ts.Stdout(), "subprotocol="+c.Subprotocol()+"\n")
	writeHeader(ts, resp.Header)
	c.SetReadLimit(64 << 20)
	dialed := &socket{conn: c, messages: make(chan string, unread)}
	go dialed.read()
	s.sockets[name] = dialed
	ts.Defer(func() {
		_ = c.CloseNow()
		for range dialed.messages { // until it has ended
		}
	})
}

func socketOf(ts *testscript.TestScript, name string) *socket {
	s := storyOf(ts).sockets[name]
	if s == nil {
		ts.Fatalf("no socket %q: dial first", name)
	}
	return s
}

// next returns the socket's next message; ok is false if it has ended.
func next(ts *testscript.TestScript, s *socket) (message string, ok bool) {
	select {
	case message, ok = <-s.messages:
	case <-time.After(patience):
		ts.Fatalf("nothing came; parley logged:\n%s", storyOf(ts).stderr)
	}
	return message, ok
}

func cmdSend(ts *testscript.TestScript, _ bool, args []string) {
	name, args := nameOf(args)
	kind := websocket.MessageText
	if args[0] == "--binary" {
		kind, args = websocket.MessageBinary, args[1:]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(socketOf(ts, name).conn.Write(ctx, kind, []byte(args[0])))
}

func cmdExpect(ts *testscript.TestScript, _ bool, args []string) {
	name, args := nameOf(args)
	s := socketOf(ts, name)
	got, ok := next(ts, s)
	switch {
	case !ok:
		ts.Fatalf("expect %q: %v\nparley logged:\n%s", args[0], s.end, storyOf(ts).stderr)
	case got != args[0]:
		ts.Fatalf("got %q, want %q", got, args[0])
	}
}

// cmdSilence relies on order: whatever the server had sent before the pong has
// been read before it.
func cmdSilence(ts *testscript.TestScript, _ bool, args []string) {
	name, _ := nameOf(args)
	s := socketOf(ts, name)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(s.conn.Ping(ctx))
	if len(s.messages) > 0 {
		ts.Fatalf("silence: got %q", <-s.messages)
	}
}

func cmdClose(ts *testscript.TestScript, _ bool, args []string) {
	name, args := nameOf(args)
	code := websocket.StatusNormalClosure
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		ts.Check(err)
		code = websocket.StatusCode(n)
	}
	ts.Check(socketOf(ts, name).conn.Close(code, "bye"))
}

func cmdVanish(ts *testscript.TestScript, _ bool, args []string) {
	name, _ := nameOf(args)
	_ = socketOf(ts, name).conn.CloseNow() // it tells that the peer got no close frame
}

func cmdClosed(ts *testscript.TestScript, _ bool, args []string) {
	name, args := nameOf(args)
	s := socketOf(ts, name)
	if data, ok := next(ts, s); ok {
		ts.Fatalf("closed: got message %q", data)
	}
	var end websocket.CloseError
	if !errors.As(s.end, &end) {
		ts.Fatalf("closed: %v", s.end)
	}
	if got := strconv.Itoa(int(end.Code)); got != args[0] {
		ts.Fatalf("closed with %s %q, want %s", got, end.Reason, args[0])
	}
	if len(args) > 1 && end.Reason != args[1] {
		ts.Fatalf("closed with reason %q, want %q", end.Reason, args[1])
	}
}

func writeHeader(ts *testscript.TestScript, h http.Header) {
	for name, values := range h {
		_, _ = io.WriteString(ts.Stdout(), name+": "+strings.Join(values, ", ")+"\n")
	}
}

func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	method := args[0]
	header, args := headersOf(s, args[1:])
	if len(args) == 0 {
		ts.Fatalf("http: no path")
	}
	path := args[0]
	var body io.Reader
	if len(args) > 1 && strings.HasPrefix(args[1], "@") {
		body = strings.NewReader(args[1][1:])
	}
	req, err := http.NewRequest(method, s.base+path, body)
	ts.Check(err)
	req.Header = header
	client := s.client(true)
	defer client.CloseIdleConnections()
	client.Timeout = patience
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	for _, cookie := range resp.Cookies() {
		s.cookies = cookie.Name + "=" + cookie.Value
	}
	data, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, _ = io.WriteString(ts.Stdout(), strconv.Itoa(resp.StatusCode)+"\n")
	writeHeader(ts, resp.Header)
	_, _ = ts.Stdout().Write(append(data, '\n'))
	if neg != (resp.StatusCode >= 400) {
		ts.Fatalf("http %s %s: status %d", method, path, resp.StatusCode)
	}
}

var (
	duration = regexp.MustCompile(`\(\d+\.\d\ds\)`)
	marks    = regexp.MustCompile(`(?m)^ +[~^]+\n`)
)

func cmdReport(ts *testscript.TestScript, neg bool, args []string) {
	got := duration.ReplaceAllString(ts.ReadFile("stdout"), "(0.00s)")
	got = marks.ReplaceAllString(strings.ReplaceAll(got, ts.Getenv("WORK"), "$WORK"), "")
	if want := ts.ReadFile(args[0]); (got != want) != neg {
		ts.Fatalf("report: got:\n%s\nwant:\n%s", got, want)
	}
}

func cmdRemember(ts *testscript.TestScript, _ bool, args []string) {
	out := ts.ReadFile("stdout")
	m := regexp.MustCompile(`(?m)` + args[1]).FindStringSubmatch(out)
	if m == nil {
		ts.Fatalf("remember: nothing matches %q in:\n%s", args[1], out)
	}
	ts.Setenv(args[0], m[1])
}
