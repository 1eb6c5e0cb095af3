package python

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

// deadline is for what must come, in tests with real processes.
const deadline = 60 * time.Second

// functions are one endpoint's, each hook one step.
func functions(endpoint string, texts map[call.Hook]string) call.Functions {
	f := call.Functions{Endpoint: endpoint, Hooks: map[call.Hook]call.Pipeline{}}
	for hook, text := range texts {
		f.Hooks[hook] = call.Pipeline{{Function: text, Where: "gramex.yaml:1:1"}}
	}
	return f
}

// server is a Runtime over real processes.
type server struct {
	*Runtime
	log   *logged
	hooks map[string]call.Hooks // by endpoint

	t    *testing.T
	last parley.ConnID
	stop func()
}

// serve starts a Runtime and stops it when the test ends. launch replaces the
// launcher if it is not nil.
func serve(t *testing.T, opt Options, launch launcher, endpoints ...call.Functions) *server {
	t.Helper()
	s := &server{log: &logged{}, hooks: map[string]call.Hooks{}, t: t}
	opt.Log = slog.New(slog.NewTextHandler(s.log, nil))
	s.Runtime = New(opt)
	if launch != nil {
		s.launcher = launch
	}
	for _, f := range endpoints {
		h, err := s.Compile(f)
		if err != nil {
			t.Fatal(err)
		}
		s.hooks[f.Endpoint] = h
	}
	starting, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := s.Start(starting); err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = s.Run(ctx)
	}()
	s.stop = func() {
		stop()
		<-ran
	}
	t.Cleanup(s.stop)
	return s
}

// open waits for the worker and opens a connection with a session of its own.
func (s *server) open(endpoint string) (call.Stream, *calltest.Effects) {
	s.t.Helper()
	s.last++
	session := &calltest.Session{Name: fmt.Sprintf("s%d", s.last)}
	effects := &calltest.Effects{Session: session}
	return s.openWith(endpoint, session, effects), effects
}

func (s *server) openWith(endpoint string, session parley.SharedSession, effects call.Effects) call.Stream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), deadline)
	defer cancel()
	s.last++
	info := s.info(endpoint, session)
	if err := s.Ready(ctx, info, s.hooks[endpoint]); err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	return s.Open(info, s.hooks[endpoint], effects)
}

func (s *server) info(endpoint string, session parley.SharedSession) call.Info {
	r := httptest.NewRequest("GET", "/"+endpoint+"?x=1", nil)
	return call.Info{Conn: s.last, Endpoint: endpoint, Request: r, Session: session}
}

// until waits for effects to satisfy cond and returns their lines.
func (s *server) until(effects *calltest.Effects, what string, cond func(lines []string) bool) []string {
	s.t.Helper()
	timeout := time.NewTimer(deadline)
	defer timeout.Stop()
	for {
		changed := effects.Changed()
		lines := effects.Lines()
		if cond(lines) {
			return lines
		}
		select {
		case <-changed:
		case <-timeout.C:
			s.t.Fatalf("no %s in %q\n%s", what, lines, s.log)
		}
	}
}

// line waits for a line and returns all up to it.
func (s *server) line(effects *calltest.Effects, want string) []string {
	s.t.Helper()
	return s.until(effects, want, func(lines []string) bool {
		for _, line := range lines {
			if line == want {
				return true
			}
		}
		return false
	})
}

// logs waits until words stand in the log.
func (s *server) logs(words string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%q in the log", words), func() bool { return strings.Contains(s.log.String(), words) })
}

// eventually polls for what tells nobody when it happens.
func (s *server) eventually(what string, cond func() bool) {
	s.t.Helper()
	for end := time.Now().Add(deadline); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("never: %s\n%s", what, s.log)
		}
	}
}

// fakeProgram starts testdata/fake_worker.py as real processes.
type fakeProgram struct {
	python, dir string
	log         *slog.Logger
}

func (f *fakeProgram) Prepare(ctx context.Context) (err error) {
	f.python, err = findPython(ctx, "", f.dir)
	return err
}

func (f *fakeProgram) Launch(string) (process, error) {
	program, err := filepath.Abs("testdata/fake_worker.py")
	if err != nil {
		return nil, err
	}
	return startProcess(f.python, []string{program}, f.dir, f.log)
}

// serveFake serves the endpoint "bot" with the fake program.
func serveFake(t *testing.T, opt Options) *server {
	t.Helper()
	log := &logged{}
	s := serve(t, opt, &fakeProgram{dir: t.TempDir(), log: slog.New(slog.NewTextHandler(log, nil))},
		functions("bot", nil))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of the processes:\n%s", log)
		}
	})
	return s
}

// written returns the message that was written to the peer, alone.
func written(lines []string) string {
	for _, line := range lines {
		var text string
		if _, err := fmt.Sscanf(line, "write text %q", &text); err == nil {
			return text
		}
	}
	return ""
}

// pid returns the process that runs a connection.
func (s *server) pid(stream call.Stream, effects *calltest.Effects) int {
	s.t.Helper()
	stream.Message(parley.Text, []byte("pid"))
	var pid int
	lines := s.until(effects, "process id", func(lines []string) bool { return written(lines) != "" })
	if _, err := fmt.Sscan(written(lines), &pid); err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// running reports whether a process exists and is no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
