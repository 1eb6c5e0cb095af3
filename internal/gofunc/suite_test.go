package gofunc_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
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

// sendUser sends the id of the current user.
func sendUser(c parley.Conn) error { return c.Send(parley.TextMessage(cmp.Or(c.User().ID(), "None"))) }

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
	judge := gofunc.NewConditionFunc
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
			parley.Log(c, m.Text())
			return nil
		}),
		"suite.message_ping": message(func(c parley.Conn, m parley.Message) error { return c.Ping(m.Data) }),
		"suite.close_log": marked(gofunc.NewCloseFunc(func(_ context.Context, c parley.Conn, code parley.CloseCode, reason string) error {
			said := "None"
			if code != parley.CloseNoStatus {
				said = code.String()
			}
			parley.Log(c, fmt.Sprintf("closed %s %s", said, cmp.Or(reason, "None")))
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

		"suite.open_sees": run(func(c parley.Conn) error {
			r := c.Request()
			all, theme := r.URL.Query()["a"], ""
			if cookie, err := r.Cookie("theme"); err == nil {
				theme = cookie.Value
			}
			return c.Send(parley.TextMessage(strings.Join([]string{
				r.Method, r.Host, r.URL.Path, all[len(all)-1], r.Header.Get("X-Test"), theme,
			}, " ")))
		}),
		"suite.open_named": run(func(c parley.Conn) error {
			r := c.Request()
			return c.Send(parley.TextMessage(cmp.Or(r.PathValue("room"), "None") + " " + cmp.Or(r.PathValue("none"), "None")))
		}),
		"suite.message_count": message(func(c parley.Conn, _ parley.Message) error {
			n, _ := c.State()["count"].(int)
			c.State()["count"] = n + 1
			return c.Send(parley.TextMessage(strconv.Itoa(n + 1)))
		}),
		"suite.message_json": message(func(c parley.Conn, _ parley.Message) error {
			text, err := json.Marshal(map[string][]int{"a": {1}})
			return cmp.Or(err, c.Send(parley.TextMessage(string(text))))
		}),
		"suite.message_binary": message(func(c parley.Conn, _ parley.Message) error { return c.Send(parley.BinaryMessage([]byte{0xff, 0})) }),
		"suite.message_said":   message(func(_ parley.Conn, m parley.Message) error { return errors.New(m.Text()) }),
		"suite.message_late_write": message(func(c parley.Conn, _ parley.Message) error {
			return cmp.Or(c.Close(4321, "bye"), c.Send(parley.TextMessage("late")))
		}),
		"suite.message_late_say": message(func(c parley.Conn, m parley.Message) error {
			return cmp.Or(c.Close(4321, "bye"), c.Publish("lobby", m))
		}),
		"suite.pong_raise": message(func(parley.Conn, parley.Message) error { return errNoWay }),
		"suite.message_room": message(func(c parley.Conn, m parley.Message) error {
			switch m.Text() {
			case "join":
				return c.Join("lobby")
			case "leave":
				return c.Leave("lobby")
			}
			return cmp.Or(c.Publish("lobby", m), c.Send(parley.TextMessage("said")))
		}),
		"suite.close_say": run(func(c parley.Conn) error { return c.Publish("lobby", parley.TextMessage("bye")) }),
		"suite.message_get": message(func(c parley.Conn, m parley.Message) error {
			text := "None"
			_, err := c.Session().Get(m.Text(), &text)
			return cmp.Or(err, c.Send(parley.TextMessage(text)))
		}),
		"suite.message_append": message(func(c parley.Conn, m parley.Message) error {
			var list []string
			_, err := c.Session().Get("list", &list)
			return cmp.Or(err, c.Session().Set("list", append(list, m.Text())))
		}),
		"suite.message_session_id": message(func(c parley.Conn, _ parley.Message) error { return c.Send(parley.TextMessage(c.Session().ID())) }),
		"suite.message_session_raise": message(func(c parley.Conn, m parley.Message) error {
			return cmp.Or(c.Session().Set("k", m.Text()), errNoWay)
		}),
		"suite.close_session": run(func(c parley.Conn) error { return c.Session().Set("k", "closed") }),
		"suite.close_count": run(func(c parley.Conn) error {
			parley.Log(c, fmt.Sprint("counted ", c.State()["count"]))
			return nil
		}),
		"suite.close_write": run(func(c parley.Conn) error { return c.Send(parley.TextMessage("late")) }),
		"suite.open_ticks": gofunc.NewFunc(func(ctx context.Context, c parley.Conn) error {
			go func() {
				ticker := time.NewTicker(20 * time.Millisecond)
				defer ticker.Stop()
				for {
					select {
					case <-ticker.C:
						_ = c.Send(parley.TextMessage("tick")) // it has closed: ctx says it, too
					case <-ctx.Done():
						return
					}
				}
			}()
			return nil
		}),
		"suite.open_later": gofunc.NewFunc(func(ctx context.Context, c parley.Conn) error {
			later := time.AfterFunc(20*time.Millisecond, func() { _ = c.Send(parley.TextMessage("later")) }) // or it has closed
			context.AfterFunc(ctx, func() { later.Stop() })
			return nil
		}),
		"suite.function_made": gofunc.NewRequestFunc(func(_ context.Context, _ parley.Conn, w http.ResponseWriter) error {
			w.Header()["X-A"] = []string{"1", "2"}
			w.WriteHeader(http.StatusCreated)
			_, err := w.Write([]byte("made"))
			return err
		}),
		"suite.function_redirect": gofunc.NewRequestFunc(func(_ context.Context, c parley.Conn, w http.ResponseWriter) error {
			http.Redirect(w, c.Request(), "/there", http.StatusFound)
			return nil
		}),
		"suite.function_arg": gofunc.NewRequestFunc(func(_ context.Context, c parley.Conn, w http.ResponseWriter) error {
			_, err := w.Write([]byte(c.Request().FormValue("a")))
			return err
		}),
		"suite.message_user": message(func(c parley.Conn, _ parley.Message) error { return sendUser(c) }),
		"suite.message_user_value": message(func(c parley.Conn, m parley.Message) error {
			text := "None"
			_, err := c.User().Get(m.Text(), &text)
			return cmp.Or(err, c.Send(parley.TextMessage(text)))
		}),
		"suite.message_user_deep": message(func(c parley.Conn, _ parley.Message) error {
			var deep struct{ Er []string }
			_, err := c.User().Get("deep", &deep)
			return cmp.Or(err, c.Send(parley.TextMessage(deep.Er[0])))
		}),
		"suite.message_user_lacks": message(func(c parley.Conn, _ parley.Message) error {
			var text string
			if found, err := c.User().Get("nothing", &text); found || err != nil {
				return err
			}
			return errors.New("the user has no nothing")
		}),
		"suite.message_user_change": message(func(c parley.Conn, _ parley.Message) error {
			mine := maps.Clone(c.User()) // nobody changes one
			mine["id"] = json.RawMessage(`"changed"`)
			return sendUser(c)
		}),
		"suite.message_login": message(func(c parley.Conn, m parley.Message) error {
			if m.Text() == "nobody" {
				return cmp.Or(c.Session().Delete("user"), sendUser(c))
			}
			return cmp.Or(c.Session().Set("user", map[string]string{"id": m.Text()}), sendUser(c))
		}),
		"suite.function_user": gofunc.NewRequestFunc(func(_ context.Context, c parley.Conn, w http.ResponseWriter) error {
			_, err := io.WriteString(w, c.User().ID())
			return err
		}),

		"suite.judge": judge(func(_ context.Context, c parley.Conn) (bool, error) { return c.Request().FormValue("a") == "1", nil }),
		"suite.judge_sees": judge(func(_ context.Context, c parley.Conn) (bool, error) {
			var k string
			_, err := c.Session().Get("k", &k)
			return c.Request().PathValue("room") == "lobby" && k == "v" && c.User().ID() == "ann", err
		}),
		"suite.judge_raise":  judge(func(context.Context, parley.Conn) (bool, error) { panic(errNoWay) }),
		"suite.judge_writes": judge(func(_ context.Context, c parley.Conn) (bool, error) { return true, c.Send(parley.TextMessage("x")) }),
		"suite.judge_change": judge(func(_ context.Context, c parley.Conn) (bool, error) { return true, c.Session().Set("k", "v") }),
		"suite.judge_keeps": judge(func(_ context.Context, c parley.Conn) (bool, error) {
			c.State()["chosen"] = "kept"
			return true, nil
		}),
		"suite.judge_slow": judge(func(context.Context, parley.Conn) (bool, error) {
			time.Sleep(50 * time.Millisecond)
			return true, nil
		}),
		"suite.judge_stuck": judge(func(ctx context.Context, _ parley.Conn) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		}),

		"suite.function_session": gofunc.NewRequestFunc(func(_ context.Context, c parley.Conn, _ http.ResponseWriter) error {
			return c.Session().Set("k", "v")
		}),
	}
}
