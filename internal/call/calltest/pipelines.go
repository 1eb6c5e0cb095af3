package calltest

import (
	"encoding/json"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// pipeline makes an endpoint whose hook runs these steps.
func pipeline(hook call.Hook, steps ...call.Step) call.Functions {
	f := endpoint("suite", nil)
	for i := range steps {
		steps[i].Where = "suite.yaml:1:1"
	}
	f.Hooks[hook] = steps
	return f
}

func runPipelines(t *testing.T, s Subject) {
	t.Run("steps run one after the other", func(t *testing.T) {
		c := s.startAll(t, pipeline(call.OnMessage,
			call.Step{Function: s.Code.MessageCount}, call.Step{Function: s.Code.SlowMessage}, call.Step{Function: s.Code.MessageCount},
		))[0].open(1)
		c.Message(parley.Text, []byte("slow"))
		c.Message(parley.Text, []byte("b"))
		c.waitLine(t, "done 1")
		expect(t, only(c.end(t), "write"), []string{
			`write text "1"`, `write text "slow"`, `write text "2"`, `write text "3"`, `write text "b"`, `write text "4"`,
		})
	})

	t.Run("what comes after a step that raises is not run", func(t *testing.T) {
		c := s.startAll(t, pipeline(call.OnMessage,
			call.Step{Function: s.Code.MessageCount}, call.Step{Function: s.Code.MessageRaise}, call.Step{Function: s.Code.MessageCount},
		))[0].open(1)
		c.Message(parley.Text, []byte("a"))
		c.waitLine(t, "done 1")
		expect(t, firstWords(c.end(t)), []string{"write", "fail", "done", "ended"})
	})

	t.Run("the last value is the answer", func(t *testing.T) {
		a := s.startAll(t, pipeline(call.Function, call.Step{Function: s.Code.FunctionJSON}, call.Step{Function: s.Code.FunctionText}))[0]
		v, err := a.runtime.Call(t.Context(), a.info(1), a.hooks, call.Function, &Effects{})
		if want := (call.Value{Kind: call.Text, Data: []byte("héllo")}); err != nil || value(v) != value(want) {
			t.Errorf("value = %s, %v, want %s", value(v), err, value(want))
		}
	})
}

// runExpressions tests what an author writes into the YAML itself, the same in
// Starlark and in Python.
func runExpressions(t *testing.T, s Subject) {
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	for name, tc := range map[string]struct {
		steps []call.Step
		want  string
	}{
		"an expression": {[]call.Step{{Function: "handler.write_message(message.upper() + '!')"}}, `write text "A LONG WORD!"`},
		"a name is a variable of later steps": {[]call.Step{
			{Name: "words", Function: "message.split()"},
			{Name: "longest", Function: "max(words, key=len)"},
			{Function: "handler.write_message(longest + str(len(words)))"},
		}, `write text "long3"`},
		"a name can be given again": {[]call.Step{
			{Name: "x", Function: "message"}, {Name: "x", Function: "x + '!'"}, {Function: "handler.write_message(x)"},
		}, `write text "a long word!"`},
		"a step may change the message": {[]call.Step{
			{Name: "message", Function: "message[2:6]"}, {Function: "handler.write_message(message)"},
		}, `write text "long"`},
		"args and kwargs": {[]call.Step{
			{Name: "n", Function: "len(message)"},
			{Function: "suite.say_all", Args: raw(`["=handler", "=n", "==n", [1, null]]`), Kwargs: raw(`{"end": "=message"}`)},
		}, `write text "11 =n [1, null] a long word"`},
		"kwargs alone":              {[]call.Step{{Function: "suite.say_end", Kwargs: raw(`{"end": "!"}`)}}, `write text "a long word!"`},
		"no args":                   {[]call.Step{{Function: "suite.nothing", Args: raw(`[]`)}, {Function: "handler.write_message('x')"}}, `write text "x"`},
		"settings of the endpoint":  {[]call.Step{{Function: "handler.write_message(handler.kwargs.greeting + handler.kwargs['greeting'])"}}, `write text "hihi"`},
		"JSON":                      {[]call.Step{{Function: "handler.write_message(json.dumps({'b': [1, 2.0, None], 'a': message}))"}}, `write text "{\"b\": [1, 2.0, null], \"a\": \"a long word\"}"`},
		"a value that is no method": {[]call.Step{{Function: "message"}, {Function: "handler.write_message('x')"}}, `write text "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := pipeline(call.OnMessage, tc.steps...)
			f.Kwargs = raw(`{"greeting": "hi"}`)
			c := s.startAll(t, f)[0].open(1)
			c.Message(parley.Text, []byte("a long word"))
			expect(t, c.end(t), []string{tc.want, "done 11", "ended"})
		})
	}

	t.Run("an attribute that the handler does not have", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: "handler.nothing"}).open(1)
		c.Message(parley.Text, []byte("x"))
		c.waitLine(t, "done 1")
		expect(t, firstWords(c.end(t)), []string{"fail", "done", "ended"})
	})
}
