package gofunc_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/gofunc"
)

func TestWhatIsNoFunctionIsToldByName(t *testing.T) {
	run := quick(says)
	both := run
	both.Answer = func(context.Context, gofunc.Call) (call.Value, error) { return call.Value{}, nil }
	_, err := gofunc.New(gofunc.Options{Functions: map[string]gofunc.Function{
		"chat.open": run, "open": run, "chat.": run, "chat.on-message": run, "parley.shout": run, "chat.none": {}, "chat.both": both,
	}})
	want := strings.Join([]string{
		`function "chat.": its name should read module.function`,
		`function "chat.both": it should have Run or Answer, and not both`,
		`function "chat.none": it should have Run or Answer, and not both`,
		`function "chat.on-message": its name should read module.function`,
		`function "open": its name should read module.function`,
		`function "parley.shout": names under parley. are those of built-ins`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("New: %v\nwant %s", err, want)
	}
}

func TestItOwnsTheModulesOfItsFunctions(t *testing.T) {
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
		"chat.open": quick(says), "app.rooms.open": quick(says), "app.rooms.close": quick(says),
	}})
	for module, want := range map[string]bool{"chat": true, "app.rooms": true, "app": false, "rooms": false, "chat.open": false} {
		if got := r.Owns(module) != ""; got != want {
			t.Errorf("Owns(%q) = %t", module, got)
		}
	}
}

func TestWhatDoesNotFitIsToldWithItsPlace(t *testing.T) {
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
		"chat.open": quick(says),
		"chat.pick": {Answer: func(context.Context, gofunc.Call) (call.Value, error) { return call.Value{}, nil }},
	}})
	for _, tc := range []struct {
		hook call.Hook
		step call.Step
		want string
	}{
		{call.Open, call.Step{Function: "chat.opne"}, `open: "chat.opne" is no registered Go function (did you mean chat.open?)`},
		{call.Open, call.Step{Function: "chat.shout"}, `open: "chat.shout" is neither a built-in, as parley.name or parley.name(…), nor a registered Go function`},
		{call.Open, call.Step{Function: "chat.open(handler)"}, "open: chat.open is a Go function: write its name alone, without brackets"},
		{call.Open, call.Step{Function: "chat.open", Args: []byte("[]")}, "open: args: and kwargs: do not reach chat.open, which is a Go function"},
		{call.Open, call.Step{Function: "chat.open", Kwargs: []byte("{}")}, "open: args: and kwargs: do not reach chat.open, which is a Go function"},
		{call.Open, call.Step{Function: "chat.pick"}, "open: chat.pick does not work here, only in select_subprotocol, function"},
		{call.Function, call.Step{Function: "chat.open"}, "function: chat.open returns no value, and function needs one"},
		{call.SelectSubprotocol, call.Step{Function: "chat.open"}, "select_subprotocol: chat.open returns no value, and select_subprotocol needs one"},
	} {
		tc.step.Where = "a.yaml:1:7"
		_, err := r.Compile(call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{tc.hook: {tc.step}}})
		var problems call.Problems
		if want := "a.yaml:1:7: url.x.kwargs." + tc.want; !errors.As(err, &problems) || err.Error() != want {
			t.Errorf("problem:\n%v\nwant:\n%s", err, want)
		}
	}
}

func TestFunctionsAreReadyOnceTheRuntimeRuns(t *testing.T) {
	r, err := gofunc.New(gofunc.Options{Functions: map[string]gofunc.Function{"chat.open": quick(says)}})
	if err != nil {
		t.Fatal(err)
	}
	h := compile(t, r, functions(map[call.Hook]string{call.Open: "chat.open"}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Ready(ctx, call.Info{}, h); !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("Ready before Run: %v", err)
	}
	if err := r.Ready(ctx, call.Info{}, compile(t, r, functions(map[call.Hook]string{call.OnMessage: "parley.echo"}))); err != nil {
		t.Errorf("Ready of a built-in before Run: %v", err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(running) }()
	if err := r.Ready(t.Context(), call.Info{}, h); err != nil {
		t.Errorf("Ready: %v", err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}

// asking starts a runtime with one function that answers.
func asking(t *testing.T, log *bytes.Buffer, f func(context.Context, gofunc.Call) (call.Value, error)) *bench {
	b := &bench{t: t, runtime: start(t, gofunc.Options{
		Functions: map[string]gofunc.Function{"x.answer": {Answer: f}}, Log: slog.New(slog.NewTextHandler(log, nil)),
	})}
	b.hooks = compile(t, b.runtime, functions(map[call.Hook]string{call.Function: "x.answer"}))
	if err := b.runtime.Ready(t.Context(), call.Info{}, b.hooks); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatComesAfterTheAnswerWasWaitedForIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		for name, tc := range map[string]struct {
			end    func() error
			logged string
		}{
			"returns":              {func() error { return nil }, ""},
			"says that it was cut": {func() error { return context.Canceled }, ""},
			"fails":                {func() error { return errNoWay }, `err="function: x.answer: no way"`},
			"panics":               {func() error { panic("no way") }, `err="function: x.answer: panic: no way"`},
		} {
			log := &bytes.Buffer{}
			effects := &calltest.Effects{}
			b := asking(t, log, func(_ context.Context, c gofunc.Call) (call.Value, error) {
				c.Log("begun")
				<-released
				c.Log("gone on")
				return call.Value{}, tc.end()
			})
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan error)
			go func() {
				_, err := b.runtime.Call(ctx, b.info(), b.hooks, call.Function, effects)
				ended <- err
			}()
			synctest.Wait()
			cancel(parley.ErrDraining)
			if err := <-ended; !errors.Is(err, parley.ErrDraining) || err.Error() != "function of x: server is stopping" {
				t.Errorf("%s: Call: %v", name, err)
			}
			b.running(1)
			released <- struct{}{}
			synctest.Wait()
			b.running(0)
			if lines := effects.Lines(); len(lines) != 1 {
				t.Errorf("%s: emitted %q", name, lines)
			}
			if got := log.String(); tc.logged == "" && got != "" || !strings.Contains(got, tc.logged) {
				t.Errorf("%s: logged %q", name, got)
			}
		}
	})
}

func TestAnAnswerOfAFunctionThatHasHeardOfTheEndIsNoFailure(t *testing.T) {
	b := asking(t, &bytes.Buffer{}, func(ctx context.Context, _ gofunc.Call) (call.Value, error) {
		<-ctx.Done()
		return call.Value{}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.runtime.Call(ctx, b.info(), b.hooks, call.Function, &calltest.Effects{})
	var raised *call.FunctionError
	if !errors.Is(err, context.Canceled) || errors.As(err, &raised) {
		t.Errorf("Call: %v", err)
	}
}

func TestAnAnswerThatFails(t *testing.T) {
	for name, tc := range map[string]struct {
		fail func() error
		want string
	}{
		"error": {func() error { return errNoWay }, "function: x.answer: no way"},
		"panic": {func() error { panic(errNoWay) }, "function: x.answer: panic: no way"},
		"exit": {func() error {
			runtime.Goexit()
			return nil
		}, "function: x.answer: it called runtime.Goexit"},
	} {
		b := asking(t, &bytes.Buffer{}, func(context.Context, gofunc.Call) (call.Value, error) { return call.Value{}, tc.fail() })
		v, err := b.runtime.Call(t.Context(), b.info(), b.hooks, call.Function, &calltest.Effects{})
		var raised *call.FunctionError
		if !errors.As(err, &raised) || err.Error() != tc.want || v.Kind != call.None {
			t.Errorf("%s: Call: %v, want %s", name, err, tc.want)
		}
	}
}

func TestThePipelinesLastValueIsTheAnswer(t *testing.T) {
	var order []string
	said := func(text string, err error) gofunc.Function {
		return gofunc.Function{Answer: func(context.Context, gofunc.Call) (call.Value, error) {
			order = append(order, text)
			return call.Value{Kind: call.Text, Data: []byte(text)}, err
		}}
	}
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
		"x.one": said("one", nil), "x.two": said("two", nil), "x.fails": said("fails", errNoWay),
	}})
	b := &bench{t: t, runtime: r}
	for _, tc := range []struct {
		pipeline call.Pipeline
		value    string
		order    string
		fails    bool
	}{
		{call.Pipeline{{Function: "x.one"}, {Function: "x.two"}}, "two", "one two", false},
		{call.Pipeline{{Function: "x.one"}, {Function: "x.fails"}, {Function: "x.two"}}, "", "one fails", true},
	} {
		order = nil
		h := compile(t, r, call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{call.Function: tc.pipeline}})
		if err := r.Ready(t.Context(), call.Info{}, h); err != nil {
			t.Fatal(err)
		}
		v, err := r.Call(t.Context(), b.info(), h, call.Function, &calltest.Effects{})
		if got := strings.Join(order, " "); string(v.Data) != tc.value || (err != nil) != tc.fails || got != tc.order {
			t.Errorf("value %q, error %v, ran %s; want %q and %s", v.Data, err, got, tc.value, tc.order)
		}
	}
}
