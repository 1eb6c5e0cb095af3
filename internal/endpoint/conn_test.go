package endpoint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/gofunc"
	"parley.example/parley/internal/ws"
)

// builtins makes the stage's program one of built-ins.
func (st *stage) builtins(hooks map[call.Hook]string) {
	st.t.Helper()
	f := call.Functions{Endpoint: "x", Hooks: map[call.Hook]call.Pipeline{}}
	for hook, text := range hooks {
		f.Hooks[hook] = call.Pipeline{{Function: text}}
	}
	functions, err := gofunc.New(gofunc.Options{})
	if err != nil {
		st.t.Fatal(err)
	}
	p, err := call.New(map[string]call.Runtime{call.Go: functions}).Compile([]call.Functions{f})
	if err != nil {
		st.t.Fatal(err)
	}
	st.program = p[0]
}

func TestEcho(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.builtins(map[call.Hook]string{call.OnMessage: "parley.echo"})
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{})
		for i := range 1000 {
			text := strings.Repeat("é", i)
			p.send(text)
			p.expect(text)
		}
		if err := p.Write(t.Context(), websocket.MessageBinary, []byte{0xff, 0}); err != nil {
			t.Fatal(err)
		}
		if kind, data, err := p.Read(t.Context()); kind != websocket.MessageBinary || !bytes.Equal(data, []byte{0xff, 0}) {
			t.Errorf("got %s %q, %v", kind, data, err)
		}
	})
}

func TestRoom(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.builtins(map[call.Hook]string{call.Open: `parley.room("lobby")`, call.OnMessage: `parley.room("lobby")`})
		st.serve(endpoint.Options{})
		a, b := st.dial(websocket.DialOptions{}), st.dial(websocket.DialOptions{})
		a.send("hi")
		a.expect("hi")
		b.expect("hi")
		a.drop()
		synctest.Wait()
		if s := st.hub.Stats(); s.Members != 1 || s.Subscriptions != 1 {
			t.Errorf("after one has left: %+v", s)
		}
		b.send("alone")
		b.expect("alone")
	})
}

func TestMessagesPongsAndAnswers(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.program.Why[call.OnPong] = ""
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		p.send("hi")
		p.send("")
		if err := p.Write(t.Context(), websocket.MessageBinary, []byte{0xff}); err != nil {
			t.Fatal(err)
		}
		_ = s.Write(parley.Text, []byte("answer"))
		_ = s.Ping([]byte("x"))
		_ = s.Ping(bytes.Repeat([]byte("x"), 126))
		p.expect("answer")
		_ = s.Write(parley.Text, []byte("more")) // the client answers pings while it reads
		p.expect("more")
		synctest.Wait()
		if got, want := s.Heard(), []string{"open", `text "hi"`, `text ""`, `binary "\xff"`, `pong "x"`}; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
		if lines := st.log.With("level=WARN", "ping not sent", "bytes=126"); len(lines) != 1 {
			t.Errorf("logged %q", st.log.With(""))
		}
	})
}

func TestPongsThatNobodyWantsAreDropped(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		_ = s.Ping([]byte("x"))
		_ = s.Write(parley.Text, []byte("hi"))
		p.expect("hi")
		p.send("after the pong")
		synctest.Wait()
		if got, want := s.Heard(), []string{"open", `text "after the pong"`}; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

// TestEndings is the rule that on_close runs exactly once for every connection
// that was answered with 101, however it ends.
func TestEndings(t *testing.T) {
	raised := &call.FunctionError{Hook: call.OnMessage, Message: "ValueError: no", Traceback: "Traceback:\nValueError: no", Bytes: 2}
	for _, tc := range []struct {
		name  string
		end   func(st *stage, p *peer, s *puppetStream)
		close string // what the stream hears
		code  websocket.StatusCode
	}{
		{"the peer closes", func(_ *stage, p *peer, _ *puppetStream) {
			p.inject(0x88, 0x85, 0, 0, 0, 0, 0x10, 0xe1, 'b', 'y', 'e')
		}, `close 4321 "bye"`, 4321},
		{"the peer closes without a code", func(_ *stage, p *peer, _ *puppetStream) {
			p.inject(0x88, 0x80, 0, 0, 0, 0)
		}, `close 1005 ""`, websocket.StatusNoStatusRcvd},
		{"the peer vanishes", func(_ *stage, p *peer, _ *puppetStream) { p.raw.Close() }, `close 1006 ""`, -1},
		{"the peer breaks the protocol", func(_ *stage, p *peer, _ *puppetStream) {
			p.inject(0x83, 0x80, 0, 0, 0, 0)
		}, "close 1002 ", websocket.StatusProtocolError},
		{"the peer says too much", func(st *stage, p *peer, _ *puppetStream) {
			p.talk(1, 2000)
		}, "close 1009 ", websocket.StatusMessageTooBig},
		{"the peer falls silent", func(*stage, *peer, *puppetStream) { time.Sleep(time.Minute) }, "close 4001 ", 4001},
		{"a function closes", func(_ *stage, _ *peer, s *puppetStream) { s.Effects.Close(4999, "é") }, `close 4999 "é"`, 4999},
		{"a function closes without a code", func(_ *stage, _ *peer, s *puppetStream) { s.Effects.Close(0, "") }, `close 1000 ""`, 1000},
		{"a function closes with a code that cannot be sent", func(_ *stage, _ *peer, s *puppetStream) { s.Effects.Close(1005, "") }, `close 1011 ""`, 1011},
		{"a function closes twice", func(_ *stage, _ *peer, s *puppetStream) {
			s.Effects.Close(4000, "first")
			s.Effects.Close(4001, "second")
		}, `close 4000 "first"`, 4000},
		{"a function raises", func(_ *stage, _ *peer, s *puppetStream) { s.Fail(raised) }, `close 1011 ""`, 1011},
		{"two functions raise", func(_ *stage, _ *peer, s *puppetStream) {
			s.Fail(raised)
			s.Fail(raised)
		}, `close 1011 ""`, 1011},
		{"the worker dies", func(_ *stage, _ *peer, s *puppetStream) {
			s.Effects.Close(parley.CloseRestart, "worker restarts")
			s.Ended()
		}, `close 1012 "worker restarts"`, 1012},
		{"the runtime ends the stream without a word", func(_ *stage, _ *peer, s *puppetStream) { s.Ended() }, `close 1011 ""`, 1011},
		{"the server stops", func(st *stage, _ *peer, _ *puppetStream) {
			go func() { _ = st.engine.Shutdown(context.Background(), parley.CloseGoingAway, "server is stopping", 0) }()
		}, `close 1001 "server is stopping"`, 1001},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				var waited []string
				st.puppet.play = func(s *puppetStream, line string) {
					if !strings.HasPrefix(line, "close ") {
						return
					}
					// The connection's rooms are left, its session is held.
					waited = append(waited, fmt.Sprintf("members %d", st.hub.Stats().Members))
					s.WhenDrained(func() { waited = append(waited, "drained") })
					s.Subscribe("too late")
					_ = s.Write(parley.Text, []byte("too late"))
					s.SetSession(parley.SessionChange{Set: map[string]json.RawMessage{"k": json.RawMessage("1")}}, nil)
					s.Log("bye")
					s.Ended()
					s.Ended()
				}
				st.serve(endpoint.Options{Settings: ws.Settings{MaxMessage: 1000}})
				p := st.dial(websocket.DialOptions{})
				s := st.puppet.Stream(t, 0)
				s.Subscribe("lobby")
				session := s.info.Session
				tc.end(st, p, s)
				if tc.name != "the peer falls silent" {
					if code := p.closed(); tc.code > 0 && code != tc.code {
						t.Errorf("the peer sees %d, want %d", code, tc.code)
					}
				}
				p.raw.Close()
				synctest.Wait()

				heard := s.Heard()
				if len(heard) != 2 || !strings.HasPrefix(heard[1], tc.close) {
					t.Errorf("heard %q, want open and then %s", heard, tc.close)
				}
				if want := []string{"members 0", "drained"}; !slices.Equal(waited, want) {
					t.Errorf("at the end %q, want %q", waited, want)
				}
				if h := st.hub.Stats(); h.Subscriptions != 0 {
					t.Errorf("%d subscriptions are left", h.Subscriptions)
				}
				if err := st.socket.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				if !strings.Contains(tc.name, "worker dies") && !strings.Contains(tc.name, "without a word") {
					if v := session.Values(); string(v["k"]) != "1" {
						t.Errorf("the session is %s", v)
					}
				}
				code := strings.Fields(tc.close)[1]
				if lines := st.log.With(`level=INFO msg="connection closed" endpoint=x conn=1 code=` + code); len(lines) != 1 {
					t.Errorf("logged %q", st.log.With(""))
				}
				if lines := st.log.With(`msg="connection opened" endpoint=x conn=1 remote=192.0.2.7:4711`); len(lines) != 1 {
					t.Errorf("logged %q", st.log.With(""))
				}
				if lines := st.log.With("level=INFO msg=bye endpoint=x conn=1"); len(lines) != 1 {
					t.Errorf("logged %q", st.log.With(""))
				}
				if lines := st.log.With("level=ERROR"); strings.Contains(tc.name, "raise") != (len(lines) == 1) {
					t.Errorf("logged %q", lines)
				} else if len(lines) == 1 && !strings.Contains(lines[0],
					`msg="function raised" endpoint=x conn=1 hook=on_message bytes=2 err="ValueError: no" traceback="Traceback:\nValueError: no"`) {
					t.Errorf("logged %q", lines)
				}
				if two := len(st.log.With("connection closed", "failures=2")) == 1; two != (tc.name == "two functions raise") {
					t.Errorf("logged %q", st.log.With("connection closed"))
				}
				if warned := len(st.log.With("level=WARN", "code=1005")) == 1; warned != strings.Contains(tc.name, "cannot be sent") {
					t.Errorf("logged %q", st.log.With("level=WARN"))
				}
			})
		})
	}
}

func TestTimerThatRaisesIsOnlyLogged(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		for range 2 {
			s.Fail(&call.FunctionError{Message: "timer tick: ValueError: no"})
		}
		_ = s.Write(parley.Text, []byte("still here"))
		p.expect("still here")
		if lines := st.log.With("level=ERROR", "timer tick: ValueError: no", "conn=1"); len(lines) != 2 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestOnCloseThatRaisesIsOnlyLogged(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.play = func(s *puppetStream, line string) {
			if strings.HasPrefix(line, "close ") {
				s.Fail(&call.FunctionError{Hook: call.OnClose, Message: "no"})
				s.Ended()
			}
		}
		st.serve(endpoint.Options{})
		p, other := st.dial(websocket.DialOptions{}), st.dial(websocket.DialOptions{})
		st.puppet.Stream(t, 0).Fail(&call.FunctionError{Hook: call.OnMessage, Message: "no"})
		p.closed()
		synctest.Wait()
		for _, hook := range []string{"on_message", "on_close"} {
			if lines := st.log.With("level=ERROR", "hook="+hook, "conn=1"); len(lines) != 1 {
				t.Errorf("%s: logged %q", hook, lines)
			}
		}
		// The other connection noticed nothing.
		_ = st.puppet.Stream(t, 1).Write(parley.Text, []byte("still here"))
		other.expect("still here")
		if lines := st.log.With("connection closed"); len(lines) != 1 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestTheSessionIsHeldUntilTheStreamHasEnded(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.play = nil
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		p.drop()
		synctest.Wait()
		if live := st.sessions.Stats().Live; live != 1 {
			t.Errorf("%d sessions are held while on_close runs", live)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := st.socket.Wait(ctx)
		want := "endpoint x: functions of 1 connections have not ended: context deadline exceeded"
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
			t.Errorf("Wait: %v", err)
		}
		waited := make(chan error)
		go func() { waited <- st.socket.Wait(t.Context()) }()
		synctest.Wait()
		s.Ended()
		if err := <-waited; err != nil {
			t.Errorf("Wait: %v", err)
		}
		if live := st.sessions.Stats().Live; live != 0 {
			t.Errorf("%d sessions are held after the end", live)
		}
		s.SetSession(parley.SessionChange{Set: map[string]json.RawMessage{"k": json.RawMessage("1")}}, nil)
		if v := s.info.Session.Values(); len(v) != 0 {
			t.Errorf("a change after the end: %s", v)
		}
	})
}

// A subscription at the moment of the end must not outlive it.
func TestNoSubscriptionOutlivesItsConnection(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		var subscribers sync.WaitGroup
		st.puppet.play = func(s *puppetStream, line string) {
			if line == "open" {
				subscribers.Go(func() {
					for i := range 50 {
						s.Subscribe(fmt.Sprint("room", i%5))
						if i%7 == 0 {
							s.Unsubscribe(fmt.Sprint("room", i%5))
						}
					}
				})
				s.Effects.Close(4000, "")
			}
			endsWell(s, line)
		}
		st.serve(endpoint.Options{})
		for range 50 {
			st.dial(websocket.DialOptions{}).drop()
		}
		subscribers.Wait()
		synctest.Wait()
		if h := st.hub.Stats(); h.Subscriptions != 0 || h.Members != 0 {
			t.Errorf("left behind: %+v", h)
		}
	})
}
