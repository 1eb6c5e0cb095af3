package gofunc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/gofunc"
)

func TestSuiteOfBuiltins(t *testing.T) {
	calltest.Run(t, calltest.Subject{
		Start: starter(gofunc.Options{}),
		Texts: calltest.Texts{
			Echo: "parley.echo",
			Join: `parley.room("lobby")`,
			Say:  `parley.room("lobby")`,
		},
	})
}

// Those that don't wait may be marked as such or not, and live together with
// those that wait.
func TestSuite(t *testing.T) {
	texts, code := calltest.Names()
	for name, marked := range map[string]bool{"each as it is": true, "all on goroutines": false} {
		t.Run(name, func(t *testing.T) {
			calltest.Run(t, calltest.Subject{
				Start: starter(gofunc.Options{Functions: suiteFunctions(marked)}),
				Texts: texts, Code: code,
			})
		})
	}
}

// starter returns what starts a runtime for the suite.
func starter(opt gofunc.Options) func(*testing.T, ...call.Functions) (call.Runtime, []call.Hooks) {
	return func(t *testing.T, endpoints ...call.Functions) (call.Runtime, []call.Hooks) {
		t.Helper()
		opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
		r := start(t, opt)
		var compiled []call.Hooks
		for _, f := range endpoints {
			compiled = append(compiled, compile(t, r, f))
		}
		return r, compiled
	}
}

var errNoWay = errors.New("no way")

// suiteFunctions are those of calltest.Texts and calltest.Code. What does not
// wait is marked so on wish.
func suiteFunctions(mark bool) map[string]gofunc.Function {
	write := func(c gofunc.Call, text string) { c.Write(parley.Text, []byte(text)) }
	echo := func(_ context.Context, c gofunc.Call) error {
		c.Write(c.Kind, c.Data)
		return nil
	}
	run := func(f func(c gofunc.Call) error) gofunc.Function {
		return gofunc.Function{NeverWaits: mark, Run: func(_ context.Context, c gofunc.Call) error { return f(c) }}
	}
	waiting := func(f func(ctx context.Context, c gofunc.Call) error) gofunc.Function { return gofunc.Function{Run: f} }
	raise := run(func(gofunc.Call) error { return errNoWay })
	answer := func(f func(c gofunc.Call) call.Value) gofunc.Function {
		return gofunc.Function{Answer: func(_ context.Context, c gofunc.Call) (call.Value, error) { return f(c), nil }}
	}
	text := func(s string) call.Value { return call.Value{Kind: call.Text, Data: []byte(s)} }

	return map[string]gofunc.Function{
		"suite.echo": {NeverWaits: mark, Run: echo},
		"suite.join": run(func(c gofunc.Call) error {
			c.Subscribe("lobby")
			return nil
		}),
		"suite.say": run(func(c gofunc.Call) error {
			c.Publish("lobby", parley.Message{Kind: c.Kind, Data: c.Data})
			return nil
		}),
		"suite.open": run(func(c gofunc.Call) error {
			write(c, "open")
			return nil
		}),
		"suite.slow_open": waiting(func(_ context.Context, c gofunc.Call) error {
			time.Sleep(50 * time.Millisecond)
			write(c, "open")
			return nil
		}),
		"suite.open_raise": raise,
		"suite.message": run(func(c gofunc.Call) error {
			if string(c.Data) == "stop" {
				c.Close(4321, "bye")
			} else {
				c.Write(c.Kind, c.Data)
			}
			return nil
		}),
		"suite.slow_message": waiting(func(ctx context.Context, c gofunc.Call) error {
			if string(c.Data) == "slow" {
				time.Sleep(50 * time.Millisecond)
			}
			return echo(ctx, c)
		}),
		"suite.stuck_message": waiting(func(ctx context.Context, c gofunc.Call) error {
			if string(c.Data) == "stuck" {
				<-ctx.Done()
				return ctx.Err()
			}
			return echo(ctx, c)
		}),
		"suite.message_raise": run(func(gofunc.Call) error { panic(errNoWay) }),
		"suite.message_session": run(func(c gofunc.Call) error {
			if string(c.Data) == "delete" {
				c.SetSession(parley.SessionChange{Delete: []string{"k"}})
				return nil
			}
			value, err := json.Marshal(string(c.Data))
			if err != nil {
				return err
			}
			c.SetSession(parley.SessionChange{Set: map[string]json.RawMessage{"k": value}})
			return nil
		}),
		"suite.message_print": run(func(c gofunc.Call) error {
			c.Log(string(c.Data))
			return nil
		}),
		"suite.message_ping": run(func(c gofunc.Call) error {
			c.Ping(c.Data)
			return nil
		}),
		"suite.close_log": run(func(c gofunc.Call) error {
			code, reason := "None", "None"
			if c.Code != parley.CloseNoStatus {
				code = c.Code.String()
			}
			if c.Reason != "" {
				reason = c.Reason
			}
			c.Log(fmt.Sprintf("closed %s %s", code, reason))
			return nil
		}),
		"suite.close_raise": raise,
		"suite.pong_echo": run(func(c gofunc.Call) error {
			c.Write(parley.Binary, c.Data)
			return nil
		}),

		"suite.select": answer(func(c gofunc.Call) call.Value {
			c.State = c.Info.Subprotocols[0]
			return text(c.Info.Subprotocols[0])
		}),
		"suite.select_none": answer(func(gofunc.Call) call.Value { return call.Value{} }),
		"suite.select_raise": {Answer: func(context.Context, gofunc.Call) (call.Value, error) {
			panic("no way")
		}},
		"suite.open_kept": run(func(c gofunc.Call) error {
			write(c, c.State.(string)) // panics if nothing was kept
			return nil
		}),
		"suite.function_text":   answer(func(gofunc.Call) call.Value { return text("héllo") }),
		"suite.function_binary": answer(func(gofunc.Call) call.Value { return call.Value{Kind: call.Binary, Data: []byte{0xff, 0}} }),
		"suite.function_json":   answer(func(gofunc.Call) call.Value { return call.Value{Kind: call.JSON, Data: []byte(`{"a":[1]}`)} }),
		"suite.function_none":   answer(func(gofunc.Call) call.Value { return call.Value{} }),
		"suite.function_raise": {Answer: func(context.Context, gofunc.Call) (call.Value, error) {
			panic(errNoWay)
		}},
		"suite.function_stuck": {Answer: func(ctx context.Context, _ gofunc.Call) (call.Value, error) {
			<-ctx.Done()
			return call.Value{}, ctx.Err()
		}},
		"suite.function_post": answer(func(c gofunc.Call) call.Value {
			return text(c.Info.Request.Method + " " + string(c.Info.Body))
		}),
	}
}
