package star_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/star"
)

// functions are the functions of an endpoint, by hook, each on a line of its
// own of gramex.yaml.
func functions(hooks map[call.Hook]string) call.Functions {
	f := call.Functions{Endpoint: "x", Kwargs: json.RawMessage(`{"limit": 3, "deep": {"er": [1, {"est": 2}]}}`), Hooks: map[call.Hook]call.Pipeline{}}
	for hook, text := range hooks {
		f.Hooks[hook] = call.Pipeline{{Function: text, Where: "gramex.yaml:7:20"}}
	}
	return f
}

func info(id parley.ConnID) call.Info {
	r := httptest.NewRequest("GET", "http://app.example/x/ann?a=1&a=2&b=+y+", nil)
	r.Header.Set("Cookie", "theme=dark; sid=1")
	r.Header.Set("X-Test", "yes")
	ann := "ann"
	return call.Info{
		Conn: id, Endpoint: "x", Request: r, Session: &calltest.Session{Name: "s1"},
		PathKwargs: map[string]*string{"name": &ann, "none": nil},
	}
}

// value evaluates an expression as the function of a page.
func value(t *testing.T, dir, text string) (call.Value, error) {
	t.Helper()
	r, hooks := start(t, star.Options{Dirs: []string{dir}}, functions(map[call.Hook]string{call.Function: text}))
	return r.Call(t.Context(), info(1), hooks[0], call.Function, &calltest.Effects{})
}

func TestWhatFunctionsSee(t *testing.T) {
	dir := app(t, map[string]string{"m.star": "def f(x = 1):\n    return x\nxs = [1, 2]\n"})
	for _, tc := range []struct{ text, want string }{
		{"handler.id", "1"},
		{"handler.name", "x"},
		{"handler.kwargs.limit + handler.kwargs['limit']", "6"},
		{"handler.kwargs.deep.er[1].est", "2"},
		{"handler.conf.kwargs.limit", "3"},
		{"handler.current_user", ""},
		{"handler.args", `{"a": ["1", "2"], "b": [" y "]}`},
		{"handler.get_arg('a')", "2"},
		{"handler.get_arg('a', first=True)", "1"},
		{"handler.get_arg('c', 'none')", "none"},
		{"handler.get_argument('b')", "y"},
		{"handler.get_arguments('a')", `["1", "2"]`},
		{"handler.path_kwargs", `{"name": "ann", "none": null}`},
		{"handler.path_args", `[]`},
		{"handler.get_cookie('theme')", "dark"},
		{"handler.get_cookie('no', 'x')", "x"},
		{"handler.request.method", "GET"},
		{"handler.request.path", "/x/ann"},
		{"handler.request.query", "a=1&a=2&b=+y+"},
		{"handler.request.headers['x-test']", "yes"},
		{"handler.request.headers.get('X-Nothing', 'none')", "none"},
		{"'X-TEST' in handler.request.headers", "true"},
		{"handler.request.host", "app.example"},
		{"handler.request.full_url()", "http://app.example/x/ann?a=1&a=2&b=+y+"},
		{"handler.request.arguments['a'][0] == b'1'", "true"},
		{"handler.session['id']", "s1"},
		{"handler.session.get('nothing')", ""},
		{"handler.state", "{}"},
		{"m.f(2)", "2"},
		{"m.xs", "[1, 2]"},
		{"json.dumps({'b': 1.0, 'a': [True, None, 'é\"']})", `{"b": 1.0, "a": [true, null, "\u00e9\""]}`},
		{"json.dumps({1: 1e16, None: 1e-5, True: 'x'})", `{"1": 1e+16, "null": 1e-05, "true": "x"}`},
		{"json.dumps({'b': 1, 'a': {}}, sort_keys=True, separators=(',', ':'))", `{"a":{},"b":1}`},
		{"json.dumps(['é', []], indent=1, ensure_ascii=False)", "[\n \"é\",\n []\n]"},
		{"json.loads('{\"a\": [1, 2.0, \"x\"]}')['a'][1]", "2.0"},
		{"math.floor(2.5)", "2"},
		{"type(time.time())", "float"},
		{"random.randint(3, 3)", "3"},
		{"random.choice('a')", "a"},
		{"app.state.get('n', 7)", "7"},
		{"app.state.incr('n') + app.state.incr('n', 2)", "4"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			v, err := value(t, dir, tc.text)
			if err != nil || string(v.Data) != tc.want {
				t.Errorf("%s %q, %v, want %q", tc.text, v.Data, err, tc.want)
			}
		})
	}
}

// What is wrong with a text is told when it is compiled, and where in it.
func TestWhatIsNotStarlark(t *testing.T) {
	r := star.New(star.Options{Dirs: []string{app(t, map[string]string{"m.star": ""})}})
	for _, tc := range []struct{ text, want string }{
		{`handler.write_message(f"{message}!")`, "column 23: an f-string is not Starlark"},
		{"unknown(message)", "column 1: undefined: unknown"},
		{"message.x +", "column 12: not Starlark: got end of file, want primary expression"},
		{"json.JSONEncoder()", "column 6: json has no JSONEncoder in Starlark"},
		{"json.dumps(message, cls=str)", "column 21: json.dumps takes no cls in Starlark"},
		{"str.upper(message)", "column 5: str has no upper in Starlark"},
		{"[message for message in\n messages]", "line 2, column 2: undefined: messages"},
		{"print(messag)", "column 7: undefined: messag"},
		{"pd.read_csv", "column 1: undefined: pd"},
	} {
		_, err := r.Judge([]string{"handler", "message"}, call.Step{Function: tc.text, Where: "gramex.yaml:3:9"})
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.text, err, tc.want)
		}
	}
	for text, modules := range map[string]string{
		"(lambda json: json.x)(message)":        "[]",
		"m.f":                                   "[m]",
		"handler.write_message(m.f(message))":   "[m]",
		"[x.upper() for x in message.split(m)]": "[m]",
		"json.dumps":                            "[]",
		"message.upper()":                       "[]",
	} {
		used, err := r.Judge([]string{"handler", "message"}, call.Step{Function: text})
		if err != nil || fmt.Sprint(used) != modules {
			t.Errorf("%s: %v, %v, want %s", text, used, err, modules)
		}
	}
}

// run opens a connection, sends texts and closes, and returns what came of it.
func run(t *testing.T, opt star.Options, hooks map[call.Hook]string, texts ...string) []string {
	t.Helper()
	r, compiled := start(t, opt, functions(hooks))
	effects := &calltest.Effects{}
	about := info(1)
	effects.Session = about.Session
	s := r.Open(about, compiled[0], effects)
	for _, text := range texts {
		s.Message(parley.Text, []byte(text))
	}
	s.Close(parley.CloseNormal, "")
	return ended(t, effects)
}

// ended waits for a stream's end.
func ended(t *testing.T, effects *calltest.Effects) []string {
	t.Helper()
	return wait(t, effects, func(lines []string) bool { return slices.Contains(lines, "ended") })
}

func wait(t *testing.T, effects *calltest.Effects, ok func([]string) bool) []string {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		changed := effects.Changed()
		lines := effects.Lines()
		if ok(lines) {
			return lines
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("emitted only %q", lines)
		}
	}
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("emitted\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestPipeline(t *testing.T) {
	f := functions(nil)
	f.Hooks[call.OnMessage] = call.Pipeline{
		{Name: "words", Function: "message.split()", Where: "gramex.yaml:7:20"},
		{Name: "longest", Function: "max(words, key=len)", Where: "gramex.yaml:8:20"},
		{Function: "m.say", Where: "gramex.yaml:9:20", Args: json.RawMessage(`["=handler", "=longest.upper()", "==x", 2]`), Kwargs: json.RawMessage(`{"end": "!"}`)},
	}
	dir := app(t, map[string]string{"m.star": `
def say(handler, text, literal, n, end):
    handler.write_message(text * n + literal + end)
`})
	r, hooks := start(t, star.Options{Dirs: []string{dir}}, f)
	effects := &calltest.Effects{}
	s := r.Open(info(1), hooks[0], effects)
	s.Message(parley.Text, []byte("a longer word"))
	s.Close(parley.CloseNormal, "")
	equal(t, ended(t, effects), []string{`write text "LONGERLONGER=x!"`, "done 13", "ended"})
}

func TestWriteMessage(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`handler.write_message({"a": "</b>"})`, `write text "{\"a\": \"<\\/b>\"}"`},
		{`handler.write_message(b"hi")`, `write text "hi"`},
		{`handler.write_message(b"\xff", binary=True)`, `write binary "\xff"`},
		{`handler.write_message("x", True)`, `write binary "x"`},
		{`handler.write_message(b"\xff")`, `fail on_message: write_message: these bytes are no UTF-8 text; use binary=True`},
		{`handler.write_message("é"[:1])`, `fail on_message: write_message: "\xc3" is not UTF-8 and cannot be sent as text`},
		{`handler.write_message(1)`, `fail on_message: write_message: message must be str, bytes or dict, not int`},
		{`[handler.close(), handler.write_message("x")]`, `close 0 ""`},
		{`handler.close(1)`, `fail on_message: close: 1 is no close code: use 1000 or 3000 to 4999`},
		{`handler.close(4000, "x" * 124)`, `fail on_message: close: the reason has 124 octets; at most 123 can be sent`},
		{`handler.ping("x" * 126)`, `fail on_message: ping: 126 octets are too many: at most 125 can be sent`},
		{`handler.set_header("a", "b")`, `fail on_message: set_header: a WebSocket has no HTTP response to change`},
		{`handler.nothing`, `fail on_message: handler has no .nothing field or method`},
		{`signal("a").send("x")`, `publish "a" text "x"`},
		{`signal("a").send(b"\xff")`, `publish "a" binary "\xff"`},
		{`signal("a").connect(handler.write_message)`, `subscribe "a"`},
		{`signal("a").disconnect(handler.write_message)`, `unsubscribe "a"`},
		{`signal("\0a")`, `fail on_message: signal: a channel's name cannot begin with a NUL character: such names are Parley's own`},
		{`signal("a").connect(print)`, `fail on_message: connect: what can be connected is handler.write_message of a socket, not <built-in function print>`},
		{`print("two\nlines")`, `log "two"`},
	} {
		t.Run(tc.text, func(t *testing.T) {
			lines := run(t, star.Options{}, map[call.Hook]string{call.OnMessage: tc.text}, "m")
			if lines[0] != tc.want {
				t.Errorf("emitted %q, want first %q", lines, tc.want)
			}
		})
	}
}

// A failure says where, with file, line and column.
func TestTraceback(t *testing.T) {
	dir := app(t, map[string]string{"m.star": "def f(x):\n    return g(x)\n\ndef g(x):\n    return x + 1\n"})
	_, err := value(t, dir, `m.f("a")`)
	var raised *call.FunctionError
	if !errors.As(err, &raised) {
		t.Fatal(err)
	}
	want := "Traceback (most recent call last):\n  gramex.yaml:7:23: in function\n  m.star:2:13: in f\n  m.star:5:14: in g\nunknown binary op: string + int"
	if raised.Traceback != want || raised.Message != "unknown binary op: string + int" {
		t.Errorf("message %q, traceback\n%s\nwant\n%s", raised.Message, raised.Traceback, want)
	}
}

func TestLimits(t *testing.T) {
	dir := app(t, map[string]string{"m.star": "def loop():\n    while True:\n        pass\n\ndef deep(n):\n    return deep(n + 1)\n"})
	for name, tc := range map[string]struct {
		opt  star.Options
		want string
	}{
		"steps": {star.Options{Dirs: []string{dir}, MaxSteps: 5000}, "it took more than 5000 steps (starlark.max_steps)"},
		"time":  {star.Options{Dirs: []string{dir}, MaxSteps: 1 << 60, Timeout: 20 * time.Millisecond}, "it took longer than 20ms (starlark.timeout)"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := run(t, tc.opt, map[call.Hook]string{call.OnMessage: "m.loop()"}, "a", "b")
			equal(t, lines, []string{"fail on_message: Starlark computation cancelled: " + tc.want, "done 1", "done 1", "ended"})
		})
	}
	// The thread that was stopped is of use again.
	r, hooks := start(t, star.Options{Dirs: []string{dir}, MaxSteps: 5000},
		functions(map[call.Hook]string{call.OnMessage: "m.loop()"}), functions(map[call.Hook]string{call.OnMessage: "handler.write_message(message)"}))
	for i, want := range []string{"fail", "write", "write"} {
		effects := &calltest.Effects{}
		s := r.Open(info(parley.ConnID(i+1)), hooks[min(i, 1)], effects)
		s.Message(parley.Text, []byte("x"))
		s.Close(parley.CloseNormal, "")
		if lines := ended(t, effects); !strings.HasPrefix(lines[0], want) {
			t.Errorf("emitted %q, want %s first", lines, want)
		}
	}
}

// Our own built-ins count steps, and make no number that fills the memory.
func TestLimitsOfBuiltins(t *testing.T) {
	const steps = "it took more than 5000 steps (starlark.max_steps)"
	for text, want := range map[string]string{
		"sum(range(1 << 40))":               steps,
		"map(str, range(1 << 40))":          steps,
		"filter(None, range(1 << 40))":      steps,
		"random.choices([1], k = 1 << 30)":  steps,
		"pow(10, 1 << 40)":                  "pow: the result has more than 65536 bits",
		"format(1, '9999999')":              `format "9999999": that is too wide`,
		"[pow(x, 1 << 40) for x in (0, 1)]": "",
	} {
		lines := run(t, star.Options{MaxSteps: 5000}, map[call.Hook]string{call.OnMessage: text}, "m")
		if failed := strings.HasPrefix(lines[0], "fail"); failed != (want != "") || !strings.Contains(lines[0], want) {
			t.Errorf("%s: emitted %q, want %q", text, lines, want)
		}
	}
}

// Endless recursion is stopped before the memory ends.
func TestEndlessRecursion(t *testing.T) {
	dir := app(t, map[string]string{"m.star": "def deep(n):\n    return deep(n + 1)\n"})
	_, err := value(t, dir, "m.deep(0)")
	if err == nil || !strings.Contains(err.Error(), "too deep") {
		t.Errorf("error = %.200v", err)
	}
}

func TestModulesAreFrozen(t *testing.T) {
	dir := app(t, map[string]string{
		"m.star":        "load('lib/util.star', 'twice')\nseen = {}\ndef f(x):\n    seen[x] = 1\n\ndef g(x):\n    return twice(x)\n",
		"lib/util.star": "def twice(x):\n    return x * 2\n",
	})
	if _, err := value(t, dir, `m.f("a")`); err == nil || !strings.Contains(err.Error(), "cannot insert into frozen hash table") {
		t.Errorf("error = %v", err)
	}
	if v, err := value(t, dir, `m.g("a")`); err != nil || string(v.Data) != "aa" {
		t.Errorf("%q, %v", v.Data, err)
	}
}

// Faults say what is wrong with modules, as long as it is.
func TestFaults(t *testing.T) {
	for _, tc := range []struct{ source, text, want string }{
		{"def f(:\n", "m.f", "module m: m.star:1:8: got ':', want ')'"},
		{"x = 1 // 0\n", "m.f", "module m: m.star:1:7: floored division by zero"},
		{"def f():\n    return y\n", "m.f", "module m: m.star:2:12: undefined: y"},
		{"def open(handler):\n    pass\n", "m.opne", "module m (m.star) has no opne (did you mean open?)"},
		{"load('../out.star', 'x')\n", "m.f", `module m: m.star:1:1: cannot load ../out.star: load: "../out.star" is outside the app's folder`},
		{"load('m.star', 'x')\n", "m.f", `module m: m.star:1:1: cannot load m.star: load: "m.star" loads itself`},
		{"load('no.star', 'x')\n", "m.f", `module m: m.star:1:1: cannot load no.star: load: there is no "no.star"`},
		{"def loop():\n    while True:\n        pass\nloop()\n", "m.f", "module m: m.star:1:1: Starlark computation cancelled: it took more than 5000 steps (starlark.max_steps)"},
		{"every(1, print)\n", "m.f", "module m: m.star:1:6: every: only functions of a socket can start timers"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			dir := app(t, map[string]string{"m.star": tc.source, "../out.star": ""})
			r, hooks := start(t, star.Options{Dirs: []string{dir}, MaxSteps: 5000}, functions(map[call.Hook]string{call.OnMessage: tc.text}))
			faults := r.Faults()
			if len(faults) != 1 || faults[0].Message != tc.want || faults[0].Where != "gramex.yaml:7:20" || faults[0].Endpoint != "x" {
				t.Errorf("faults %+v, want %s", faults, tc.want)
			}
			if err := r.Ready(t.Context(), info(1), hooks[0]); !errors.Is(err, parley.ErrUnavailable) {
				t.Errorf("ready: %v", err)
			}
			save(t, filepath.Join(dir, "m.star"), "def f(handler, message):\n    pass\ndef opne(handler, message):\n    pass\n")
			r.Changed([]string{filepath.Join(dir, "m.star")})
			if err := r.Ready(t.Context(), info(1), hooks[0]); err != nil || len(r.Faults()) > 0 {
				t.Errorf("after the repair: %v, %+v", err, r.Faults())
			}
		})
	}
}

// A saved module is live at once, also where it is loaded; a broken one changes
// nothing.
func TestReload(t *testing.T) {
	dir := app(t, map[string]string{"m.star": "load('n.star', 'x')\ndef f():\n    return x\n", "n.star": "x = 1\n"})
	var log lines
	r, hooks := start(t, star.Options{Dirs: []string{dir}, Log: slog.New(slog.NewTextHandler(&log, nil))},
		functions(map[call.Hook]string{call.Function: "m.f()"}))
	get := func(want string) {
		t.Helper()
		v, err := r.Call(t.Context(), info(1), hooks[0], call.Function, &calltest.Effects{})
		if err != nil || string(v.Data) != want {
			t.Errorf("%q, %v, want %q", v.Data, err, want)
		}
	}
	get("1")
	n := filepath.Join(dir, "n.star")
	save(t, n, "x = 2\n")
	r.Changed([]string{n})
	get("2")
	save(t, n, "x = \n")
	r.Changed([]string{n})
	get("2")
	if !strings.Contains(log.String(), "module not reloaded: its old code goes on") || len(r.Faults()) > 0 {
		t.Errorf("log:\n%s\nfaults %v", &log, r.Faults())
	}
	save(t, n, "x = 3\n")
	r.Changed([]string{n})
	get("3")
}

type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Changes of a session are sent when a function ends, in one step; those inside
// values count.
func TestSession(t *testing.T) {
	dir := app(t, map[string]string{"m.star": `
def on_message(handler, message):
    s = handler.session
    if message == "set":
        s["n"] = {"list": [1]}
        s.update(a = 1, b = 2)
    elif message == "inside":
        s["n"]["list"].append(2)
    elif message == "pop":
        s.pop("a")
        s.pop("nothing", None)
    elif message == "look":
        handler.write_message({"n": s["n"], "keys": s.keys(), "has": "a" in s, "get": s.get("b"), "len": len(s)})
    elif message == "id":
        s["id"] = "x"
`})
	lines := run(t, star.Options{Dirs: []string{dir}}, map[call.Hook]string{call.OnMessage: "m.on_message"}, "set", "look", "inside", "look", "pop", "look", "id")
	equal(t, lines, []string{
		"session set=[a b n] delete=[]", "done 3",
		`write text "{\"n\": {\"list\": [1]}, \"keys\": [\"a\", \"b\", \"id\", \"n\"], \"has\": true, \"get\": 2, \"len\": 4}"`, "done 4",
		"session set=[n] delete=[]", "done 6",
		`write text "{\"n\": {\"list\": [1, 2]}, \"keys\": [\"a\", \"b\", \"id\", \"n\"], \"has\": true, \"get\": 2, \"len\": 4}"`, "done 4",
		"session set=[] delete=[a]", "done 3",
		`write text "{\"n\": {\"list\": [1, 2]}, \"keys\": [\"b\", \"id\", \"n\"], \"has\": false, \"get\": 2, \"len\": 3}"`, "done 4",
		"fail on_message: session key 'id': the session's id cannot be changed", "done 2", "ended",
	})
}

// Timers call their functions one at a time with the connection's others, and
// end with it.
func TestTimers(t *testing.T) {
	dir := app(t, map[string]string{"m.star": `
def open(handler):
    handler.state["n"] = 0
    def tick():
        handler.state["n"] += 1
        handler.write_message("tick")
        if handler.state["n"] == 2:
            timer.stop()
            after(0, lambda: handler.write_message("after"))
    timer = every(0.01, tick, jitter = 0.5)

def on_close(handler):
    after(1, print)
`})
	r, hooks := start(t, star.Options{Dirs: []string{dir}}, functions(map[call.Hook]string{call.Open: "m.open", call.OnClose: "m.on_close"}))
	effects := &calltest.Effects{}
	s := r.Open(info(1), hooks[0], effects)
	wait(t, effects, func(lines []string) bool { return slices.Contains(lines, `write text "after"`) })
	s.Close(parley.CloseNormal, "")
	equal(t, ended(t, effects), []string{
		`write text "tick"`, `write text "tick"`, `write text "after"`, "ended",
	})
}

// A timer that writes when the peer has left is no failure; one that raises is,
// each time, and goes on.
func TestTimerThatRaises(t *testing.T) {
	lines := func() []string {
		r, hooks := start(t, star.Options{}, functions(map[call.Hook]string{call.Open: `every(0.01, lambda: fail("no way"))`}))
		effects := &calltest.Effects{}
		s := r.Open(info(1), hooks[0], effects)
		wait(t, effects, func(lines []string) bool { return len(lines) >= 2 })
		s.Close(parley.CloseNormal, "")
		return ended(t, effects)
	}()
	for _, line := range lines[:len(lines)-1] {
		if line != "fail fail: no way" {
			t.Errorf("emitted %q", lines)
		}
	}
}

// app.state is one for all, and each of its methods is atomic.
func TestAppState(t *testing.T) {
	dir := app(t, map[string]string{"m.star": `
def add(n):
    def more(list):
        list = list or []
        list.append(n)
        return list
    app.state.incr("n")
    app.state.update("list", more)
    return app.state.get("n")
`})
	r, hooks := start(t, star.Options{Dirs: []string{dir}}, functions(map[call.Hook]string{call.Function: "m.add(1)"}),
		functions(map[call.Hook]string{call.Function: `[app.state.get("n"), len(app.state.get("list")), app.state.keys()]`}),
		functions(map[call.Hook]string{call.Function: `app.state.get("list").append(1)`}),
		functions(map[call.Hook]string{call.Function: `app.state.set("f", print)`}))
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if _, err := r.Call(t.Context(), info(parley.ConnID(i+1)), hooks[0], call.Function, &calltest.Effects{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	v, err := r.Call(t.Context(), info(99), hooks[1], call.Function, &calltest.Effects{})
	if want := `[50, 50, ["list", "n"]]`; err != nil || string(v.Data) != want {
		t.Errorf("%s, %v, want %s", v.Data, err, want)
	}
	for i, want := range []string{"append: cannot append to frozen list", `app.state key "f": a builtin_function_or_method cannot be shared`} {
		if _, err := r.Call(t.Context(), info(99), hooks[2+i], call.Function, &calltest.Effects{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
}

func TestPages(t *testing.T) {
	dir := app(t, map[string]string{"m.star": `
def page(handler):
    handler.set_status(201)
    handler.set_header("X-A", 1)
    handler.add_header("X-A", "2")
    handler.set_header("X-B", "3")
    return {"ok": True}
`})
	v, err := value(t, dir, "m.page")
	if err != nil || v.Status != 201 || fmt.Sprint(v.Header["X-A"], v.Header["X-B"]) != "[1 2] [3]" || string(v.Data) != `{"ok": true}` || v.Kind != call.JSON {
		t.Errorf("%+v, %v", v, err)
	}
	v, err = value(t, dir, `handler.redirect("/there")`)
	if err != nil || v.Status != 302 || v.Header.Get("Location") != "/there" {
		t.Errorf("%+v, %v", v, err)
	}
	v, err = value(t, dir, `handler.get_arg("missing")`)
	if err != nil || v.Status != 400 || string(v.Data) != "400 Bad Request: the argument missing is missing" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err = value(t, dir, `handler.set_header("X", "a\nb")`); err == nil || !strings.Contains(err.Error(), "control characters") {
		t.Errorf("error = %v", err)
	}
}

// When the runtime ends, calls that go on for ever end, too.
func TestTheEnd(t *testing.T) {
	dir := app(t, map[string]string{"m.star": "def loop():\n    while True:\n        pass\n"})
	r := star.New(star.Options{Dirs: []string{dir}, MaxSteps: 1 << 60, Timeout: time.Hour})
	hooks, err := r.Compile(functions(map[call.Hook]string{call.Open: "m.loop()"}))
	if err != nil {
		t.Fatal(err)
	}
	r.Load()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	effects := &calltest.Effects{}
	s := r.Open(info(1), hooks, effects)
	s.Close(parley.CloseGoingAway, "")
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	equal(t, ended(t, effects), []string{"fail open: Starlark computation cancelled: the server is stopping", "ended"})
}
