package call_test

import (
	"errors"
	"strings"
	"testing"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

// one makes the functions of an endpoint from "hook text" lines, each on its
// own line of a.yaml; a hook that is named twice is a pipeline.
func one(runtime string, lines ...string) call.Functions {
	f := call.Functions{Endpoint: "x", Runtime: runtime, Hooks: map[call.Hook]call.Pipeline{}}
	for i, line := range lines {
		hook, text, _ := strings.Cut(line, " ")
		f.Hooks[call.Hook(hook)] = append(f.Hooks[call.Hook(hook)], call.Step{
			Function: text, Where: "a.yaml:" + string(rune('1'+i)) + ":7",
		})
	}
	return f
}

// An owner is a runtime with which functions of the modules chat and app.rooms
// are registered.
type owner struct{ calltest.Runtime }

func (*owner) Owns(module string) bool { return module == "chat" || module == "app.rooms" }

func chooser() *call.Chooser {
	return call.New(map[string]call.Runtime{call.Go: &owner{}, call.Python: &calltest.Runtime{}})
}

func TestTheTextChoosesTheRuntime(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    call.Functions
		want string
		hook call.Hook
		why  string
	}{
		{"a built-in's name", one("", "on_message parley.echo"), call.Go, call.OnMessage, "built-in"},
		{"a built-in's call", one("", `open parley.room("lobby")`), call.Go, call.Open, "built-in"},
		{"blanks around it", one("", "on_message  parley . echo "), call.Go, call.OnMessage, "built-in"},
		{"a module's function", one("", "open pingbot.open"), call.Python, call.Open, "module pingbot"},
		{"in a package", one("", "open app.bots.open"), call.Python, call.Open, "module app.bots"},
		{"a method of a variable", one("", "on_message message.upper"), call.Python, call.OnMessage, "expression"},
		{"an expression", one("", "on_message handler.write_message(message)"), call.Python, call.OnMessage, "expression"},
		{"a name that begins alike", one("", "open parleys.open"), call.Python, call.Open, "module parleys"},
		{"parley inside an expression", one("", "open x(parley.echo)"), call.Python, call.Open, "expression"},
		{"a pipeline", one("", "open a.b", "open c.d"), call.Python, call.Open, "pipeline of 2"},
		{"a Go function", one("", "open chat.open"), call.Go, call.Open, "Go function"},
		{"in a package of Go's", one("", "open  app.rooms.open "), call.Go, call.Open, "Go function"},
		{"a name that Go may not have", one("", "open chat.opne"), call.Go, call.Open, "Go function"},
		{"a call of a Go function", one("", "open chat.open (handler)"), call.Go, call.Open, "Go function"},
		{"a Go function and a built-in", one("", "open chat.open", "on_message parley.echo"), call.Go, call.OnMessage, "built-in"},
		{"a package around Go's", one("", "open app.open"), call.Python, call.Open, "module app"},
		{"a package inside Go's", one("", "open chat.rooms.open"), call.Python, call.Open, "module chat.rooms"},
		{"a Go function inside an expression", one("", "open x(chat.open)"), call.Python, call.Open, "expression"},
		{"Go functions and go wished for", one("go", "open chat.open"), call.Go, call.Open, "Go function"},
		{"no function at all", one(""), call.Go, "", ""},
		{"none, and python wished for", one("python"), call.Python, "", ""},
		{"built-ins and go wished for", one("go", "open parley.echo"), call.Go, call.Open, "built-in"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := chooser().Compile(tc.f)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name != tc.want {
				t.Errorf("runtime = %s, want %s", p.Name, tc.want)
			}
			if p.Runtime == nil || p.Hooks == nil {
				t.Error("the program has no runtime or no hooks")
			}
			if got := p.Why[tc.hook]; got != tc.why {
				t.Errorf("why %s = %q, want %q", tc.hook, got, tc.why)
			}
			if got, want := p.Has(tc.hook), tc.why != ""; got != want {
				t.Errorf("Has(%s) = %t, want %t", tc.hook, got, want)
			}
			if p.Has(call.SelectSubprotocol) {
				t.Error("the program has a hook that was not configured")
			}
		})
	}
}

func TestWhatDoesNotFitIsToldWithItsPlace(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    call.Functions
		want []string
	}{
		{"built-ins among others", one("", "open pingbot.open", "on_message parley.echo", `on_close parley.room("a")`), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: parley.echo is a built-in and runs in Go, but pingbot.open (a.yaml:1:7) runs in Python: all functions of one endpoint run in one runtime",
			`a.yaml:3:7: url.x.kwargs.on_close: parley.room("a") is a built-in and runs in Go, but pingbot.open (a.yaml:1:7) runs in Python: all functions of one endpoint run in one runtime`,
		}},
		{"not for go", one("go", "open pingbot.open", "on_message parley.echo", "on_close pingbot.close"), []string{
			"a.yaml:1:7: url.x.kwargs.open: pingbot.open cannot run with runtime: go, where only built-ins (parley.*) and Go functions do",
			"a.yaml:3:7: url.x.kwargs.on_close: pingbot.close cannot run with runtime: go, where only built-ins (parley.*) and Go functions do",
		}},
		{"not for python", one("python", "open pingbot.open", "on_message parley.echo"), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: parley.echo is a built-in and cannot run with runtime: python",
		}},
		{"Go functions among others", one("", "open chat.open", "on_message pingbot.hear"), []string{
			"a.yaml:1:7: url.x.kwargs.open: chat.open is a Go function and runs in Go, but pingbot.hear (a.yaml:2:7) runs in Python: all functions of one endpoint run in one runtime",
		}},
		{"Go functions, not for python", one("python", "open chat.open", "on_message pingbot.hear"), []string{
			"a.yaml:1:7: url.x.kwargs.open: chat.open is a Go function and cannot run with runtime: python",
		}},
		{"starlark", one("starlark", "on_message f(message)", "open g"), []string{
			"a.yaml:1:7: url.x.kwargs.on_message: runtime: starlark is not supported yet; use python or go",
		}},
		{"a runtime nobody knows", one("ruby", "open g"), []string{
			"a.yaml:1:7: url.x.kwargs.open: runtime: ruby is unknown; use python or go",
		}},
		{"a wrong runtime of no function", one("ruby"), []string{"url.x: runtime: ruby is unknown; use python or go"}},
		{"empty", one("", "open ", "on_message  "), []string{
			"a.yaml:1:7: url.x.kwargs.open: empty function",
			"a.yaml:2:7: url.x.kwargs.on_message: empty function",
		}},
		{"a long text is cut", one("go", "open f(1,   2)+"+strings.Repeat("é", 100)), []string{
			"a.yaml:1:7: url.x.kwargs.open: f(1, 2)+" + strings.Repeat("é", 31) + "… cannot run with runtime: go, where only built-ins (parley.*) and Go functions do",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := chooser().Compile(tc.f)
			var problems call.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error = %v, want Problems", err)
			}
			if got, want := err.Error(), strings.Join(tc.want, "\n"); got != want {
				t.Errorf("problems:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// A refuser is a runtime that compiles nothing.
type refuser struct {
	calltest.Runtime
	err error
}

func (r *refuser) Compile(call.Functions) (call.Hooks, error) { return nil, r.err }

func TestAVariableIsNoModuleOfGo(t *testing.T) {
	c := call.New(map[string]call.Runtime{call.Go: &greedy{}, call.Python: &calltest.Runtime{}})
	for hook, want := range map[call.Hook]string{call.OnMessage: call.Python, call.OnPong: call.Go} {
		p, err := c.Compile(one("", string(hook)+" message.upper"))
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != want {
			t.Errorf("message.upper in %s runs in %s, want %s", hook, p.Name, want)
		}
	}
}

// A greedy runtime owns every module.
type greedy struct{ calltest.Runtime }

func (*greedy) Owns(string) bool { return true }

func TestTheRuntimesOwnProblemsAreProblems(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("a.yaml:1:7: no"), "a.yaml:1:7: no"},
		{"by numbers, not by letters", call.Problems{
			{Where: "a.yaml:10:2", Endpoint: "x", Hook: call.OnClose, Text: "second"},
			{Where: "a.yaml:9:19", Endpoint: "x", Hook: call.Open, Text: "first"},
		}, "a.yaml:9:19: url.x.kwargs.open: first\na.yaml:10:2: url.x.kwargs.on_close: second"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := call.New(map[string]call.Runtime{call.Python: &refuser{err: tc.err}})
			_, err := c.Compile(one("", "open a.b"))
			var problems call.Problems
			if !errors.As(err, &problems) || err.Error() != tc.want {
				t.Errorf("error = %v, want Problems %q", err, tc.want)
			}
		})
	}
}

func TestARuntimeThatIsNotThere(t *testing.T) {
	_, err := call.New(nil).Compile(one("", "open a.b"))
	want := "a.yaml:1:7: url.x.kwargs.open: nothing here runs python functions"
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %q", err, want)
	}
}
