package python

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

// python serves testdata/bot.py, or a copy of it in dir, with the real worker.
func python(t *testing.T, opt Options, more ...call.Functions) *server {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	text, err := os.ReadFile("testdata/bot.py")
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(opt.Dir, "bot.py"), string(text))
	opt.Dirs, opt.Cache = []string{opt.Dir}, t.TempDir()
	return serve(t, opt, nil, append(more,
		functions("echo", map[call.Hook]string{call.OnMessage: "bot.echo"}),
		functions("slow", map[call.Hook]string{call.OnMessage: "bot.slow"}),
		functions("sleepy", map[call.Hook]string{call.OnMessage: "bot.sleepy"}),
		functions("obey", map[call.Hook]string{
			call.OnMessage: "bot.obey", call.OnClose: "bot.leave", call.SelectSubprotocol: "bot.choose",
		}),
		functions("page", map[call.Hook]string{call.Function: "bot.page"}),
	)...)
}

func save(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPythonAnswersInOrder(t *testing.T) {
	s := python(t, Options{})
	if faults := s.Faults(); len(faults) != 0 {
		t.Fatalf("faults: %+v", faults)
	}
	stream, effects := s.open("echo")
	var want, wantDone []string
	for i := range 1000 {
		text := fmt.Sprintf("message %d", i)
		stream.Message(parley.Text, []byte(text))
		want = append(want, fmt.Sprintf("write text %q", text))
		wantDone = append(wantDone, fmt.Sprintf("done %d", len(text)))
	}
	stream.Message(parley.Binary, []byte("\x00\xff"))
	stream.Close(parley.CloseNormal, "")
	want = append(want, `write binary "\x00\xff"`, "ended")
	wantDone = append(wantDone, "done 2")

	lines := s.line(effects, "ended")
	var got, done []string
	for _, line := range lines {
		if strings.HasPrefix(line, "done ") {
			done = append(done, line)
			continue
		}
		got = append(got, line)
		if len(done) > len(got) {
			t.Fatalf("%d messages are done after %d answers", len(done), len(got))
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(done, wantDone) {
		t.Errorf("%d answers and %d done, the last %q; want %d and %d",
			len(got), len(done), lines[max(0, len(lines)-4):], len(want), len(wantDone))
	}
}

func TestPythonAwaitsBeforeTheNextMessage(t *testing.T) {
	s := python(t, Options{})
	slow, effects := s.open("slow")
	slow.Message(parley.Text, []byte("0.2"))
	slow.Message(parley.Text, []byte("0.0"))
	other, others := s.open("echo")
	other.Message(parley.Text, []byte("meanwhile"))
	s.line(others, "done 9")
	if got := effects.Lines(); len(got) != 0 {
		t.Errorf("effects %q before the other connection was served", got)
	}
	want := []string{`write text "0.2"`, "done 3", `write text "0.0"`, "done 3"}
	s.until(effects, "second answer", func(lines []string) bool { return len(lines) >= len(want) })
	if got := effects.Lines(); !slices.Equal(got, want) {
		t.Errorf("effects %q, want %q", got, want)
	}
}

func TestPythonEffects(t *testing.T) {
	s := python(t, Options{})
	for name, test := range map[string]struct {
		messages []string
		want     []string
	}{
		"raise":   {[]string{"raise no"}, []string{"fail on_message: ValueError: no", "done 8"}},
		"print":   {[]string{"print hi  there"}, []string{`log "hi  there"`, "done 15"}},
		"close":   {[]string{"close bye"}, []string{`close 4001 "bye"`, "done 9"}},
		"ping":    {[]string{"ping p"}, []string{`ping "p"`, "done 6"}},
		"session": {[]string{"set v", "get mine"}, []string{"session set=[mine] delete=[]", "done 5", `write text "v"`, "done 8"}},
		"room":    {[]string{"join lobby", "say hi"}, []string{`subscribe "lobby"`, "done 10", `publish "lobby" text "hi"`, "done 6"}},
	} {
		t.Run(name, func(t *testing.T) {
			stream, effects := s.open("obey")
			for _, message := range test.messages {
				stream.Message(parley.Text, []byte(message))
			}
			last := test.want[len(test.want)-1]
			if got := s.line(effects, last); !slices.Equal(got, test.want) {
				t.Errorf("effects %q, want %q", got, test.want)
			}
			stream.Close(4001, "bye")
			if got := s.line(effects, "ended"); !slices.Contains(got, `log "left with 4001 bye"`) {
				t.Errorf("on_close did not run: %q", got)
			}
		})
	}
}

func TestPythonSessionIsShared(t *testing.T) {
	s := python(t, Options{})
	session := &calltest.Session{Name: "one"}
	session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"theirs": json.RawMessage(`"before"`)}}, nil)
	ask := func(stream call.Stream, effects *calltest.Effects, key, want string) {
		t.Helper()
		from := len(effects.Lines())
		stream.Message(parley.Text, []byte("get "+key))
		s.until(effects, key+" = "+want, func(lines []string) bool {
			return slices.Contains(lines[from:], fmt.Sprintf("write text %q", want))
		})
	}
	a, b := &calltest.Effects{Session: session}, &calltest.Effects{Session: session}
	first, second := s.openWith("obey", session, a), s.openWith("obey", session, b)
	ask(first, a, "theirs", "before")
	session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"theirs": json.RawMessage(`"after"`)}}, nil)
	ask(second, b, "theirs", "after")
	second.Message(parley.Text, []byte("set 7"))
	s.line(b, "session set=[mine] delete=[]")
	ask(first, a, "mine", "7")
	if got, want := session.String(), `mine="7" theirs="after"`; got != want {
		t.Errorf("session %s, want %s", got, want)
	}
}

func TestPythonHandshakeMakesTheHandler(t *testing.T) {
	s := python(t, Options{})
	session := &calltest.Session{Name: "s"}
	group := "room"
	info := s.info("obey", session)
	info.Conn, info.Subprotocols, info.PathArgs = 77, []string{"a", "b"}, []*string{&group, nil}
	info.Request.Header.Set("User-Agent", "tests")
	effects := &calltest.Effects{Session: session}
	v, err := s.Call(t.Context(), info, s.hooks["obey"], call.SelectSubprotocol, effects)
	if err != nil || v.Kind != call.Text || string(v.Data) != "b" {
		t.Fatalf("chose %q, error %v", v.Data, err)
	}
	info.Subprotocol = "b"
	stream := s.Open(info, s.hooks["obey"], effects)
	stream.Message(parley.Text, []byte("about"))
	var about map[string]any
	if err := json.Unmarshal([]byte(written(s.line(effects, "done 5"))), &about); err != nil {
		t.Fatal(err)
	}
	want := `map[agent:tests args:map[x:[1]] chosen:b id:77 marked:by choose name:obey path:/obey path_args:[room <nil>]]`
	if got := fmt.Sprint(about); got != want {
		t.Errorf("handler is\n%s\nwant\n%s", got, want)
	}
}

func TestPythonFunctionsHaveValues(t *testing.T) {
	s := python(t, Options{})
	for kind, test := range map[string]struct {
		kind call.ValueKind
		data string
	}{
		"text":  {call.Text, "text"},
		"none":  {call.None, ""},
		"bytes": {call.Binary, "\xff"},
		"dict":  {call.JSON, `{"body": "posted", "n": [1, 2]}`},
	} {
		info := call.Info{
			Conn: 1, Request: httptest.NewRequest("POST", "/page?kind="+kind, nil), Body: []byte("posted"),
			Session: &calltest.Session{Name: "s"},
		}
		v, err := s.Call(t.Context(), info, s.hooks["page"], call.Function, &calltest.Effects{})
		if err != nil || v.Kind != test.kind || string(v.Data) != test.data {
			t.Errorf("%s: value %d %q, error %v; want %d %q", kind, v.Kind, v.Data, err, test.kind, test.data)
		}
		if kind == "dict" && (v.Status != 201 || v.Header.Get("X-Kind") != "dict") {
			t.Errorf("status %d, headers %v", v.Status, v.Header)
		}
	}
	info := s.info("page", &calltest.Session{Name: "s"})
	info.Request = httptest.NewRequest("GET", "/page?kind=raise", nil)
	_, err := s.Call(t.Context(), info, s.hooks["page"], call.Function, &calltest.Effects{})
	var raised *call.FunctionError
	if !errors.As(err, &raised) || raised.Message != "KeyError: 'no'" || !strings.Contains(raised.Traceback, "bot.py") {
		t.Errorf("error %v", err)
	}
}

func TestPythonWorkerComesBackEachTime(t *testing.T) {
	s := python(t, Options{})
	for range 4 {
		stream, effects := s.open("obey")
		_, idle := s.open("echo")
		pid := s.pid(stream, effects)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for _, e := range []*calltest.Effects{effects, idle} {
			lines := s.line(e, "ended")
			if n := len(lines); lines[n-2] != `close 1012 "worker restarted"` {
				t.Errorf("effects %q, want a close with 1012 and the end", lines)
			}
		}
	}
	s.open("echo")
	if n := strings.Count(s.log.String(), "worker died"); n != 4 {
		t.Errorf("%d deaths in the log, want 4", n)
	}
}

func TestPythonThatSleepsIsKilledWithItsStackInTheLog(t *testing.T) {
	s := python(t, Options{HangTimeout: 2 * time.Second})
	stream, effects := s.open("sleepy")
	stream.Message(parley.Text, []byte("600"))
	s.line(effects, `close 1012 "worker restarted"`)
	s.logs("worker hung")
	s.logs("in sleepy")
	s.open("echo")
}

// Many slow functions in a row are no hang, and each answer goes out when its
// function has finished, not when all have.
func TestPythonWithMuchToDoIsNotHung(t *testing.T) {
	s := python(t, Options{HangTimeout: time.Second})
	stream, effects := s.open("sleepy")
	const count = 30
	for range count {
		stream.Message(parley.Text, []byte("0.1"))
	}
	s.until(effects, "last answer", func(lines []string) bool { return len(lines) == 2*count })
	if log := s.log.String(); strings.Contains(log, "hung") {
		t.Errorf("the worker was taken for hung:\n%s", log)
	}
}

func TestPythonWritesBig(t *testing.T) {
	s := python(t, Options{})
	effects := &counter{bytes: make(chan int, 1)}
	stream := s.openWith("obey", &calltest.Session{Name: "s"}, effects)
	stream.Message(parley.Text, []byte("big 30000000"))
	if got := <-effects.bytes; got != 30000000 {
		t.Errorf("%d octets, want 30000000", got)
	}
	stream.Message(parley.Text, []byte("many 50000"))
	for range 50000 {
		if got := <-effects.bytes; got != 1000 {
			t.Fatalf("%d octets, want 1000", got)
		}
	}
	stream.Message(parley.Text, append([]byte("about "), bytes.Repeat([]byte("y"), 5<<20)...))
	if got := <-effects.bytes; got == 0 {
		t.Error("no answer to a big message")
	}
}

func TestPythonModuleThatDoesNotImportIsRepaired(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.py")
	save(t, broken, "def f(handler, message:\n")
	s := python(t, Options{Dir: dir}, functions("broken", map[call.Hook]string{call.OnMessage: "broken.f"}))
	faults := s.Faults()
	if len(faults) != 1 || faults[0].Endpoint != "broken" || faults[0].Hook != call.OnMessage ||
		faults[0].Where != "gramex.yaml:1:1" || !strings.Contains(faults[0].Message, "SyntaxError") {
		t.Errorf("faults %+v", faults)
	}
	if err := s.Ready(t.Context(), s.info("broken", &calltest.Session{Name: "s"}), s.hooks["broken"]); !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("Ready says %v", err)
	}
	other, effects := s.open("echo")

	save(t, broken, "def f(handler, message):\n    handler.write_message('repaired')\n")
	s.Changed([]string{broken})
	s.logs("serves again")
	stream, repaired := s.open("broken")
	stream.Message(parley.Text, []byte("hi"))
	s.line(repaired, `write text "repaired"`)
	other.Message(parley.Text, []byte("still here"))
	s.line(effects, `write text "still here"`)
	if got := s.Modules()["bot"]; got != filepath.Join(dir, "bot.py") {
		t.Errorf("module bot is %q", got)
	}
}

func TestPythonLeavesNothingBehind(t *testing.T) {
	s := python(t, Options{})
	stream, effects := s.open("obey")
	pid := s.pid(stream, effects)
	sleepy, _ := s.open("sleepy")
	sleepy.Message(parley.Text, []byte("600"))
	s.stop()
	if running(pid) {
		t.Errorf("process %d still runs", pid)
	}
}

func TestUnpackedWorkerIsWholeAndRepaired(t *testing.T) {
	cache := t.TempDir()
	dir, err := unpackWorker(cache)
	if err != nil {
		t.Fatal(err)
	}
	again, err := unpackWorker(cache)
	if err != nil || again != dir {
		t.Errorf("unpacked into %s, then %s, error %v", dir, again, err)
	}
	first := true
	err = filepath.WalkDir("worker", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "tests" {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".py" {
			return nil
		}
		want, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		unpacked := filepath.Join(dir, strings.TrimPrefix(name, "worker"))
		if got, err := os.ReadFile(unpacked); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s was not unpacked: %v", name, err)
		}
		if first {
			first = false
			save(t, unpacked, "half")
			if _, err := unpackWorker(cache); err != nil {
				return err
			}
			if got, err := os.ReadFile(unpacked); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s was not repaired: %v", name, err)
			}
		}
		return nil
	})
	if err != nil || first {
		t.Errorf("walked the worker's files: %v, none found: %t", err, first)
	}
}
