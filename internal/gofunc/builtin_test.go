package gofunc_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/gofunc"
)

func functions(hooks map[call.Hook]string) call.Functions {
	f := call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{}}
	for hook, text := range hooks {
		f.Hooks[hook] = call.Pipeline{{Function: text, Where: "a.yaml:1:7"}}
	}
	return f
}

// start brings up a runtime until the end of the test.
func start(t testing.TB, opt gofunc.Options) *gofunc.Runtime {
	t.Helper()
	r, err := gofunc.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return r
}

func compile(t testing.TB, r *gofunc.Runtime, f call.Functions) call.Hooks {
	t.Helper()
	h, err := r.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// builtins is a runtime that nobody runs: built-ins don't need it.
func builtins(t testing.TB) *gofunc.Runtime {
	t.Helper()
	r, err := gofunc.New(gofunc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatBuiltInsDo(t *testing.T) {
	for _, tc := range []struct {
		name  string
		hooks map[call.Hook]string
		want  []string
	}{
		{"echo", map[call.Hook]string{call.OnMessage: "parley.echo"}, []string{
			`write text "hi"`, `write binary "\xff"`, "ended",
		}},
		{"echo, called", map[call.Hook]string{call.OnMessage: " parley.echo( ) "}, []string{
			`write text "hi"`, `write binary "\xff"`, "ended",
		}},
		{"room", map[call.Hook]string{
			call.Open: `parley.room("lobby")`, call.OnMessage: `parley.room('lobby')`, call.OnClose: `parley.room("lobby",)`,
		}, []string{
			`subscribe "lobby"`, `publish "lobby" text "hi"`, `publish "lobby" binary "\xff"`,
			`unsubscribe "lobby"`, "ended",
		}},
		{"a room's odd name", map[call.Hook]string{call.Open: `parley.room('it\'s "ünder" \\ )')`}, []string{
			`subscribe "it's \"ünder\" \\ )"`, "ended",
		}},
		{"nothing", nil, []string{"ended"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := builtins(t)
			h := compile(t, r, functions(tc.hooks))
			effects := &calltest.Effects{}
			s := r.Open(call.Info{Conn: 1}, h, effects)
			s.Message(parley.Text, []byte("hi"))
			s.Message(parley.Binary, []byte{0xff})
			s.Pong([]byte("x"))
			s.Close(parley.CloseNormal, "")
			if got := effects.Lines(); !slices.Equal(got, tc.want) {
				t.Errorf("effects = %q\nwant      %q", got, tc.want)
			}
		})
	}
}

func TestAPipelineOfBuiltInsRunsInOrder(t *testing.T) {
	r := builtins(t)
	h := compile(t, r, call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{
		call.Open: {{Function: `parley.room("a")`}, {Function: `parley.room("b")`}},
	}})
	effects := &calltest.Effects{}
	r.Open(call.Info{Conn: 1}, h, effects)
	if got, want := effects.Lines(), []string{`subscribe "a"`, `subscribe "b"`}; !slices.Equal(got, want) {
		t.Errorf("effects = %q, want %q", got, want)
	}
}

func TestWhatIsNoBuiltInIsToldWithItsPlace(t *testing.T) {
	const at = "a.yaml:1:7: url.x.kwargs."
	for _, tc := range []struct {
		hook call.Hook
		text string
		want string
	}{
		{call.OnMessage, "parley.ecko", "on_message: parley.ecko is no built-in (did you mean parley.echo?)"},
		{call.OnMessage, "parley.broadcast", "on_message: parley.broadcast is no built-in; there are parley.echo, parley.room"},
		{call.OnMessage, "parley.", `on_message: "parley." is no built-in: it should read parley.name or parley.name(…)`},
		{call.OnMessage, "chat.open", `on_message: "chat.open" is neither a built-in, as parley.name or parley.name(…), nor a registered Go function`},
		{call.Open, "parley.echo", "open: parley.echo does not work here, only in on_message"},
		{call.OnPong, `parley.room("a")`, "on_pong: parley.room does not work here, only in open, on_message, on_close"},
		{call.Function, "parley.echo", "function: parley.echo does not work here, only in on_message"},
		{call.SelectSubprotocol, "parley.echo", "select_subprotocol: parley.echo does not work here, only in on_message"},
		{call.OnMessage, `parley.echo("x")`, "on_message: parley.echo takes no argument"},
		{call.Open, "parley.room", `open: parley.room needs a name: parley.room("lobby")`},
		{call.Open, "parley.room()", `open: parley.room needs a name: parley.room("lobby")`},
		{call.Open, `parley.room("")`, `open: parley.room needs a name: parley.room("lobby")`},
		{call.Open, "parley.room(\"\x00a\")", "open: parley.room: a channel's name cannot begin with a NUL character: such names are Parley's own"},
		{call.Open, "parley.room(lobby)", "open: column 13: the argument of parley.room must be one text in quotes"},
		{call.Open, "parley.room(1)", "open: column 13: the argument of parley.room must be one text in quotes"},
		{call.Open, "parley.room(f'x')", "open: column 13: the argument of parley.room must be one text in quotes"},
		{call.Open, "parley.room(", "open: column 13: the argument of parley.room must be one text in quotes"},
		{call.Open, `parley.room("lobby`, "open: column 13: the argument of parley.room has no closing quote"},
		{call.Open, `parley.room("a\n")`, `open: column 13: the argument of parley.room may only escape quotes and \`},
		{call.Open, "parley.room('a\nb')", "open: column 13: the argument of parley.room must stand on one line"},
		{call.Open, `parley.room("é", "b")`, "open: column 13: the argument of parley.room must be one text in quotes"},
		{call.Open, `parley.room("a" + "b")`, "open: column 13: the argument of parley.room must be one text in quotes"},
		{call.Open, `parley.room("a").x`, "open: column 16: parley.room takes one text in quotes and nothing after it"},
		{call.OnMessage, "parley.echo + 1", "on_message: column 13: nothing may follow parley.echo but its argument in brackets"},
		{call.OnMessage, "parley.echo.x", "on_message: column 12: nothing may follow parley.echo but its argument in brackets"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			_, err := builtins(t).Compile(functions(map[call.Hook]string{tc.hook: tc.text}))
			var problems call.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error = %v, want call.Problems", err)
			}
			if got := err.Error(); got != at+tc.want {
				t.Errorf("problem:\n%s\nwant:\n%s", got, at+tc.want)
			}
		})
	}
}

func TestArgsBesideTheCallAreRefused(t *testing.T) {
	for _, step := range []call.Step{
		{Function: "parley.room", Args: []byte(`["lobby"]`), Where: "a.yaml:1:7"},
		{Function: "parley.room", Kwargs: []byte(`{}`), Where: "a.yaml:1:7"},
	} {
		_, err := builtins(t).Compile(call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{call.Open: {step}}})
		want := "a.yaml:1:7: url.x.kwargs.open: parley.room takes no args: or kwargs:; write arguments in the call"
		if err == nil || err.Error() != want {
			t.Errorf("error = %v, want %q", err, want)
		}
	}
}

func TestNoBuiltInAnswersACall(t *testing.T) {
	r := builtins(t)
	h := compile(t, r, functions(nil))
	if _, err := r.Call(context.Background(), call.Info{Endpoint: "x"}, h, call.Function, &calltest.Effects{}); err == nil {
		t.Error("Call answered")
	}
}
