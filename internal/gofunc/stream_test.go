package gofunc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/gofunc"
)

// A life is one open stream with what it has emitted.
type life struct {
	call.Stream
	*calltest.Effects
	mu     sync.Mutex
	errors []*call.FunctionError
}

func (l *life) Close(code parley.CloseCode, reason string) { l.Stream.Close(code, reason) }

// Fail remembers the whole error.
func (l *life) Fail(err *call.FunctionError) {
	l.mu.Lock()
	l.errors = append(l.errors, err)
	l.mu.Unlock()
	l.Effects.Fail(err)
}

// effects are those of a life: its Close is that of the stream.
type effects struct{ *life }

func (e effects) Close(code parley.CloseCode, reason string) { e.Effects.Close(code, reason) }

// A bench holds a runtime with functions of the module x, each at the hook of
// its name.
type bench struct {
	t       testing.TB
	runtime *gofunc.Runtime
	hooks   call.Hooks
	lastID  parley.ConnID
}

// serve starts a runtime with these functions by hook; what is nil is the
// built-in of more.
func serve(t testing.TB, fs map[call.Hook]gofunc.Function, more map[call.Hook]string) *bench {
	t.Helper()
	texts, named := map[call.Hook]string{}, map[string]gofunc.Function{}
	for hook, f := range fs {
		texts[hook] = "x." + string(hook)
		named["x."+string(hook)] = f
	}
	for hook, text := range more {
		texts[hook] = text
	}
	b := &bench{t: t, runtime: start(t, gofunc.Options{Functions: named})}
	b.hooks = compile(t, b.runtime, functions(texts))
	if err := b.runtime.Ready(context.Background(), call.Info{}, b.hooks); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) info() call.Info {
	b.lastID++
	return call.Info{
		Conn: b.lastID, Endpoint: "x", Request: httptest.NewRequest(http.MethodGet, "http://app.example/x?a=1", nil),
		Session: &calltest.Session{Name: "s"},
	}
}

func (b *bench) open() *life {
	l := &life{Effects: &calltest.Effects{}}
	l.Stream = b.runtime.Open(b.info(), b.hooks, effects{l})
	return l
}

func (b *bench) expect(l *life, want ...string) {
	b.t.Helper()
	if got := l.Lines(); !slices.Equal(got, want) {
		b.t.Errorf("emitted %q\nwant    %q", got, want)
	}
}

func (b *bench) running(want int) {
	b.t.Helper()
	if got := b.runtime.Stats().Running; got != want {
		b.t.Errorf("%d goroutines run, want %d", got, want)
	}
}

func waits(f func(ctx context.Context, c gofunc.Call) error) gofunc.Function {
	return gofunc.Function{Run: f}
}

func quick(f func(c gofunc.Call) error) gofunc.Function {
	return gofunc.Function{NeverWaits: true, Run: func(_ context.Context, c gofunc.Call) error { return f(c) }}
}

// says writes what it is called for.
func says(c gofunc.Call) error {
	return c.Send(parley.TextMessage(fmt.Sprintf("%s %s%s", c.Hook, c.Data, c.Reason)))
}

func TestWhatNeverWaitsRunsInsideTheCall(t *testing.T) {
	b := serve(t, map[call.Hook]gofunc.Function{
		call.Open: quick(says), call.OnMessage: quick(says), call.OnPong: quick(says), call.OnClose: quick(says),
	}, nil)
	l := b.open()
	b.expect(l, `write text "open "`)
	l.Message(parley.Text, []byte("hi"))
	l.Pong([]byte("data"))
	l.Close(parley.CloseNormal, "bye")
	b.expect(l, `write text "open "`, `write text "on_message hi"`, "done 2", `write text "on_pong data"`,
		`write text "on_close bye"`, "ended")
	b.running(0)
}

func TestOneFunctionAtATimeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := waits(func(_ context.Context, c gofunc.Call) error {
			time.Sleep(time.Second)
			return says(c)
		})
		for name, fs := range map[string]map[call.Hook]gofunc.Function{
			"all wait":           {call.Open: slow, call.OnMessage: slow, call.OnPong: slow, call.OnClose: slow},
			"only open waits":    {call.Open: slow, call.OnMessage: quick(says), call.OnPong: quick(says), call.OnClose: quick(says)},
			"some wait":          {call.Open: slow, call.OnMessage: quick(says), call.OnPong: slow, call.OnClose: quick(says)},
			"only on_close does": {call.Open: quick(says), call.OnMessage: quick(says), call.OnPong: quick(says), call.OnClose: slow},
		} {
			b := serve(t, fs, nil)
			l := b.open()
			want := []string{`write text "open "`}
			for i := range 20 {
				text := strings.Repeat("x", i)
				l.Message(parley.Text, []byte(text))
				l.Pong([]byte(text))
				want = append(want, fmt.Sprintf("write text %q", "on_message "+text), fmt.Sprintf("done %d", i),
					fmt.Sprintf("write text %q", "on_pong "+text))
			}
			l.Close(parley.CloseNormal, "bye")
			b.running(1)
			time.Sleep(time.Hour)
			b.expect(l, append(want, `write text "on_close bye"`, "ended")...)
			b.running(0)
			if t.Failed() {
				t.Fatal(name)
			}
		}
	})
}

func TestTheGoroutineIsThereOnlyWhileThereIsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, map[call.Hook]gofunc.Function{
			call.Open: waits(func(context.Context, gofunc.Call) error {
				time.Sleep(time.Second)
				return nil
			}),
		}, map[call.Hook]string{call.OnMessage: "parley.echo"})
		l := b.open()
		b.running(1)
		l.Message(parley.Text, []byte("1")) // waits behind open
		time.Sleep(time.Minute)
		b.running(0)
		b.expect(l, `write text "1"`, "done 1")
		l.Message(parley.Text, []byte("2")) // nothing is before it
		b.expect(l, `write text "1"`, "done 1", `write text "2"`, "done 1")
		l.Close(parley.CloseNormal, "")
		b.expect(l, `write text "1"`, "done 1", `write text "2"`, "done 1", "ended")
	})
}

func TestTenThousandConnectionsLeaveNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left at its end
		slow := waits(func(context.Context, gofunc.Call) error {
			time.Sleep(time.Second)
			return nil
		})
		b := serve(t, map[call.Hook]gofunc.Function{call.Open: slow, call.OnMessage: slow, call.OnClose: slow}, nil)
		var lives []*life
		for range 10_000 {
			l := b.open()
			l.Message(parley.Text, []byte("hi"))
			lives = append(lives, l)
		}
		b.running(10_000)
		time.Sleep(time.Minute)
		b.running(0)
		for _, l := range lives {
			l.Close(parley.CloseNormal, "")
		}
		time.Sleep(time.Minute)
		b.running(0)
		for _, l := range lives {
			b.expect(l, "done 2", "ended")
		}
	})
}

func TestAFunctionThatWaitsOwnsItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := waits(func(_ context.Context, c gofunc.Call) error {
			time.Sleep(time.Second)
			return says(c)
		})
		b := serve(t, map[call.Hook]gofunc.Function{call.OnMessage: slow, call.OnPong: slow}, nil)
		l := b.open()
		data := []byte("first")
		l.Message(parley.Text, data)
		l.Pong(data)
		copy(data, "other")
		time.Sleep(time.Minute)
		b.expect(l, `write text "on_message first"`, "done 5", `write text "on_pong first"`)
		l.Close(parley.CloseNormal, "")
	})
}

func TestOpenSeesTheRequest(t *testing.T) {
	tell := func(c gofunc.Call) error {
		r := c.Request()
		c.Log(r.URL.RawQuery + " " + r.Header.Get("X") + " " + r.PathValue("room") + " " + c.ID().String() + " " + c.Session().ID())
		return nil
	}
	for name, f := range map[string]gofunc.Function{
		"in place": quick(tell),
		"later": waits(func(_ context.Context, c gofunc.Call) error {
			time.Sleep(time.Second)
			return tell(c)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := serve(t, map[call.Hook]gofunc.Function{call.Open: f}, nil)
				info := b.info()
				info.Request.Header.Set("X", "y")
				room := "lobby"
				info.PathKwargs = map[string]*string{"room": &room, "none": nil}
				l := &life{Effects: &calltest.Effects{}}
				l.Stream = b.runtime.Open(info, b.hooks, effects{l})
				info.Request.Header.Set("X", "of another request")
				time.Sleep(time.Minute)
				b.expect(l, `log "a=1 y lobby 1 s"`)
			})
		})
	}
}

// blowUp panics two calls deep.
func blowUp() { explode(nil) }

func explode(m map[string]int) { m["no way"] = 1 }

func TestPanicsAreContained(t *testing.T) {
	for name, mark := range map[string]bool{"in place": true, "on a goroutine": false} {
		for _, hook := range []call.Hook{call.Open, call.OnMessage, call.OnPong, call.OnClose} {
			t.Run(name+" "+string(hook), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fs := map[call.Hook]gofunc.Function{call.OnClose: quick(says)}
					fs[hook] = gofunc.Function{NeverWaits: mark, Run: func(context.Context, gofunc.Call) error {
						blowUp()
						return nil
					}}
					b := serve(t, fs, nil)
					l := b.open()
					synctest.Wait()
					l.Message(parley.Text, []byte("hi"))
					synctest.Wait()
					l.Pong([]byte("x"))
					synctest.Wait()
					l.Close(parley.CloseInternal, "failed")
					synctest.Wait()

					const message = "panic: assignment to entry in nil map"
					failed := fmt.Sprintf("fail %s: x.%s: %s", hook, hook, message)
					closed := `write text "on_close failed"`
					b.expect(l, map[call.Hook][]string{
						call.Open:      {failed, "done 2", closed, "ended"},
						call.OnMessage: {failed, "done 2", closed, "ended"},
						call.OnPong:    {"done 2", failed, closed, "ended"},
						call.OnClose:   {"done 2", failed, "ended"},
					}[hook]...)
					err := l.errors[0]
					if size := map[call.Hook]int{call.OnMessage: 2}[hook]; err.Bytes != size {
						t.Errorf("bytes = %d, want %d", err.Bytes, size)
					}
					lines := strings.Split(err.Traceback, "\n")
					if len(lines) != 7 || !strings.HasSuffix(lines[0], ".explode") || !strings.Contains(lines[1], "stream_test.go:") ||
						!strings.HasSuffix(lines[2], ".blowUp") || !strings.Contains(lines[4], "TestPanicsAreContained") ||
						lines[6] != err.Message {
						t.Errorf("traceback:\n%s", err.Traceback)
					}
				})
			})
		}
	}
}

func TestErrorsAreFailures(t *testing.T) {
	b := serve(t, map[call.Hook]gofunc.Function{
		call.OnMessage: quick(func(gofunc.Call) error {
			return errors.Join(fmt.Errorf("storing it: %w", context.Canceled), errors.New("no way"))
		}),
	}, nil)
	l := b.open()
	l.Message(parley.Text, []byte("hi"))
	b.expect(l, "fail on_message: x.on_message: storing it: context canceled; no way", "done 2")
	if err := l.errors[0]; err.Traceback != "" || err.Bytes != 2 {
		t.Errorf("error = %+v", err)
	}
	l.Close(parley.CloseInternal, "")
}

func TestTheFirstFailureEndsAPipeline(t *testing.T) {
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
		"x.says":  quick(says),
		"x.fails": quick(func(gofunc.Call) error { return errNoWay }),
	}})
	b := &bench{t: t, runtime: r, hooks: compile(t, r, call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{
		call.OnMessage: {{Function: "parley.echo"}, {Function: "x.says"}, {Function: "x.fails"}, {Function: "parley.echo"}},
	}})}
	if err := r.Ready(t.Context(), call.Info{}, b.hooks); err != nil {
		t.Fatal(err)
	}
	l := b.open()
	l.Message(parley.Text, []byte("hi"))
	b.expect(l, `write text "hi"`, `write text "on_message hi"`, "fail on_message: x.fails: no way", "done 2")
	l.Close(parley.CloseInternal, "")
}

func TestAFunctionThatEndsItsGoroutineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exit := waits(func(context.Context, gofunc.Call) error {
			runtime.Goexit()
			return nil
		})
		b := serve(t, map[call.Hook]gofunc.Function{call.OnMessage: exit, call.OnClose: exit}, nil)
		l := b.open()
		l.Message(parley.Text, []byte("1"))
		l.Message(parley.Text, []byte("22"))
		l.Close(parley.CloseNormal, "")
		synctest.Wait()
		b.expect(l, "fail on_message: x.on_message: it called runtime.Goexit", "done 1", "done 2",
			"fail on_close: x.on_close: it called runtime.Goexit", "ended")
		b.running(0)
	})
}

// A faulty outbox panics.
type faulty struct{ effects }

func (faulty) Write(parley.Kind, []byte) error { panic("no outbox") }

func TestPanicsBelowAFunctionAreContained(t *testing.T) {
	for name, b := range map[string]*bench{
		"x.on_message": serve(t, map[call.Hook]gofunc.Function{call.OnMessage: quick(says)}, nil),
		"parley.echo":  serve(t, nil, map[call.Hook]string{call.OnMessage: "parley.echo"}),
	} {
		l := &life{Effects: &calltest.Effects{}}
		l.Stream = b.runtime.Open(b.info(), b.hooks, faulty{effects{l}})
		l.Message(parley.Text, []byte("hi"))
		l.Close(parley.CloseInternal, "")
		want := []string{"fail on_message: " + name + ": panic: no outbox", "done 2", "ended"}
		if b.runtime.Traits(b.hooks).Prompt {
			want = []string{want[0], "ended"}
		}
		b.expect(l, want...)
		if shown := strings.Contains(l.errors[0].Traceback, ".says\n"); shown != (name == "x.on_message") {
			t.Errorf("traceback:\n%s", l.errors[0].Traceback)
		}
	}
}

func TestTheContextEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := waits(func(ctx context.Context, c gofunc.Call) error {
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), parley.ErrClosed) {
				t.Errorf("cause = %v", context.Cause(ctx))
			}
			c.Log(string(c.Hook) + " has heard")
			return fmt.Errorf("waiting: %w", ctx.Err())
		})
		b := serve(t, map[call.Hook]gofunc.Function{
			call.Open: until, call.OnMessage: until, call.OnPong: until,
			call.OnClose: waits(func(ctx context.Context, c gofunc.Call) error {
				time.Sleep(29 * time.Second)
				c.Log(fmt.Sprint(ctx.Err()))
				<-ctx.Done()
				return context.Cause(ctx)
			}),
		}, nil)
		l := b.open()
		l.Message(parley.Text, []byte("hi"))
		l.Pong(nil)
		time.Sleep(time.Hour)
		b.expect(l)
		l.Close(parley.CloseNormal, "")
		time.Sleep(time.Minute)
		b.expect(l, `log "open has heard"`, `log "on_message has heard"`, "done 2", `log "on_pong has heard"`,
			`log "<nil>"`, "fail on_close: x.on_close: on_close has had its time", "ended")
	})
}

func TestTheContextEndsWhenTheServerStopsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := func(ctx context.Context, c gofunc.Call) error {
			<-ctx.Done()
			c.Log(string(c.Hook) + " has heard")
			return ctx.Err()
		}
		r, err := gofunc.New(gofunc.Options{LeaveTimeout: time.Minute, Functions: map[string]gofunc.Function{
			"x.open": waits(until), "x.on_close": waits(until),
			"x.function": {Answer: func(ctx context.Context, c gofunc.Call) (call.Value, error) {
				return call.Value{}, until(ctx, c)
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, runtime: r}
		opening := compile(t, r, functions(map[call.Hook]string{call.Open: "x.open"}))
		closing := compile(t, r, functions(map[call.Hook]string{call.OnClose: "x.on_close"}))
		function := compile(t, r, functions(map[call.Hook]string{call.Function: "x.function"}))
		ctx, stop := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()

		b.hooks = opening
		open := b.open()
		b.hooks = closing
		closed := b.open()
		closed.Close(parley.CloseNormal, "")
		answered := make(chan error, 1)
		go func() {
			_, err := r.Call(t.Context(), b.info(), function, call.Function, &calltest.Effects{})
			answered <- err
		}()
		synctest.Wait()
		b.running(3)

		stop(parley.ErrDraining)
		if err := <-ended; !errors.Is(err, parley.ErrDraining) {
			t.Errorf("Run: %v", err)
		}
		b.running(0)
		if err := <-answered; !errors.Is(err, parley.ErrDraining) {
			t.Errorf("Call: %v", err)
		}
		b.expect(open, `log "open has heard"`)
		b.expect(closed, `log "on_close has heard"`, "fail on_close: x.on_close: context canceled", "ended")
		if err := r.Ready(t.Context(), call.Info{}, opening); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("Ready after the end: %v", err)
		}
		open.Close(parley.CloseGoingAway, "")
	})
}

func TestRunDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := gofunc.New(gofunc.Options{Functions: map[string]gofunc.Function{
			"x.open": waits(func(context.Context, gofunc.Call) error {
				time.Sleep(time.Hour)
				return nil
			}),
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		b := &bench{t: t, runtime: r, hooks: compile(t, r, functions(map[call.Hook]string{call.Open: "x.open"}))}
		b.open()
		stop()
		want := "stopping Go functions: 1 goroutines still run after 2s"
		if err := <-ended; err.Error() != want {
			t.Errorf("Run: %v, want %s", err, want)
		}
		time.Sleep(time.Hour)
		b.running(0)
	})
}

func TestNothingCanBeDoneAfterTheEnd(t *testing.T) {
	var conn *gofunc.Conn
	b := serve(t, map[call.Hook]gofunc.Function{call.Open: quick(func(c gofunc.Call) error {
		conn = c.Conn
		return nil
	})}, nil)
	l := b.open()
	act := func(want error) {
		t.Helper()
		_, unread := conn.Session().Get("a", nil)
		conn.Log("line")
		for i, err := range []error{
			conn.Send(parley.TextMessage("hi")), conn.Ping(nil), conn.Join("a"), conn.Leave("a"),
			conn.Publish("a", parley.TextMessage("")), unread, conn.Session().Set("a", 1), conn.Session().Delete("a"),
			conn.Close(4000, ""),
		} {
			if !errors.Is(err, want) {
				t.Errorf("action %d: %v, want %v", i, err, want)
			}
		}
	}
	act(nil)
	l.Close(parley.CloseNormal, "")
	want := []string{
		`log "line"`, `write text "hi"`, `ping ""`, `subscribe "a"`, `unsubscribe "a"`, `publish "a" text ""`,
		"session set=[a] delete=[]", "session set=[] delete=[a]", `close 4000 ""`, "ended",
	}
	b.expect(l, want...)
	act(parley.ErrClosed)
	b.expect(l, want...)
}

func TestStateIsTheConnectionsOwn(t *testing.T) {
	count := func(c gofunc.Call) error {
		n, _ := c.State()["n"].(int)
		c.State()["n"] = n + 1
		return c.Send(parley.TextMessage(fmt.Sprint(n + 1)))
	}
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, map[call.Hook]gofunc.Function{
			call.OnMessage: quick(count),
			call.OnPong:    waits(func(_ context.Context, c gofunc.Call) error { return count(c) }),
		}, nil)
		one, other := b.open(), b.open()
		for range 2 {
			one.Message(parley.Text, nil)
			one.Pong(nil)
			synctest.Wait()
		}
		other.Message(parley.Text, nil)
		b.expect(one, `write text "1"`, "done 0", `write text "2"`, `write text "3"`, "done 0", `write text "4"`)
		b.expect(other, `write text "1"`, "done 0")
	})
}

// silent is a call.Effects to which nothing costs anything.
type silent struct {
	call.Effects
	done chan struct{} // hears of each message that is done; nil if nobody listens
}

func (silent) Write(parley.Kind, []byte) error { return nil }
func (silent) Ended()                          {}

func (s silent) Done(int) {
	if s.done != nil {
		s.done <- struct{}{}
	}
}

var echo = gofunc.Function{NeverWaits: true, Run: func(_ context.Context, c gofunc.Call) error {
	return c.Send(parley.Message{Kind: c.Kind, Data: c.Data})
}}

// programEcho is echo as a program writes it.
func programEcho() gofunc.Function {
	f := gofunc.NewMessageFunc(func(_ context.Context, c parley.Conn, m parley.Message) error { return c.Send(m) })
	f.NeverWaits = true
	return f
}

// echoes are endpoints that echo in place.
func echoes(t testing.TB) map[string]*bench {
	slow := waits(func(context.Context, gofunc.Call) error { return nil })
	return map[string]*bench{
		"built-in":     serve(t, nil, map[call.Hook]string{call.OnMessage: "parley.echo"}),
		"never waits":  serve(t, map[call.Hook]gofunc.Function{call.OnMessage: echo}, nil),
		"of a program": serve(t, map[call.Hook]gofunc.Function{call.OnMessage: programEcho()}, nil),
		"among some waiting": serve(t, map[call.Hook]gofunc.Function{
			call.OnMessage: echo, call.OnClose: slow,
		}, nil),
	}
}

func TestAnEchoInPlaceAllocatesNothing(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 1000)
	for name, b := range echoes(t) {
		s := b.runtime.Open(b.info(), b.hooks, silent{})
		if n := testing.AllocsPerRun(1000, func() { s.Message(parley.Text, data) }); n != 0 {
			t.Errorf("%s: %v allocations per message", name, n)
		}
		s.Close(parley.CloseNormal, "")
	}
}

func BenchmarkMessage(b *testing.B) {
	data := make([]byte, 64)
	for name, served := range echoes(b) {
		b.Run(name, func(b *testing.B) {
			s := served.runtime.Open(served.info(), served.hooks, silent{})
			b.ReportAllocs()
			for b.Loop() {
				s.Message(parley.Text, data)
			}
			s.Close(parley.CloseNormal, "")
		})
	}
	waiting := echo
	waiting.NeverWaits = false
	served := serve(b, map[call.Hook]gofunc.Function{call.OnMessage: waiting}, nil)
	for _, flight := range []int{1, 16} {
		b.Run(fmt.Sprintf("on a goroutine, %d in flight", flight), func(b *testing.B) {
			done := make(chan struct{}, flight)
			s := served.runtime.Open(served.info(), served.hooks, silent{done: done})
			b.ReportAllocs()
			for range flight - 1 {
				s.Message(parley.Text, data)
			}
			for b.Loop() {
				s.Message(parley.Text, data)
				<-done
			}
			for range flight - 1 {
				<-done
			}
			s.Close(parley.CloseNormal, "")
		})
	}
}
