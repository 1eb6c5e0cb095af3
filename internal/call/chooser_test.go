package call_test

import (
	"errors"
	"fmt"
	"slices"
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

// An owner is a runtime to which modules belong.
type owner struct {
	calltest.Runtime
	modules map[string]string
}

func (o *owner) Owns(module string) string { return o.modules[module] }

// A judge is an owner whose expressions hold no "!", and undefined names begin
// with "un".
type judge struct{ owner }

func (j *judge) Judge(names []string, step call.Step) (modules []string, err error) {
	if at := strings.IndexByte(step.Function, '!'); at >= 0 {
		return nil, fmt.Errorf("column %d: not Starlark", at+1)
	}
	for _, word := range strings.FieldsFunc(step.Function, func(c rune) bool { return strings.ContainsRune("().,+ ", c) }) {
		switch {
		case j.Owns(word) != "":
			modules = append(modules, word)
		case strings.HasPrefix(word, "un") && !slices.Contains(names, word):
			return nil, &call.UndefinedError{Name: word, Where: "column 1"}
		case strings.HasSuffix(word, "lib"):
			return nil, &call.UndefinedError{Name: word, Where: "column 1"}
		}
	}
	return modules, nil
}

// chooser knows the modules chat and app.rooms in Go, star and both in
// Starlark, and py, both and app in Python.
func chooser() *call.Chooser {
	return call.New(map[string]call.Runtime{
		call.Go:       &owner{modules: map[string]string{"chat": "Go functions", "app.rooms": "Go functions"}},
		call.Starlark: &judge{owner{modules: map[string]string{"star": "star.star", "both": "both.star"}}},
		call.Python:   &owner{modules: map[string]string{"py": "py.py", "both": "both.py", "app": "app/__init__.py", "unpy": "unpy.py"}},
	})
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
		{"a Python module's function", one("", "open py.open"), call.Python, call.Open, "module py.py"},
		{"a class in it", one("", "open py.Bot.open"), call.Python, call.Open, "module py.py"},
		{"a package of Python's", one("", "open app.open"), call.Python, call.Open, "module app/__init__.py"},
		{"a Starlark module's function", one("", "open star.open"), call.Starlark, call.Open, "module star.star"},
		{"its call", one("", "open star.open(handler)"), call.Starlark, call.Open, "expression"},
		{"it, inside an expression", one("", "open handler.write(star.text())"), call.Starlark, call.Open, "expression"},
		{"a library's function", one("", "open somelib.open"), call.Python, call.Open, "module somelib"},
		{"a name that begins alike", one("", "open parleys.open"), call.Starlark, call.Open, "expression"},
		{"a method of a variable", one("", "on_message message.upper"), call.Starlark, call.OnMessage, "expression"},
		{"an expression", one("", "on_message handler.write_message(message)"), call.Starlark, call.OnMessage, "expression"},
		{"no Starlark", one("", "on_message f!x"), call.Python, call.OnMessage, "expression (not Starlark: column 2: not Starlark)"},
		{"a name that is nothing", one("", "on_message unheard(message)"), call.Python, call.OnMessage, "expression (not Starlark: column 1: undefined: unheard)"},
		{"a Python module inside", one("", "on_message unpy.x(message) + 1"), call.Python, call.OnMessage, "expression (not Starlark: it uses module unpy.py)"},
		{"a pipeline", one("", "open a(handler)", "open c(handler)"), call.Starlark, call.Open, "pipeline of 2"},
		{"expressions with a module of Starlark's", one("", "open star.open", "on_message f(message)"), call.Starlark, call.OnMessage, "expression"},
		{"expressions with a module of Python's", one("", "open py.open", "on_message f(message)"), call.Python, call.OnMessage, "expression (in a Python app: py.open, a.yaml:1:7)"},
		{"a Go function", one("", "open chat.open"), call.Go, call.Open, "Go function"},
		{"in a package of Go's", one("", "open  app.rooms.open "), call.Go, call.Open, "Go function"},
		{"a name that Go may not have", one("", "open chat.opne"), call.Go, call.Open, "Go function"},
		{"a call of a Go function", one("", "open chat.open (handler)"), call.Go, call.Open, "Go function"},
		{"a Go function and a built-in", one("", "open chat.open", "on_message parley.echo"), call.Go, call.OnMessage, "built-in"},
		{"Go functions and go wished for", one("go", "open chat.open"), call.Go, call.Open, "Go function"},
		{"no function at all", one(""), call.Go, "", ""},
		{"none, and python wished for", one("python"), call.Python, "", ""},
		{"built-ins and go wished for", one("go", "open parley.echo"), call.Go, call.Open, "built-in"},
		{"python wished for", one("python", "open f(handler)"), call.Python, call.Open, "expression"},
		{"starlark wished for", one("starlark", "open f(handler)"), call.Starlark, call.Open, "expression"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			programs, err := chooser().Compile([]call.Functions{tc.f})
			if err != nil {
				t.Fatal(err)
			}
			p := programs[0]
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

// One endpoint's text decides for the expressions of the others.
func TestAPythonApp(t *testing.T) {
	expression := one("", "on_message f(message)")
	for _, tc := range []struct {
		name  string
		other call.Functions
		want  string
	}{
		{"no other", one(""), call.Starlark},
		{"built-ins", one("", "on_message parley.echo"), call.Starlark},
		{"a module of Starlark's", one("", "open star.open"), call.Starlark},
		{"a module of Python's", one("", "open py.open"), call.Python},
		{"a library", one("", "open somelib.open"), call.Python},
		{"no Starlark", one("", "open f!"), call.Python},
		{"python wished for", one("python", "open py.open"), call.Python},
		{"python wished for, without need", one("python", "open f(handler)"), call.Starlark},
	} {
		t.Run(tc.name, func(t *testing.T) {
			programs, err := chooser().Compile([]call.Functions{expression, tc.other})
			if err != nil {
				t.Fatal(err)
			}
			if programs[0].Name != tc.want {
				t.Errorf("the expression runs in %s, want %s", programs[0].Name, tc.want)
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
		{"built-ins among others", one("", "open py.open", "on_message parley.echo", `on_close parley.room("a")`), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: parley.echo is a built-in and runs in Go, but py.open (a.yaml:1:7) runs in Python: all functions of one endpoint run in one runtime",
			`a.yaml:3:7: url.x.kwargs.on_close: parley.room("a") is a built-in and runs in Go, but py.open (a.yaml:1:7) runs in Python: all functions of one endpoint run in one runtime`,
		}},
		{"expressions among built-ins", one("", "open parley.echo", "on_message f(message)"), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: f(message) is an expression, and in Go only built-ins (parley.*) and Go functions run, but parley.echo (a.yaml:1:7) runs in Go: all functions of one endpoint run in one runtime",
		}},
		{"Python among Starlark", one("", "open star.open", "on_message py.hear"), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: py.hear is in py.py and runs in Python, but star.open (a.yaml:1:7) runs in Starlark: all functions of one endpoint run in one runtime",
		}},
		{"a library among Starlark", one("", "open star.open", "on_message somelib.hear"), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: somelib.hear is in module somelib, of which the app has no file, and so runs in Python, but star.open (a.yaml:1:7) runs in Starlark: all functions of one endpoint run in one runtime",
		}},
		{"no Starlark among Starlark", one("", "open star.open", "on_message f!x"), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: f!x is not Starlark (column 2: not Starlark), but star.open (a.yaml:1:7) runs in Starlark: all functions of one endpoint run in one runtime",
		}},
		{"not for go", one("go", "open py.open", "on_message parley.echo", "on_close f(handler)"), []string{
			"a.yaml:1:7: url.x.kwargs.open: py.open is in py.py and runs in Python; this endpoint has runtime: go",
			"a.yaml:3:7: url.x.kwargs.on_close: f(handler) is an expression, and in Go only built-ins (parley.*) and Go functions run; this endpoint has runtime: go",
		}},
		{"not for python", one("python", "open py.open", "on_message parley.echo", "on_close star.close"), []string{
			"a.yaml:2:7: url.x.kwargs.on_message: parley.echo is a built-in and runs in Go; this endpoint has runtime: python",
			"a.yaml:3:7: url.x.kwargs.on_close: star.close is in star.star and runs in Starlark; this endpoint has runtime: python",
		}},
		{"not for starlark", one("starlark", "open py.open", "on_message f!x", "on_close chat.close"), []string{
			"a.yaml:1:7: url.x.kwargs.open: py.open is in py.py and runs in Python; this endpoint has runtime: starlark",
			"a.yaml:2:7: url.x.kwargs.on_message: f!x is not Starlark (column 2: not Starlark); this endpoint has runtime: starlark",
			"a.yaml:3:7: url.x.kwargs.on_close: chat.close is a Go function and runs in Go; this endpoint has runtime: starlark",
		}},
		{"Go functions among others", one("", "open chat.open", "on_message py.hear"), []string{
			"a.yaml:1:7: url.x.kwargs.open: chat.open is a Go function and runs in Go, but py.hear (a.yaml:2:7) runs in Python: all functions of one endpoint run in one runtime",
		}},
		{"a module that is there twice", one("", "open both.open"), []string{
			"a.yaml:1:7: url.x.kwargs.open: module both is there twice, as both.star (Starlark) and as both.py (Python): rename one of them",
		}},
		{"a runtime nobody knows", one("ruby", "open g"), []string{
			"a.yaml:1:7: url.x.kwargs.open: runtime: ruby is unknown; use python, starlark or go",
		}},
		{"a wrong runtime of no function", one("ruby"), []string{"url.x: runtime: ruby is unknown; use python, starlark or go"}},
		{"empty", one("", "open ", "on_message  "), []string{
			"a.yaml:1:7: url.x.kwargs.open: empty function",
			"a.yaml:2:7: url.x.kwargs.on_message: empty function",
		}},
		{"a long text is cut", one("go", "open f(1,   2)+"+strings.Repeat("é", 100)), []string{
			"a.yaml:1:7: url.x.kwargs.open: f(1, 2)+" + strings.Repeat("é", 31) + "… is an expression, and in Go only built-ins (parley.*) and Go functions run; this endpoint has runtime: go",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := chooser().Compile([]call.Functions{tc.f})
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

// The functions of an endpoint that judge are Functions of their own, of the
// same name: each part runs where its own texts say.
func TestWhatJudgesIsPlacedForItself(t *testing.T) {
	judges := string(call.Condition)
	for _, tc := range []struct {
		name       string
		main, part call.Functions
		want       string // of the part, where the main one is in Go
		why        string
	}{
		{"an expression beside a built-in", one("", "on_message parley.echo"), one("", judges+" handler.current_user"), call.Starlark, "expression"},
		{"a Python module beside a Go function", one("", "open chat.open"), one("", judges+" py.may"), call.Python, "module py.py"},
		{"a Go function", one("", "open chat.open"), one("", judges+" chat.may"), call.Go, "Go function"},
		{"no Starlark", one("", "on_message parley.echo"), one("", judges+" f!"), call.Python, "expression (not Starlark: column 2: not Starlark)"},
		{"no other function", one(""), one("", judges+" handler.current_user"), call.Starlark, "expression"},
		{"a pipeline", one("", "on_message parley.echo"), one("", judges+" a(handler)", judges+" b(handler)"), call.Starlark, "pipeline of 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			programs, err := chooser().Compile([]call.Functions{tc.main, tc.part})
			if err != nil {
				t.Fatal(err)
			}
			main, part := programs[0], programs[1]
			if main.Name != call.Go || part.Name != tc.want || part.Why[call.Condition] != tc.why {
				t.Errorf("they run in %s and %s (%s), want %s and %s (%s)",
					main.Name, part.Name, part.Why[call.Condition], call.Go, tc.want, tc.why)
			}
			if main.Has(call.Condition) || !part.Has(call.Condition) || part.Has(call.OnMessage) {
				t.Errorf("the programs have %v and %v", main.Why, part.Why)
			}
		})
	}
}

// What judges is like other functions in the rest: it can make the app a Python
// app, and a problem of it has its place.
func TestWhatJudgesIsOfTheApp(t *testing.T) {
	expression := one("", "on_message f(message)")
	programs, err := chooser().Compile([]call.Functions{one("", "on_message parley.echo"), one("", "validate.1 py.may"), expression})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := programs[2].Why[call.OnMessage], "expression (in a Python app: py.may, a.yaml:1:7)"; got != want {
		t.Errorf("why = %q, want %q", got, want)
	}
	main := one("", "open py.open", "on_message parley.echo")
	part := call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{
		call.Condition:   {{Function: " ", Where: "a.yaml:5:9"}},
		call.Validate(1): {{Function: "both.may", Where: "a.yaml:4:9"}},
	}}
	_, err = chooser().Compile([]call.Functions{part, main})
	want := strings.Join([]string{
		"a.yaml:2:7: url.x.kwargs.on_message: parley.echo is a built-in and runs in Go, but py.open (a.yaml:1:7) runs in Python: all functions of one endpoint run in one runtime",
		"a.yaml:4:9: url.x.kwargs.validate.1: module both is there twice, as both.star (Starlark) and as both.py (Python): rename one of them",
		"a.yaml:5:9: url.x.kwargs.auth.condition: empty function",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("problems:\n%v\nwant:\n%s", err, want)
	}
}

// A refuser is a runtime that compiles nothing.
type refuser struct {
	calltest.Runtime
	err error
}

func (r *refuser) Compile(call.Functions) (call.Hooks, error) { return nil, r.err }

func TestAVariableIsNoModule(t *testing.T) {
	c := call.New(map[string]call.Runtime{
		call.Go: &owner{modules: map[string]string{"message": "Go functions"}}, call.Python: &calltest.Runtime{},
	})
	for hook, want := range map[call.Hook]string{call.OnMessage: call.Python, call.OnPong: call.Go} {
		programs, err := c.Compile([]call.Functions{one("", string(hook)+" message.upper")})
		if err != nil {
			t.Fatal(err)
		}
		if programs[0].Name != want {
			t.Errorf("message.upper in %s runs in %s, want %s", hook, programs[0].Name, want)
		}
	}
	named := one("", "on_message f(message)", "on_message x.upper")
	named.Hooks[call.OnMessage][0].Name = "x"
	c = call.New(map[string]call.Runtime{
		call.Go: &owner{modules: map[string]string{"x": "Go functions"}}, call.Python: &calltest.Runtime{},
	})
	if programs, err := c.Compile([]call.Functions{named}); err != nil || programs[0].Name != call.Python {
		t.Errorf("a named step's value is taken for a module: %v", err)
	}
}

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
			_, err := c.Compile([]call.Functions{one("", "open a.b")})
			var problems call.Problems
			if !errors.As(err, &problems) || err.Error() != tc.want {
				t.Errorf("error = %v, want Problems %q", err, tc.want)
			}
		})
	}
}

func TestARuntimeThatIsNotThere(t *testing.T) {
	_, err := call.New(nil).Compile([]call.Functions{one("", "open a.b")})
	want := "a.yaml:1:7: url.x.kwargs.open: nothing here runs python functions"
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %q", err, want)
	}
}
