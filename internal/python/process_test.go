package python

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

func TestProcessTalks(t *testing.T) {
	s := serveFake(t, Options{})
	stream, effects := s.open("bot")
	stream.Message(parley.Text, []byte("hi"))
	s.line(effects, "done 2")
	stream.Close(parley.CloseNormal, "")
	want := []string{`write text "hi"`, "done 2", "ended"}
	if got := s.line(effects, "ended"); !slices.Equal(got, want) {
		t.Errorf("effects %q, want %q", got, want)
	}
}

func TestProcessThatDiesIsReplaced(t *testing.T) {
	s := serveFake(t, Options{})
	stream, effects := s.open("bot")
	first := s.pid(stream, effects)
	stream.Message(parley.Text, []byte("die 7"))
	s.line(effects, "ended")
	s.logs(`status="exit status 7" connections=1`)
	stream, effects = s.open("bot")
	second := s.pid(stream, effects)
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.line(effects, `close 1012 "worker restarted"`)
	s.logs(`status="signal: killed"`)
	third := s.pid(s.open("bot"))
	if first == second || second == third {
		t.Errorf("processes %d, %d and %d", first, second, third)
	}
}

func TestStuckProcessIsKilledWithItsChildren(t *testing.T) {
	for _, stuck := range []string{"sleep", "loop"} {
		t.Run(stuck, func(t *testing.T) {
			s := serveFake(t, Options{HangTimeout: time.Second})
			stream, effects := s.open("bot")
			stream.Message(parley.Text, []byte("child"))
			var child int
			if _, err := fmt.Sscan(written(s.line(effects, "done 5")), &child); err != nil {
				t.Fatal(err)
			}
			stream.Message(parley.Text, []byte(stuck))
			s.line(effects, `close 1012 "worker restarted"`)
			s.logs("its stacks follow")
			s.logs("worker hung")
			s.eventually("end of the child", func() bool { return !running(child) })
			s.open("bot")
		})
	}
}

func TestOutputOfTheProcessIsLogged(t *testing.T) {
	var log logged
	s := serve(t, Options{}, &fakeProgram{dir: t.TempDir(), log: slog.New(slog.NewTextHandler(&log, nil))}, functions("bot", nil))
	stream, effects := s.open("bot")
	long := strings.Repeat("x", 3*maxLine)
	for _, message := range []string{"out printed", "err complained", "out " + long, "out after"} {
		stream.Message(parley.Text, []byte(message))
	}
	s.line(effects, "done 9")
	s.stop()
	for _, want := range []string{
		"level=INFO msg=printed stream=stdout", "level=INFO msg=complained stream=stderr",
		`msg=` + long[:maxLine] + `… stream=stdout`, "level=INFO msg=after stream=stdout",
	} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("the log has %q %d times, want once", want, strings.Count(log.String(), want))
		}
	}
}

// counter counts what is written to a peer that never reads.
type counter struct {
	calltest.Effects

	bytes chan int
}

func (c *counter) Write(_ parley.Kind, data []byte) error {
	c.bytes <- len(data)
	return nil
}

func TestBigWrites(t *testing.T) {
	s := serveFake(t, Options{})
	effects := &counter{bytes: make(chan int, 10)}
	stream := s.openWith("bot", &calltest.Session{Name: "s"}, effects)
	for _, size := range []int{20 << 20, 1, readSize - rowHeader, readSize} {
		stream.Message(parley.Text, fmt.Appendf(nil, "big %d", size))
		if got := <-effects.bytes; got != size {
			t.Errorf("%d octets were written, want %d", got, size)
		}
	}
	stream.Message(parley.Text, bytes.Repeat([]byte("y"), 10<<20))
	if got := <-effects.bytes; got != 10<<20 {
		t.Errorf("%d octets came back, want %d", got, 10<<20)
	}
}

func TestStopReapsAStuckProcess(t *testing.T) {
	s := serveFake(t, Options{})
	stream, effects := s.open("bot")
	pid := s.pid(stream, effects)
	stream.Message(parley.Text, []byte("loop"))
	s.stop()
	if running(pid) {
		t.Errorf("process %d still runs", pid)
	}
	s.line(effects, `close 1001 "server is stopping"`)
}

// TestServerForKilling is no test of its own: TestKilledServerLeavesNothing
// runs it in a process that it kills.
func TestServerForKilling(t *testing.T) {
	if os.Getenv("PARLEY_TEST_SERVER") == "" {
		return
	}
	r := New(Options{})
	r.launcher = &fakeProgram{dir: t.TempDir(), log: slog.New(slog.DiscardHandler)}
	hooks, err := r.Compile(functions("bot", nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	effects := &calltest.Effects{}
	stream := r.Open(call.Info{Conn: 1, Request: httptest.NewRequest("GET", "/", nil), Session: &calltest.Session{Name: "s"}}, hooks, effects)
	stream.Message(parley.Text, []byte("pid"))
	stream.Message(parley.Text, []byte("loop"))
	for changed := effects.Changed(); len(effects.Lines()) == 0; changed = effects.Changed() {
		<-changed
	}
	fmt.Println("pid", written(effects.Lines()))
	_ = r.Run(t.Context())
}

func TestKilledServerLeavesNothing(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-test.run=^TestServerForKilling$", "-test.v")
	cmd.Env = append(os.Environ(), "PARLEY_TEST_SERVER=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "pid %d", &pid) // others are the test's own
	}
	if pid == 0 || !running(pid) {
		t.Fatalf("no worker process: %d", pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for end := time.Now().Add(deadline); running(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the worker %d outlived its server", pid)
		}
	}
}

// A process that has not installed its handler would be ended by the signal.
func TestCatches(t *testing.T) {
	deaf := exec.Command("sleep", "60")
	hears := exec.Command("sh", "-c", "trap : USR1; echo ready; sleep 60 & wait; wait")
	out, err := hears.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []*exec.Cmd{deaf, hears} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if catches(deaf.Process.Pid, syscall.SIGUSR1) {
		t.Error("sleep is said to catch SIGUSR1")
	}
	if !catches(hears.Process.Pid, syscall.SIGUSR1) {
		t.Error("a trap is said not to catch SIGUSR1")
	}
}
