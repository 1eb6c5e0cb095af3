package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func closingApp(t *testing.T, onClose string) string {
	return app(t, map[string]string{
		"gramex.yaml": `
app:
  shutdown_timeout: 60s
url:` + echoEndpoint + `
  talk:
    pattern: /talk
    handler: WebSocketHandler
    kwargs:
      open: {function: talk.open}
      on_message: {function: talk.on_message}
      on_close: {function: talk.on_close}
`,
		"talk.py": `
import time


def open(handler):
    handler.name_of_mine = 'nobody'


def on_message(handler, message):
    handler.name_of_mine = message
    handler.write_message('Hello ' + message)


def on_close(handler):
    ` + onClose + `
`,
	})
}

// SIGTERM: every socket hears 1001, every on_close runs, the exit status is 0
// and no process is left.
func TestTermination(t *testing.T) {
	s := serve(t, closingApp(t, `print('Goodbye', handler.name_of_mine, handler.close_code)`))
	worker := s.worker()
	var sockets []*socket
	for i := range 10 {
		c := s.dial("/talk")
		name := fmt.Sprintf("peer-%d", i)
		c.say(name)
		c.expect("Hello " + name)
		sockets = append(sockets, c)
	}
	sockets = append(sockets, s.dial("/echo"))
	codes := make(chan string, len(sockets))
	for i, c := range sockets {
		go func() { codes <- fmt.Sprintf("socket %d: %d", i, c.closed()) }()
	}
	s.signal(syscall.SIGTERM)
	for range sockets {
		if code := <-codes; !strings.HasSuffix(code, ": 1001") {
			t.Errorf("%s, want 1001", code)
		}
	}
	if state := s.wait(); state.ExitCode() != 0 {
		t.Errorf("ended with %v, want exit status 0", state)
	}
	for i := range 10 {
		if line := fmt.Sprintf("Goodbye peer-%d 1001", i); strings.Count(s.log.String(), line) != 1 {
			t.Errorf("on_close of peer-%d did not print %q once", i, line)
		}
	}
	eventually(t, "the worker is gone", func() bool { return !alive(worker) })
}

// SIGKILL gives parley no chance to tidy up, and still no worker is left.
func TestKilledServerLeavesNoWorker(t *testing.T) {
	s := serve(t, closingApp(t, `pass`))
	worker := s.worker()
	c := s.dial("/talk")
	c.say("me")
	c.expect("Hello me")
	s.kill()
	eventually(t, "the worker is gone", func() bool { return !alive(worker) })
}

// The first SIGINT waits for on_close, which takes its time; the second does
// not.
func TestSecondInterrupt(t *testing.T) {
	s := serve(t, closingApp(t, `time.sleep(45)`))
	worker := s.worker()
	c := s.dial("/talk")
	c.say("me")
	c.expect("Hello me")
	s.signal(syscall.SIGINT)
	if code := c.closed(); code != 1001 {
		t.Errorf("closed with %d, want 1001", code)
	}
	s.logged(regexp.MustCompile(`stopping`))
	if s.ended() {
		t.Fatal("parley did not wait for on_close")
	}
	s.signal(syscall.SIGINT)
	state := s.wait()
	if state.Success() {
		t.Errorf("ended with %v, want another status: not everything was done", state)
	}
	if strings.Contains(s.log.String(), "msg=stopped") {
		t.Error("the second SIGINT waited for the end")
	}
	eventually(t, "the worker is gone", func() bool { return !alive(worker) })
}
