package calltest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A Subject is a runtime under test: how to start it, and the suite's
// functions in its language.
type Subject struct {
	// Start compiles the endpoints on a fresh runtime, brings it up, and
	// returns it with the endpoints' hooks, in order. It ends the runtime with
	// t.Cleanup.
	Start func(t *testing.T, endpoints ...call.Functions) (call.Runtime, []call.Hooks)

	Texts Texts
	Code  *Code // nil for a runtime without code of the user's

	// Expressions says that functions may be any that Starlark and Python have
	// in common, with args and kwargs.
	Expressions bool
}

// Texts are function texts that every runtime has. All are required.
type Texts struct {
	Echo string // on_message: writes the message back with its kind
	Join string // open: subscribes to the channel "lobby"
	Say  string // on_message: publishes the message to the channel "lobby"
}

// Run runs the suite on a runtime: the same cases for all of them.
func Run(t *testing.T, s Subject) {
	requireAll(t, s.Texts)
	t.Run("Streams", func(t *testing.T) { runStreams(t, s) })
	if s.Code != nil {
		requireAll(t, *s.Code)
		t.Run("Code", func(t *testing.T) { runCode(t, s) })
	}
}

// endpoint makes the functions of one endpoint out of texts by hook.
func endpoint(name string, texts map[call.Hook]string) call.Functions {
	f := call.Functions{Endpoint: name, Kwargs: []byte("{}"), Hooks: map[call.Hook]call.Pipeline{}}
	for hook, text := range texts {
		f.Hooks[hook] = call.Pipeline{{Function: text, Where: "suite.yaml:1:1"}}
	}
	return f
}

// An app is a started runtime with one endpoint.
type app struct {
	runtime call.Runtime
	hooks   call.Hooks
	name    string
}

func (s Subject) start(t *testing.T, texts map[call.Hook]string) *app {
	t.Helper()
	return s.startAll(t, endpoint("suite", texts))[0]
}

// startAll starts a runtime with these endpoints.
func (s Subject) startAll(t *testing.T, endpoints ...call.Functions) (apps []*app) {
	t.Helper()
	runtime, hooks := s.Start(t, endpoints...)
	if len(hooks) != len(endpoints) {
		t.Fatalf("Start returned %d hooks for %d endpoints", len(hooks), len(endpoints))
	}
	for i, f := range endpoints {
		a := &app{runtime: runtime, hooks: hooks[i], name: f.Endpoint}
		if err := runtime.Ready(t.Context(), a.info(1), a.hooks); err != nil {
			t.Fatalf("Ready: %v", err)
		}
		apps = append(apps, a)
	}
	return apps
}

func (a *app) info(conn parley.ConnID) call.Info {
	r := httptest.NewRequest(http.MethodGet, "http://app.example/suite?a=1", nil)
	return call.Info{
		Conn: conn, Endpoint: a.name, Request: r, Session: &Session{Name: "session-" + conn.String()},
	}
}

// A conn is one open stream with what it has emitted.
type conn struct {
	call.Stream
	effects *Effects
	session *Session
	prompt  bool // see call.Traits
}

// Message hands a message over. A prompt runtime is done with it then.
func (c *conn) Message(kind parley.Kind, data []byte) {
	c.Stream.Message(kind, data)
	if c.prompt {
		c.effects.Done(len(data))
	}
}

func (a *app) open(id parley.ConnID) *conn { return a.openAs(a.info(id)) }

func (a *app) openAs(info call.Info) *conn {
	session := info.Session.(*Session)
	effects := &Effects{Session: session}
	prompt := (&call.Program{Runtime: a.runtime, Hooks: a.hooks}).Traits().Prompt
	return &conn{Stream: a.runtime.Open(info, a.hooks, effects), effects: effects, session: session, prompt: prompt}
}

// patience is how long the suite waits for what must come: long enough for a
// machine with everything else to do, since a passing test never waits it out.
const patience = 30 * time.Second

// wait returns the emitted lines once ok says that they suffice.
func (c *conn) wait(t *testing.T, what string, ok func(lines []string) bool) []string {
	t.Helper()
	deadline := time.After(patience)
	for {
		changed := c.effects.Changed()
		lines := c.effects.Lines()
		if ok(lines) {
			return lines
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited %v for %s; emitted: %q", patience, what, lines)
		}
	}
}

func (c *conn) waitLine(t *testing.T, line string) []string {
	t.Helper()
	return c.wait(t, line, func(lines []string) bool { return slices.Contains(lines, line) })
}

// end closes the stream, waits for its end and checks that the end is the last
// word. It returns all that was emitted.
func (c *conn) end(t *testing.T) []string {
	t.Helper()
	c.Close(parley.CloseNormal, "")
	return c.ended(t)
}

func (c *conn) ended(t *testing.T) []string {
	t.Helper()
	lines := c.waitLine(t, "ended")
	if i := slices.Index(lines, "ended"); i != len(lines)-1 {
		t.Errorf("emitted after ended: %q", lines[i+1:])
	}
	return lines
}

// only returns the lines that begin with one of the words.
func only(lines []string, words ...string) []string {
	var out []string
	for _, line := range lines {
		for _, word := range words {
			if line == word || strings.HasPrefix(line, word+" ") {
				out = append(out, line)
			}
		}
	}
	return out
}

// firstWords are those of lines.
func firstWords(lines []string) (words []string) {
	for _, line := range lines {
		word, _, _ := strings.Cut(line, " ")
		words = append(words, word)
	}
	return words
}

// expect compares line by line; it shows where the two begin to differ.
func expect(t *testing.T, lines, want []string) {
	t.Helper()
	i := 0
	for i < len(lines) && i < len(want) && lines[i] == want[i] {
		i++
	}
	if i < len(lines) || i < len(want) {
		t.Fatalf("emitted %d lines, want %d; from line %d on %q\nwant %q", len(lines), len(want), i+1, few(lines[i:]), few(want[i:]))
	}
}

func few(lines []string) []string { return lines[:min(len(lines), 5)] }
