package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A crowd exchanges messages on many sockets, until it is told to stop.
type crowd struct {
	t      *testing.T
	rounds []atomic.Int64 // of each socket
	stop   chan struct{}
	done   sync.WaitGroup
}

// echoes opens n sockets on a path that echoes, and keeps all of them busy.
// Any message that is not echoed, and any socket that closes, fails the test.
func echoes(s *server, path string, n int) *crowd {
	s.t.Helper()
	c := &crowd{t: s.t, rounds: make([]atomic.Int64, n), stop: make(chan struct{})}
	for i := range n {
		conn := s.dial(path)
		c.done.Go(func() {
			for round := 0; ; round++ {
				text := fmt.Sprintf("%d of %d", round, i)
				if answer, err := conn.exchange(text); err != nil || answer != text {
					c.t.Errorf("%s: sent %q, got %q (%v)", path, text, answer, err)
					return
				}
				c.rounds[i].Add(1)
				select {
				case <-c.stop:
					_ = conn.CloseNow()
					return
				case <-time.After(50 * time.Millisecond): // many sockets, few cores
				}
			}
		})
	}
	s.t.Cleanup(c.end)
	return c
}

// another waits until each socket has had another message echoed.
func (c *crowd) another() {
	c.t.Helper()
	before := make([]int64, len(c.rounds))
	for i := range c.rounds {
		before[i] = c.rounds[i].Load()
	}
	eventually(c.t, "every socket has another message echoed", func() bool {
		for i := range c.rounds {
			if c.rounds[i].Load() < before[i]+2 { // one may have been under way
				return c.t.Failed() // a socket that failed has said so
			}
		}
		return true
	})
}

// end stops the crowd. It may be called twice.
func (c *crowd) end() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.done.Wait()
}

const echoEndpoint = `
  echo:
    pattern: /echo
    handler: WebSocketHandler
    kwargs:
      on_message: {function: parley.echo}
`

// A worker that is killed takes its own sockets with it, each with 1012, and
// nothing else.
func TestKilledWorker(t *testing.T) {
	s := serve(t, app(t, map[string]string{
		"gramex.yaml": `
url:` + echoEndpoint + `
  talk:
    pattern: /talk
    handler: WebSocketHandler
    runtime: python
    kwargs:
      on_message: {function: handler.write_message(message)}
`,
	}))
	crowd := echoes(s, "/echo", 200)
	worker := s.worker()
	for range 4 {
		var talks []*socket
		for i := range 20 {
			c := s.dial("/talk")
			c.say(strconv.Itoa(i))
			c.expect(strconv.Itoa(i))
			talks = append(talks, c)
		}
		if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for i, c := range talks {
			if code := c.closed(); code != 1012 {
				t.Errorf("Python socket %d closed with %d, want 1012", i, code)
			}
		}
		crowd.another()
		worker = s.worker(worker)
	}
	c := s.dial("/talk")
	c.say("back again")
	c.expect("back again")
	crowd.another()
	crowd.end()
}

func stuckApp(t *testing.T, hangTimeout string) (dir string) {
	return app(t, map[string]string{
		"gramex.yaml": `
python:
  hang_timeout: ` + hangTimeout + `
url:` + echoEndpoint + `
  stuck:
    pattern: /stuck
    handler: WebSocketHandler
    kwargs:
      on_message: {function: stuck.on_message}
`,
		"stuck.py": `
import pathlib
import time


def on_message(handler, message):
    if message == 'sleep':
        pathlib.Path(__file__).with_suffix('.asleep').touch()
        time.sleep(30)
    handler.write_message(message)
`,
	})
}

// asleep waits until the stuck app's handler sleeps.
func asleep(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "the handler sleeps", func() bool {
		_, err := os.Stat(filepath.Join(dir, "stuck.asleep"))
		return err == nil
	})
}

// While a Python function does not return, sockets of all kinds still answer
// pings and echoes go on.
func TestStuckHandlerHoldsUpNobodyElse(t *testing.T) {
	dir := stuckApp(t, "90s")
	s := serve(t, dir)
	crowd := echoes(s, "/echo", 10)
	stuck, waiting := s.dial("/stuck"), s.dial("/stuck")
	stuck.say("sleep")
	asleep(t, dir)
	waiting.say("I wait")
	for range 3 {
		for name, c := range map[string]*socket{"stuck": stuck, "waiting": waiting} {
			if err := ping(c); err != nil {
				t.Errorf("the %s socket answers no ping: %v", name, err)
			}
		}
		crowd.another()
	}
	crowd.end()
	s.kill()
}

// ping sends a ping and waits for its pong, which needs somebody who reads.
// The socket's messages are lost to others.
func ping(c *socket) error {
	c.reader.Do(func() {
		go func() { _, _, _ = c.Read(c.t.Context()) }()
	})
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	return c.Ping(ctx)
}

// A worker that hangs for longer than hang_timeout shows its stacks, closes
// its sockets with 1012 and is replaced.
func TestHungWorkerIsReplaced(t *testing.T) {
	dir := stuckApp(t, "2s")
	s := serve(t, dir)
	crowd := echoes(s, "/echo", 10)
	worker := s.worker()
	stuck, other := s.dial("/stuck"), s.dial("/stuck")
	other.say("hello")
	other.expect("hello")
	stuck.say("sleep")
	for name, c := range map[string]*socket{"stuck": stuck, "other": other} {
		if code := c.closed(); code != 1012 {
			t.Errorf("the %s socket closed with %d, want 1012", name, code)
		}
	}
	s.logged(regexp.MustCompile(`stuck\.py.*\bon_message\b`)) // the stack
	crowd.another()
	s.worker(worker)
	c := s.dial("/stuck")
	c.say("fresh")
	c.expect("fresh")
	eventually(t, "the hung worker is gone", func() bool { return !alive(worker) })
	crowd.end()
}

// A function that writes a gigabyte to a peer that reads nothing costs neither
// the server nor the worker memory.
func TestWritesToPeerThatDoesNotRead(t *testing.T) {
	const limit = 64 << 10 // KiB
	binary, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := app(t, map[string]string{
		"gramex.yaml": `
url:` + echoEndpoint + `
  flood:
    pattern: /flood
    handler: WebSocketHandler
    kwargs:
      on_message: {function: flood.on_message}
      on_close: {function: flood.on_close}
  drip:
    pattern: /drip
    handler: WebSocketHandler
    kwargs:
      on_message: {function: flood.drip}
`,
		"flood.py": `
import pathlib

from tornado.websocket import WebSocketClosedError

CHUNK = b'x' * 65536


def on_message(handler, message):
    try:
        for _ in range(16384):  # 1 GiB
            handler.write_message(CHUNK, binary=True)
    except WebSocketClosedError:
        pass
    pathlib.Path(__file__).with_suffix('.written').touch()


def on_close(handler):
    pathlib.Path(__file__).with_suffix('.closed').touch()


async def drip(handler, message):
    for _ in range(16384):
        await handler.write_message(CHUNK, binary=True)
`,
	})
	s := start(t, launch{dir: dir, binary: binary})
	worker := s.worker()
	echo := s.dial("/echo")
	echo.say("ready")
	echo.expect("ready")
	warm := s.dial("/drip") // both have done their work once
	if err := warm.CloseNow(); err != nil {
		t.Fatal(err)
	}
	processes := map[string]int{"parley": s.pid(), "worker": worker}
	before := map[string]int{}
	for name, pid := range processes {
		// 5 sets the highest resident size back (proc_pid_clear_refs(5)).
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600)
		before[name] = resident(t, pid, "VmRSS")
	}

	flood := s.dial("/flood")
	flood.say("go")
	for _, mark := range []string{"flood.written", "flood.closed"} {
		eventually(t, mark+" is there", func() bool {
			_, err := os.Stat(filepath.Join(dir, mark))
			return err == nil
		})
	}
	echo.say("still well")
	echo.expect("still well")

	// One who awaits what it writes is slowed to the peer's pace.
	drip := s.dial("/drip")
	drip.say("go")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 1024 { // 64 MiB of it
		if kind, data, err := drip.Read(ctx); err != nil || kind != websocket.MessageBinary || len(data) != 65536 {
			t.Fatalf("message %d: %v of %d bytes (%v)", i, kind, len(data), err)
		}
	}
	echo.say("still well")
	echo.expect("still well")

	for name, pid := range processes {
		grown := resident(t, pid, "VmHWM") - before[name]
		t.Logf("%s grew by %d KiB from %d", name, grown, before[name])
		if grown >= limit {
			t.Errorf("%s grew by %d KiB, want less than %d", name, grown, limit)
		}
	}
}
