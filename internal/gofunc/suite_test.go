package gofunc_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
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

// suiteFunctions are those of calltest.Texts and calltest.Code, as programs
// write them. What does not wait is marked so on wish.
func suiteFunctions(mark bool) map[string]gofunc.Function {
	marked := func(f gofunc.Function) gofunc.Function {
		f.NeverWaits = mark
		return f
	}
	run := func(f func(c parley.Conn) error) gofunc.Function {
		return marked(gofunc.NewFunc(func(_ context.Context, c parley.Conn) error { return f(c) }))
	}
	message := func(f func(c parley.Conn, m parley.Message) error) gofunc.Function {
		return marked(gofunc.NewMessageFunc(func(_ context.Context, c parley.Conn, m parley.Message) error { return f(c, m) }))
	}
	echo := func(_ context.Context, c parley.Conn, m parley.Message) error { return c.Send(m) }
	raise := func(context.Context, parley.Conn) error { return errNoWay }
	answer := func(contentType string, body []byte) gofunc.Function {
		return gofunc.NewRequestFunc(func(_ context.Context, _ parley.Conn, w http.ResponseWriter) error {
			if contentType != "" {
				w.Header().Set("Content-Type", contentType)
			}
			_, err := w.Write(body)
			return err
		})
	}

	return map[string]gofunc.Function{
		"suite.echo": marked(gofunc.NewMessageFunc(echo)),
		"suite.join": run(func(c parley.Conn) error { return c.Join("lobby") }),
		"suite.say":  message(func(c parley.Conn, m parley.Message) error { return c.Publish("lobby", m) }),
		"suite.open": run(func(c parley.Conn) error { return c.Send(parley.TextMessage("open")) }),
		"suite.slow_open": gofunc.NewFunc(func(_ context.Context, c parley.Conn) error {
			time.Sleep(50 * time.Millisecond)
			return c.Send(parley.TextMessage("open"))
		}),
		"suite.open_raise": marked(gofunc.NewFunc(raise)),
		"suite.message": message(func(c parley.Conn, m parley.Message) error {
			if m.Text() == "stop" {
				return c.Close(4321, "bye")
			}
			return c.Send(m)
		}),
		"suite.slow_message": gofunc.NewMessageFunc(func(_ context.Context, c parley.Conn, m parley.Message) error {
			if m.Text() == "slow" {
				time.Sleep(50 * time.Millisecond)
			}
			return c.Send(m)
		}),
		"suite.stuck_message": gofunc.NewMessageFunc(func(ctx context.Context, c parley.Conn, m parley.Message) error {
			if m.Text() == "stuck" {
				<-ctx.Done()
				return ctx.Err()
			}
			return c.Send(m)
		}),
		"suite.message_raise": message(func(parley.Conn, parley.Message) error { panic(errNoWay) }),
		"suite.message_session": message(func(c parley.Conn, m parley.Message) error {
			if m.Text() == "delete" {
				return c.Session().Delete("k")
			}
			return c.Session().Set("k", m.Text())
		}),
		"suite.message_print": message(func(c parley.Conn, m parley.Message) error {
			c.Log(m.Text())
			return nil
		}),
		"suite.message_ping": message(func(c parley.Conn, m parley.Message) error { return c.Ping(m.Data) }),
		"suite.close_log": marked(gofunc.NewCloseFunc(func(_ context.Context, c parley.Conn, code parley.CloseCode, reason string) error {
			said := "None"
			if code != parley.CloseNoStatus {
				said = code.String()
			}
			c.Log(fmt.Sprintf("closed %s %s", said, cmp.Or(reason, "None")))
			return nil
		})),
		"suite.close_raise": marked(gofunc.NewFunc(raise)),
		"suite.pong_echo":   marked(gofunc.NewMessageFunc(echo)),

		"suite.select": gofunc.NewSubprotocolFunc(func(_ context.Context, c parley.Conn, offered []string) (string, error) {
			c.State()["chosen"] = offered[0]
			return offered[0], nil
		}),
		"suite.select_none": gofunc.NewSubprotocolFunc(func(context.Context, parley.Conn, []string) (string, error) { return "", nil }),
		"suite.select_raise": gofunc.NewSubprotocolFunc(func(context.Context, parley.Conn, []string) (string, error) {
			panic(errNoWay)
		}),
		"suite.open_kept": run(func(c parley.Conn) error {
			return c.Send(parley.TextMessage(c.State()["chosen"].(string))) // panics if nothing was kept
		}),
		"suite.function_text":   answer("", []byte("héllo")),
		"suite.function_binary": answer("", []byte{0xff, 0}),
		"suite.function_json":   answer("application/json", []byte(`{"a":[1]}`)),
		"suite.function_none": gofunc.NewRequestFunc(func(context.Context, parley.Conn, http.ResponseWriter) error {
			return nil
		}),
		"suite.function_raise": gofunc.NewRequestFunc(func(context.Context, parley.Conn, http.ResponseWriter) error {
			panic(errNoWay)
		}),
		"suite.function_stuck": gofunc.NewRequestFunc(func(ctx context.Context, _ parley.Conn, _ http.ResponseWriter) error {
			<-ctx.Done()
			return ctx.Err()
		}),
		"suite.function_post": gofunc.NewRequestFunc(func(_ context.Context, c parley.Conn, w http.ResponseWriter) error {
			body, err := io.ReadAll(c.Request().Body)
			fmt.Fprintf(w, "%s %s", c.Request().Method, body)
			return err
		}),
	}
}
