package calltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// Code is function texts of a runtime that runs code of the user's. All are
// required; suite.py, which the function Python returns, says them in Python.
//
// Functions named Raise raise an exception whose one-line message contains
// "no way". What Python calls None is nil or nothing elsewhere.
type Code struct {
	Open      string // open: writes the text "open"
	SlowOpen  string // open: waits a moment without holding up others, then writes the text "open"
	OpenRaise string // open: raises

	Message        string // on_message: writes its text back; answers "stop" by closing with 4321 "bye"
	SlowMessage    string // on_message: as Echo, but waits a moment first if the text is "slow"
	StuckMessage   string // on_message: waits for ever without holding up others if the text is "stuck", else as Echo
	MessageRaise   string // on_message: raises
	MessageSession string // on_message: sets the session's key "k" to the text; "delete" deletes it
	MessagePrint   string // on_message: prints the text as one line
	MessagePing    string // on_message: pings with the text

	CloseLog   string // on_close: prints "closed CODE REASON", each None if there is none
	CloseRaise string // on_close: raises

	PongEcho string // on_pong: writes the data as binary

	Select      string // select_subprotocol: keeps the first one as an attribute of the handler, and returns it
	SelectNone  string // select_subprotocol: returns None
	SelectRaise string // select_subprotocol: raises
	OpenKept    string // open: writes, as text, what Select kept

	FunctionText   string // function: returns the text "héllo"
	FunctionBinary string // function: returns the bytes ff 00
	FunctionJSON   string // function: returns a dict of one pair, "a" to the list [1]
	FunctionNone   string // function: returns None
	FunctionRaise  string // function: raises
	FunctionStuck  string // function: waits for ever without holding up others
	FunctionPost   string // function: returns the request's method and body, as "POST body"

	OpenSees  string // open: writes the request's method, host, path, last argument a, header X-Test and cookie theme, blanks between them
	OpenNamed string // open: writes the pattern's groups "room" and "none", a blank between them, "None" for one that took no part

	MessageCount     string // on_message: counts the messages of its connection, and writes the number
	MessageJSON      string // on_message: writes a dict of one pair, "a" to the list [1]
	MessageBinary    string // on_message: writes the bytes ff 00
	MessageSaid      string // on_message: raises with the text as its message
	MessageLateWrite string // on_message: closes with 4321 "bye", then writes, and raises what comes of it
	MessageLateSay   string // on_message: closes with 4321 "bye", then publishes the message to "lobby"
	PongRaise        string // on_pong: raises

	MessageRoom string // on_message: joins "lobby" at "join", leaves it at "leave"; publishes other texts there, and writes "said"
	CloseSay    string // on_close: publishes the text "bye" to "lobby"

	MessageGet          string // on_message: writes the text that the session has under the message, or "None"
	MessageAppend       string // on_message: appends the text to the list in the session's "list", which it makes
	MessageSessionID    string // on_message: writes the session's id
	MessageSessionRaise string // on_message: sets the session's "k" to the text, then raises
	CloseSession        string // on_close: sets the session's "k" to "closed"

	CloseCount string // on_close: prints "counted N", what MessageCount has counted
	CloseWrite string // on_close: writes, and raises what comes of it

	// Of timers; a runtime without its own has what its language has.
	OpenTicks string // open: starts what writes "tick" every 20 ms, until the connection ends
	OpenLater string // open: starts what writes "later" once, after 20 ms

	FunctionMade     string // function: answers with status 201, header X-A with the values 1 and 2, and the text "made"
	FunctionRedirect string // function: redirects to /there
	FunctionArg      string // function: returns the argument a of the URL
	FunctionSession  string // function: sets the session's "k" to "v"

	// Of the current user, whose attributes are id, role and deep.
	MessageUser       string // on_message: writes the user's id, by attribute; "None" if there is none
	MessageUserValue  string // on_message: writes the text that the user has under the message, or "None"
	MessageUserDeep   string // on_message: writes the first of the user's deep.er
	MessageUserLacks  string // on_message: reads the user's attribute "nothing", and raises what comes of it
	MessageUserChange string // on_message: changes the id of what it got as the user, then writes that of the current user; or raises
	MessageLogin      string // on_message: sets the session's "user" to one with the text as id, deletes it at "nobody"; writes as MessageUser
	FunctionUser      string // function: returns the user's id

	// Of those that judge.
	Judge       string // whether the argument a of the URL is 1
	JudgeSees   string // whether the group "room" is "lobby", the session's "k" is "v" and the user's id is "ann"
	JudgeRaise  string // raises
	JudgeWrites string // writes a message, and raises what comes of it
	JudgeChange string // sets the session's "k" to "v"; true
	JudgeKeeps  string // keeps what Select keeps; true
	JudgeSlow   string // waits a moment without holding up others; true
	JudgeStuck  string // waits for ever without holding up others
}

// runCode tests what only code of the user's can do.
func runCode(t *testing.T, s Subject) {
	runLife(t, s)
	runOrder(t, s)
	runFailures(t, s)
	runWhatIsSeen(t, s)
	runSessions(t, s)
	runRooms(t, s)
	runTimers(t, s)
	runPipelines(t, s)
	runCalls(t, s)
	runPages(t, s)
	runUsers(t, s)
	runJudges(t, s)
	if s.Expressions {
		runExpressions(t, s)
	}
}

func runLife(t *testing.T, s Subject) {
	for name, open := range map[string]string{"open": s.Code.Open, "an open that waits": s.Code.SlowOpen} {
		t.Run(name+" finishes before the first message", func(t *testing.T) {
			c := s.start(t, map[call.Hook]string{call.Open: open, call.OnMessage: s.Code.Message}).open(1)
			c.Message(parley.Text, []byte("hi"))
			c.waitLine(t, "done 2") // a function that waits may learn of the close before it writes
			expect(t, c.end(t), []string{`write text "open"`, `write text "hi"`, "done 2", "ended"})
		})
	}

	t.Run("a message that waits is done before the next begins", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.SlowMessage}).open(1)
		c.Message(parley.Text, []byte("slow"))
		c.Message(parley.Text, []byte("quick"))
		c.waitLine(t, "done 5")
		expect(t, c.end(t), []string{`write text "slow"`, "done 4", `write text "quick"`, "done 5", "ended"})
	})

	t.Run("a connection that waits delays no other", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.StuckMessage})
		stuck, other := a.open(1), a.open(2)
		stuck.Message(parley.Text, []byte("stuck"))
		other.Message(parley.Text, []byte("hi"))
		other.waitLine(t, "done 2")
		expect(t, other.end(t), []string{`write text "hi"`, "done 2", "ended"})
		expect(t, stuck.effects.Lines(), nil)
	})

	t.Run("close says code and reason", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.Message}).open(1)
		c.Message(parley.Text, []byte("stop"))
		expect(t, only(c.end(t), "close", "done", "ended"), []string{`close 4321 "bye"`, "done 4", "ended"})
	})

	t.Run("on_close runs once and sees why", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.OnClose: s.Code.CloseLog})
		for i, tc := range []struct {
			code   parley.CloseCode
			reason string
			want   string
		}{
			{parley.CloseNormal, "bye é", `log "closed 1000 bye é"`},
			{parley.CloseNoStatus, "", `log "closed None None"`},
			{parley.CloseAbnormal, "", `log "closed 1006 None"`},
		} {
			c := a.open(parley.ConnID(i + 1))
			c.Close(tc.code, tc.reason)
			expect(t, c.ended(t), []string{tc.want, "ended"})
		}
	})

	t.Run("on_pong hears the data", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnPong: s.Code.PongEcho}).open(1)
		c.Pong([]byte("\xffx"))
		c.Pong(nil)
		expect(t, c.end(t), []string{`write binary "\xffx"`, `write binary ""`, "ended"})
	})

	t.Run("ping sends its data", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessagePing}).open(1)
		c.Message(parley.Text, []byte("é"))
		expect(t, c.end(t), []string{`ping "é"`, "done 2", "ended"})
	})

	t.Run("a printed line reaches the log once", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessagePrint}).open(1)
		c.Message(parley.Text, []byte("a line"))
		expect(t, only(c.end(t), "log", "ended"), []string{`log "a line"`, "ended"})
	})

	t.Run("the session is changed before the message is done", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageSession}).open(1)
		c.Message(parley.Text, []byte("v"))
		c.waitLine(t, "done 1")
		if got := c.session.String(); got != `k="v"` {
			t.Errorf("session = %s", got)
		}
		c.Message(parley.Text, []byte("delete"))
		expect(t, c.end(t), []string{
			"session set=[k] delete=[]", "done 1", "session set=[] delete=[k]", "done 6", "ended",
		})
		if got := c.session.String(); got != "" {
			t.Errorf("session = %s", got)
		}
	})
}

func runFailures(t *testing.T, s Subject) {
	for _, tc := range []struct {
		name  string
		hooks map[call.Hook]string
		want  []string
	}{
		{"open raises", map[call.Hook]string{call.Open: s.Code.OpenRaise, call.OnClose: s.Code.CloseLog}, []string{
			"fail open", `log "closed 1011 raised"`, "ended",
		}},
		{"on_message raises", map[call.Hook]string{call.OnMessage: s.Code.MessageRaise, call.OnClose: s.Code.CloseLog}, []string{
			"fail on_message", "done 2", `log "closed 1011 raised"`, "ended",
		}},
		{"on_close raises", map[call.Hook]string{call.OnClose: s.Code.CloseRaise}, []string{"fail on_close", "ended"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.start(t, tc.hooks).open(1)
			switch {
			case tc.hooks[call.OnMessage] != "":
				c.Message(parley.Text, []byte("hi"))
				c.waitLine(t, "done 2")
			case tc.hooks[call.Open] != "":
				c.wait(t, "a failure", func(lines []string) bool { return len(only(lines, "fail")) > 0 })
			}
			c.Close(parley.CloseInternal, "raised")
			lines := slices.Clone(c.ended(t))
			for i, line := range lines {
				failure, failed := strings.CutPrefix(line, "fail ")
				if !failed {
					continue
				}
				hook, message, told := strings.Cut(failure, ": ")
				if !told || !strings.Contains(message, "no way") || strings.Contains(message, "\n") {
					t.Errorf("%q does not say in one line what was raised", line)
				}
				lines[i] = "fail " + hook
			}
			expect(t, lines, tc.want)
		})
	}

	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"a message that raises": {s.Code.MessageRaise, []string{"fail", "done 4", "done 2", "ended"}},
		"the app's close":       {s.Code.Message, []string{"close", "done 4", "done 2", "ended"}},
	} {
		t.Run("messages behind "+name+" are not run", func(t *testing.T) {
			c := s.start(t, map[call.Hook]string{call.OnMessage: tc.text}).open(1)
			c.Message(parley.Text, []byte("stop"))
			c.Message(parley.Text, []byte("hi"))
			c.waitLine(t, "done 2")
			lines := c.end(t)
			for i, line := range lines {
				if word, _, _ := strings.Cut(line, " "); word != "done" {
					lines[i] = word
				}
			}
			expect(t, lines, tc.want)
		})
	}

	t.Run("on_pong raises", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnPong: s.Code.PongRaise, call.OnMessage: s.Code.Message}).open(1)
		c.Pong([]byte("x"))
		c.Message(parley.Text, []byte("hi"))
		c.waitLine(t, "done 2")
		expect(t, firstWords(c.end(t)), []string{"fail", "done", "ended"})
	})

	t.Run("an error of many lines is told in one", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageSaid}).open(1)
		c.Message(parley.Text, []byte("no wäy\n\r\nat all"))
		c.waitLine(t, "done 16")
		line := only(c.end(t), "fail")[0]
		if !strings.HasPrefix(line, "fail on_message: ") || !strings.Contains(line, "no wäy") || strings.ContainsAny(line, "\r\n") {
			t.Errorf("emitted %q", line)
		}
	})

	t.Run("a connection that failed leaves others alone", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageRaise, call.OnClose: s.Code.CloseLog})
		failing, other := a.open(1), a.open(2)
		failing.Message(parley.Text, []byte("hi"))
		failing.waitLine(t, "done 2")
		other.Close(parley.CloseNormal, "bye")
		expect(t, other.ended(t), []string{`log "closed 1000 bye"`, "ended"})
		failing.end(t)
	})
}

// value shows a call.Value in one line.
func value(v call.Value) string { return fmt.Sprintf("%d %q", v.Kind, v.Data) }

func runCalls(t *testing.T, s Subject) {
	for _, tc := range []struct {
		name, text string
		kind       call.ValueKind
		want       string
	}{
		{"text", s.Code.FunctionText, call.Text, "héllo"},
		{"binary", s.Code.FunctionBinary, call.Binary, "\xff\x00"},
		{"JSON", s.Code.FunctionJSON, call.JSON, `{"a":[1]}`},
		{"nothing", s.Code.FunctionNone, call.None, ""},
		{"what was posted", s.Code.FunctionPost, call.Text, "POST the body"},
	} {
		t.Run("a call returns "+tc.name, func(t *testing.T) {
			a := s.start(t, map[call.Hook]string{call.Function: tc.text})
			info := a.info(1)
			info.Request.Method = "POST"
			info.Body = []byte("the body")
			v, err := a.runtime.Call(t.Context(), info, a.hooks, call.Function, &Effects{})
			if err != nil {
				t.Fatal(err)
			}
			if v.Kind == call.JSON {
				v.Data = []byte(strings.ReplaceAll(string(v.Data), " ", ""))
			}
			if want := (call.Value{Kind: tc.kind, Data: []byte(tc.want)}); value(v) != value(want) {
				t.Errorf("value = %s, want %s", value(v), value(want))
			}
		})
	}

	for hook, text := range map[call.Hook]string{
		call.Function: s.Code.FunctionRaise, call.SelectSubprotocol: s.Code.SelectRaise,
	} {
		t.Run(string(hook)+" raises", func(t *testing.T) {
			a := s.start(t, map[call.Hook]string{hook: text})
			_, err := a.runtime.Call(t.Context(), a.info(1), a.hooks, hook, &Effects{})
			a.runtime.Forget(1)
			var raised *call.FunctionError
			if !errors.As(err, &raised) {
				t.Fatalf("error = %v, want a FunctionError", err)
			}
			if raised.Hook != hook || !strings.Contains(raised.Message, "no way") || !strings.Contains(raised.Traceback, raised.Message) {
				t.Errorf("error = %+v", raised)
			}
		})
	}

	t.Run("a call waits no longer than its context", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Function: s.Code.FunctionStuck})
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := a.runtime.Call(ctx, a.info(1), a.hooks, call.Function, &Effects{})
			failed <- err
		}()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled", err)
		}
	})

	selecting := func(text string) map[call.Hook]string {
		return map[call.Hook]string{call.SelectSubprotocol: text, call.Open: s.Code.OpenKept}
	}

	t.Run("open gets the handler of select_subprotocol", func(t *testing.T) {
		a := s.start(t, selecting(s.Code.Select))
		for id := range parley.ConnID(3) {
			info := a.info(id + 1)
			info.Subprotocols = []string{"chat" + info.Conn.String(), "other"}
			v, err := a.runtime.Call(t.Context(), info, a.hooks, call.SelectSubprotocol, &Effects{})
			if want := (call.Value{Kind: call.Text, Data: []byte(info.Subprotocols[0])}); err != nil || value(v) != value(want) {
				t.Fatalf("Call = %s, %v, want %s", value(v), err, value(want))
			}
			info.Subprotocol = info.Subprotocols[0]
			c := a.openAs(info)
			expect(t, c.end(t), []string{fmt.Sprintf("write text %q", info.Subprotocol), "ended"})
		}
	})

	t.Run("select_subprotocol may choose none", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.SelectSubprotocol: s.Code.SelectNone})
		v, err := a.runtime.Call(t.Context(), a.info(1), a.hooks, call.SelectSubprotocol, &Effects{})
		if err != nil || v.Kind != call.None {
			t.Errorf("Call = %s, %v, want None", value(v), err)
		}
		expect(t, a.open(1).end(t), []string{"ended"})
	})

	t.Run("a forgotten handshake leaves nothing behind", func(t *testing.T) {
		a := s.start(t, selecting(s.Code.Select))
		info := a.info(1)
		info.Subprotocols = []string{"chat"}
		if _, err := a.runtime.Call(t.Context(), info, a.hooks, call.SelectSubprotocol, &Effects{}); err != nil {
			t.Fatal(err)
		}
		a.runtime.Forget(1)
		c := a.open(1)
		lines := c.wait(t, "a failure", func(lines []string) bool { return len(lines) > 0 })
		if !strings.HasPrefix(lines[0], "fail open: ") {
			t.Errorf("emitted %q; open still sees what the forgotten handshake kept", lines)
		}
		c.end(t)
	})
}
