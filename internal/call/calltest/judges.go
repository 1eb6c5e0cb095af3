package calltest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// runJudges tests functions that judge a handshake or request.
func runJudges(t *testing.T, s Subject) {
	judging := func(t *testing.T, text string) *app {
		t.Helper()
		return s.start(t, map[call.Hook]string{call.Condition: text})
	}
	judge := func(t *testing.T, a *app, info call.Info, hook call.Hook, want bool) []string {
		t.Helper()
		effects := &Effects{Session: info.Session}
		v, err := a.runtime.Call(t.Context(), info, a.hooks, hook, effects)
		if err != nil {
			t.Fatalf("%s: %v", hook, err)
		}
		if v.Passes() != want || value(v) != value(call.Verdict(want)) {
			t.Errorf("%s of %s = %s, want %t", hook, info.Request.URL, value(v), want)
		}
		return effects.Lines()
	}

	t.Run("a verdict", func(t *testing.T) {
		a := judging(t, s.Code.Judge)
		for target, want := range map[string]bool{"/suite?a=1": true, "/suite?a=2": false} {
			info := a.info(1)
			info.Request = httptest.NewRequest("GET", "http://app.example"+target, nil)
			expect(t, judge(t, a, info, call.Condition, want), nil)
		}
	})

	t.Run("what is judged by", func(t *testing.T) {
		a := judging(t, s.Code.JudgeSees)
		lobby, other := "lobby", "other"
		for name, change := range map[string]func(*call.Info){
			"":        func(*call.Info) {},
			"group":   func(info *call.Info) { info.PathKwargs["room"] = &other },
			"session": func(info *call.Info) { info.Session.Update(parley.SessionChange{Delete: []string{"k"}}, nil) },
			"user":    func(info *call.Info) { info.User = parley.ParseUser([]byte(`{"id":"bob"}`)) },
			"nobody":  func(info *call.Info) { signIn(info.Session, "") },
		} {
			info := a.info(1)
			info.PathKwargs = map[string]*string{"room": &lobby}
			signIn(info.Session, `{"id":"ann"}`)
			info.Session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"k": json.RawMessage(`"v"`)}}, nil)
			change(&info)
			expect(t, judge(t, a, info, call.Condition, name == ""), nil)
		}
	})

	t.Run("an endpoint has several", func(t *testing.T) {
		apps := s.startAll(t,
			endpoint("suite", map[call.Hook]string{call.OnMessage: s.Code.Message}), // compiled in two parts
			endpoint("suite", map[call.Hook]string{
				call.Condition: s.Code.Judge, call.Validate(0): s.Code.JudgeRaise, call.Validate(11): s.Code.JudgeSlow,
			}),
		)
		judge(t, apps[1], apps[1].info(1), call.Condition, true)
		judge(t, apps[1], apps[1].info(1), call.Validate(11), true)
		if _, err := apps[1].runtime.Call(t.Context(), apps[1].info(1), apps[1].hooks, call.Validate(0), &Effects{}); err == nil {
			t.Error("no error")
		}
		c := apps[0].open(1)
		c.Message(parley.Text, []byte("hi"))
		c.waitLine(t, "done 2")
		expect(t, c.end(t), []string{`write text "hi"`, "done 2", "ended"})
	})

	for name, text := range map[string]string{"raises": s.Code.JudgeRaise, "writes to a socket": s.Code.JudgeWrites} {
		t.Run("a judge that "+name, func(t *testing.T) {
			a := s.start(t, map[call.Hook]string{call.Validate(3): text})
			info, effects := a.info(1), &Effects{}
			_, err := a.runtime.Call(t.Context(), info, a.hooks, call.Validate(3), effects)
			var raised *call.FunctionError
			if !errors.As(err, &raised) || raised.Hook != call.Validate(3) {
				t.Fatalf("error = %v, want a FunctionError", err)
			}
			if text == s.Code.JudgeRaise && !strings.Contains(raised.Message, "no way") {
				t.Errorf("error = %+v", raised)
			}
			expect(t, effects.Lines(), nil)
			if n := info.Session.(*Session).Watchers(); n != 0 {
				t.Errorf("%d watch the session still", n)
			}
		})
	}

	t.Run("a judge may change the session", func(t *testing.T) {
		a := judging(t, s.Code.JudgeChange)
		info := a.info(1)
		expect(t, judge(t, a, info, call.Condition, true), []string{"session set=[k] delete=[]"})
		if got := info.Session.(*Session).String(); got != `k="v"` {
			t.Errorf("session = %s", got)
		}
	})

	t.Run("a judge that nobody waits for", func(t *testing.T) {
		a := judging(t, s.Code.JudgeStuck)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := a.runtime.Call(ctx, a.info(1), a.hooks, call.Condition, &Effects{})
			failed <- err
		}()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled", err)
		}
	})

	// With what a judge keeps, though the connection is the same.
	t.Run("nothing is left of a judge", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Condition: s.Code.JudgeKeeps, call.Open: s.Code.OpenKept})
		info := a.info(1)
		judge(t, a, info, call.Condition, true)
		if n := info.Session.(*Session).Watchers(); n != 0 {
			t.Errorf("%d watch the session still", n)
		}
		c := a.openAs(info)
		lines := c.wait(t, "a failure", func(lines []string) bool { return len(lines) > 0 })
		if !strings.HasPrefix(lines[0], "fail open: ") {
			t.Errorf("emitted %q; open sees what the judge kept", lines)
		}
		c.end(t)
	})

	if s.Expressions {
		runJudgingExpressions(t, s, judge)
	}
}

// runJudgingExpressions tests what is written into the YAML itself.
func runJudgingExpressions(t *testing.T, s Subject, judge func(*testing.T, *app, call.Info, call.Hook, bool) []string) {
	texts := map[string]bool{
		"True": true, "False": false, "None": false, "''": false, "'x'": true, "b''": false, "0": false, "0.0": false, "2": true, "-0.5": true,
		"[]": false, "[0]": true, "()": false, "(None,)": true, "{}": false, "{'a': None}": true, "handler": true,

		"handler.args":             true,
		"handler.get_arg('z', '')": false,
		"handler.path_args[0] == 'x' and not handler.path_args[1]": true,
		"handler.session.get('k')":                                 true,
		"handler.session.get('none')":                              false,
		"handler.current_user":                                     true,
		"handler.current_user.role == 'admin'":                     true,
		"handler.current_user['id'] in ['bob', 'eve']":             false,
		"'role' in handler.current_user":                           true,
		"'x' in handler.current_user":                              false,
		"handler.current_user.get('x', 'y') == 'y'":                true,
		"handler.current_user.deep.er[0] == 1":                     true,
		"sorted(handler.current_user) == ['deep', 'id', 'role']":   true,
		"handler.request.method == 'GET'":                          true,
		"handler.name == 'suite' and handler.kwargs.n == 1":        true,
	}
	f := endpoint("suite", nil)
	f.Kwargs = []byte(`{"n": 1}`)
	var ordered []string
	for text := range texts {
		f.Hooks[call.Validate(len(ordered))] = call.Pipeline{{Function: text, Where: "suite.yaml:1:1"}}
		ordered = append(ordered, text)
	}
	f.Hooks[call.Condition] = call.Pipeline{
		{Name: "words", Function: "handler.session.get('k').split()", Where: "suite.yaml:1:1"},
		{Function: "len(words) == 2", Where: "suite.yaml:2:1"},
	}
	a := s.startAll(t, f)[0]
	one := "x"
	info := a.info(1)
	info.PathArgs = []*string{&one, nil}
	signIn(info.Session, `{"id": "ann", "role": "admin", "deep": {"er": [1]}}`)
	info.Session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"k": json.RawMessage(`"a b"`)}}, nil)
	for i, text := range ordered {
		t.Run("whether it is true: "+text, func(t *testing.T) {
			expect(t, judge(t, a, info, call.Validate(i), texts[text]), nil)
		})
	}
	t.Run("whether it is true: a pipeline", func(t *testing.T) { judge(t, a, info, call.Condition, true) })
}
