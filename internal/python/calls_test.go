package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

// script is a worker that loads, beats, and leaves the other rows to on. It
// remembers what came, as "OPEN 1".
type script struct {
	on func(*fakeProcess, row)

	mu   sync.Mutex
	rows []string
}

func (s *script) run(p *fakeProcess) {
	names := map[rowType]string{
		toOpen: "OPEN", toCall: "CALL", toForget: "FORGET", toSession: "SESSION", toClose: "CLOSE",
		toDrained: "DRAINED", toPong: "PONG", toBinary: "BINARY", toText: "TEXT", toReload: "RELOAD",
	}
	for {
		r, ok := p.next()
		if !ok {
			return
		}
		switch r.typ {
		case toConfig:
			p.loaded()
			continue
		case toBeat:
			p.send(fromBeat, 0, r.payload)
			continue
		}
		line := fmt.Sprintf("%s %d", names[r.typ], r.number)
		if r.typ == toSession {
			line = fmt.Sprintf("SESSION own=%d %s", r.payload[0], r.payload[3:])
		}
		s.mu.Lock()
		s.rows = append(s.rows, line)
		s.mu.Unlock()
		if s.on != nil {
			s.on(p, r)
		}
	}
}

func (r *rig) expectRows(s *script, want ...string) {
	r.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.rows, "\n"); got != strings.Join(want, "\n") {
		r.t.Errorf("the worker got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// replies answers each CALL with status, kind and rest.
func replies(status uint8, kind call.ValueKind, head string, rest ...[]byte) func(*fakeProcess, row) {
	return func(p *fakeProcess, r row) {
		if r.typ == toCall {
			p.send(fromReply, r.number, r.payload[:4], []byte{status, byte(kind)}, str32(head), join(rest...))
		}
	}
}

func TestCall(t *testing.T) {
	for name, test := range map[string]struct {
		on    func(*fakeProcess, row)
		value string
		err   string
	}{
		"text":        {replies(replyValue, call.Text, `{"status":0,"headers":[]}`, []byte("chat")), "1 chat 0 []", ""},
		"none":        {replies(replyValue, call.None, ""), "0  0 []", ""},
		"json":        {replies(replyValue, call.JSON, `{"status":404,"headers":[["A","b"]]}`, []byte("[1]")), "3 [1] 404 [b]", ""},
		"raised":      {replies(replyRaised, 0, "", str32("ValueError: no"), []byte("tb")), "", "function: ValueError: no"},
		"unavailable": {replies(replyUnavailable, 0, "", []byte("module bot: no")), "", "endpoint bot: module bot: no: unavailable"},
		"silent":      {nil, "", "endpoint bot: function did not answer in time: unavailable: context deadline exceeded"},
		"dies":        {func(p *fakeProcess, _ row) { p.Kill() }, "", "endpoint bot: its worker ended: unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{}, (&script{on: test.on}).run, func(r *rig) {
				ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
				defer cancel()
				v, err := r.Call(ctx, r.info(1), r.hooks, call.Function, &calltest.Effects{})
				if test.err != "" {
					if err == nil || err.Error() != test.err {
						t.Fatalf("error %v, want %s", err, test.err)
					}
					var raised *call.FunctionError
					if !errors.As(err, &raised) && !errors.Is(err, parley.ErrUnavailable) {
						t.Errorf("error %v is of no kind", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprintf("%d %s %d %v", v.Kind, v.Data, v.Status, v.Header["A"]); got != test.value {
					t.Errorf("value %s, want %s", got, test.value)
				}
			})
		})
	}
}

func TestHandshakeBecomesTheConnection(t *testing.T) {
	worker := &script{on: replies(replyValue, call.Text, "", []byte("chat"))}
	inBubble(t, Options{}, worker.run, func(r *rig) {
		for conn := range parley.ConnID(3) {
			if _, err := r.Call(r.t.Context(), r.info(conn+1), r.hooks, call.SelectSubprotocol, &calltest.Effects{}); err != nil {
				t.Fatal(err)
			}
		}
		r.Open(r.info(2), r.hooks, &calltest.Effects{})
		r.Forget(1)
		r.Forget(2) // open: not a handshake any more
		r.Forget(9)
		r.expectRows(worker, "CALL 1", "CALL 2", "CALL 3", "OPEN 2", "FORGET 1")
	})
}

func TestHandshakeThatTakesTooLongIsForgotten(t *testing.T) {
	worker := &script{}
	inBubble(t, Options{}, worker.run, func(r *rig) {
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Second)
		defer cancel()
		if _, err := r.Call(ctx, r.info(1), r.hooks, call.SelectSubprotocol, &calltest.Effects{}); err == nil {
			t.Error("no error")
		}
		r.expectRows(worker, "CALL 1", "FORGET 1")
	})
}

// What judges is asked by its name, and nothing of it is held once it has
// answered, whatever that was.
func TestJudges(t *testing.T) {
	asked := make(chan string, 10)
	worker := &script{on: func(p *fakeProcess, r row) {
		if r.typ != toCall {
			return
		}
		f := fields{rest: r.payload[5:]}
		hook := string(f.str16())
		asked <- fmt.Sprintf("%d %s", r.payload[4], hook)
		switch hook {
		case "validate.1":
			p.send(fromReply, r.number, r.payload[:4], []byte{replyRaised, 0}, u32(0), str32("ValueError: no"), []byte("tb"))
		case "validate.12":
			time.Sleep(time.Minute)
			fallthrough
		default:
			p.send(fromReply, r.number, r.payload[:4], []byte{replyValue, byte(call.JSON)}, str32(`{}`), []byte("true"))
		}
	}}
	inBubble(t, Options{HangTimeout: time.Hour}, worker.run, func(r *rig) {
		for _, tc := range []struct {
			hook call.Hook
			want string
		}{
			{call.Condition, "true"},
			{call.Validate(1), "validate.1: ValueError: no"},
			{call.Validate(12), "endpoint bot: validate.12 did not answer in time: unavailable: context deadline exceeded"},
		} {
			hook, want := tc.hook, tc.want
			ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
			v, err := r.Call(ctx, r.info(1), r.hooks, hook, &calltest.Effects{})
			cancel()
			if got := string(v.Data); got != want && (err == nil || err.Error() != want) {
				t.Errorf("%s = %s, %v, want %s", hook, got, err, want)
			}
			if got, want := <-asked, "3 "+string(hook); got != want {
				t.Errorf("asked for %s, want %s", got, want)
			}
		}
		time.Sleep(time.Minute)
		w := r.posts[0].live
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.holders) + len(w.handshakes) + r.session.Watchers(); n != 0 {
			t.Errorf("%d holders, %d handshakes and %d watchers are left", len(w.holders), len(w.handshakes), r.session.Watchers())
		}
	})
}

func TestAnEndpointMayBeCompiledInParts(t *testing.T) {
	r := New(Options{})
	for _, hook := range []call.Hook{call.OnMessage, call.Condition} {
		if _, err := r.Compile(functions("bot", map[call.Hook]string{hook: "bot.f"})); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Compile(functions("other", map[call.Hook]string{call.Open: "bot.f"})); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range r.endpoints {
		names = append(names, fmt.Sprint(e.Name, " ", len(e.Hooks)))
	}
	if got, want := strings.Join(names, ", "), "bot 2, other 1"; got != want {
		t.Errorf("the worker gets %s, want %s", got, want)
	}
}

func sessionRow(set string) []byte {
	return append(appendStr16(nil, "s1"), `{"set":`+set+`,"delete":[]}`...)
}

func TestSessionGoesBothWays(t *testing.T) {
	worker := &script{on: func(p *fakeProcess, r row) {
		if r.typ == toText {
			p.send(fromSession, r.number, sessionRow(`{"mine":`+string(r.payload)+`}`))
			p.send(fromDone, r.number, u32(1))
		}
		if r.typ == toClose {
			p.send(fromEnded, r.number)
		}
	}}
	inBubble(t, Options{}, worker.run, func(r *rig) {
		other := func(value string) {
			r.session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"theirs": json.RawMessage(value)}}, nil)
		}
		a, effects := r.open(1)
		b, _ := r.open(2)
		other("1")
		a.Message(parley.Text, []byte("5"))
		r.expect(effects, "session set=[mine] delete=[]", "done 1")
		a.Close(parley.CloseNormal, "")
		synctest.Wait()
		other("2")
		b.Close(parley.CloseNormal, "")
		synctest.Wait()
		other("3") // nobody holds the session any more
		r.expectRows(worker, "OPEN 1", "OPEN 2",
			`SESSION own=0 s1{"set":{"theirs":1},"delete":[]}`,
			"TEXT 1",
			`SESSION own=1 s1{"set":{"mine":5},"delete":[]}`,
			"CLOSE 1",
			`SESSION own=0 s1{"set":{"theirs":2},"delete":[]}`,
			"CLOSE 2")
		if got, want := r.session.String(), "mine=5 theirs=3"; got != want {
			t.Errorf("session %s, want %s", got, want)
		}
	})
}

func TestDeadWorkerWatchesNoSession(t *testing.T) {
	inBubble(t, Options{}, echo, func(r *rig) {
		s, _ := r.open(1)
		s.Message(parley.Text, []byte("die"))
		synctest.Wait()
		sent := r.Stats()[0].Sent
		r.session.Update(parley.SessionChange{Delete: []string{"x"}}, nil)
		if got := r.Stats()[0].Sent; got != sent {
			t.Errorf("%d rows sent for a session that nobody holds", got-sent)
		}
	})
}

// A function that nobody waits for any more still holds its session: what it
// changes counts, and what it prints is printed.
func TestFunctionThatAnswersTooLate(t *testing.T) {
	worker := &script{on: func(p *fakeProcess, r row) {
		if r.typ == toCall {
			time.Sleep(time.Minute)
			p.send(fromSession, r.number, sessionRow(`{"late":1}`))
			p.send(fromLog, r.number, []byte("printed late"))
			p.send(fromReply, r.number, r.payload[:4], []byte{0, 0}, u32(0))
		}
	}}
	inBubble(t, Options{HangTimeout: time.Hour}, worker.run, func(r *rig) {
		ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
		defer cancel()
		effects := &calltest.Effects{}
		if _, err := r.Call(ctx, r.info(1), r.hooks, call.Function, effects); err == nil {
			t.Fatal("no error")
		}
		time.Sleep(time.Minute)
		r.expect(effects)
		r.expectRows(worker, "CALL 1", `SESSION own=1 s1{"set":{"late":1},"delete":[]}`)
		r.expectLog("printed late", 1)
		if got, want := r.session.String(), "late=1"; got != want {
			t.Errorf("session %s, want %s", got, want)
		}
		r.session.Update(parley.SessionChange{Delete: []string{"late"}}, nil)
		r.expectRows(worker, "CALL 1", `SESSION own=1 s1{"set":{"late":1},"delete":[]}`)
	})
}

// What a task changes after its connection has ended counts as long as another
// connection holds the session.
func TestSessionChangedByATaskThatOutlivesItsConnection(t *testing.T) {
	worker := &script{on: func(p *fakeProcess, r row) {
		switch r.typ {
		case toText:
			p.send(fromSession, 1, sessionRow(`{"late":`+string(r.payload)+`}`))
		case toClose:
			p.send(fromEnded, r.number)
		}
	}}
	inBubble(t, Options{}, worker.run, func(r *rig) {
		a, _ := r.open(1)
		b, effects := r.open(2)
		a.Close(parley.CloseNormal, "")
		b.Message(parley.Text, []byte("1"))
		r.expect(effects)
		r.expectRows(worker, "OPEN 1", "OPEN 2", "CLOSE 1", "TEXT 2", `SESSION own=1 s1{"set":{"late":1},"delete":[]}`)
	})
}

func TestEveryEffect(t *testing.T) {
	worker := &script{on: func(p *fakeProcess, r row) {
		switch r.typ {
		case toOpen:
			n := r.number
			p.send(fromText, n, []byte("t"))
			p.send(fromBinary, n, []byte("b"))
			p.send(fromPing, n, []byte("p"))
			p.send(fromSubscribe, n, []byte("lobby"))
			p.send(fromPublish, n, []byte{1}, appendStr16(nil, "lobby"), []byte("hi"))
			p.send(fromUnsubscribe, n, []byte("lobby"))
			p.send(fromLog, n, []byte("line"))
			p.send(fromWait, n)
			p.send(fromFail, n, []byte{0}, u32(0), str32("E: its timer"), []byte("tb"))
			p.send(fromFail, n, []byte{1}, u32(0), str32("E: x"), []byte("tb"))
			p.send(fromClose, n, encodeClose(0, ""))
			p.send(fromWarn, n, []byte("careful"))
			// Nobody's: a task that outlived its connection, and the worker.
			p.send(fromText, 99, []byte("lost"))
			p.send(fromLog, 99, []byte("outlived"))
			p.send(fromPublish, 0, []byte{2}, appendStr16(nil, "lobby"), []byte("tick"))
			p.send(fromFail, 0, []byte{2}, u32(0), str32("E: timer"), []byte("tb"))
		case toClose:
			p.send(fromEnded, r.number)
		}
	}}
	published := make(chan string, 1)
	publish := func(channel string, m parley.Message) {
		published <- fmt.Sprintf("%s %s %s", channel, m.Kind, m.Data)
	}
	inBubble(t, Options{Publish: publish}, worker.run, func(r *rig) {
		s, effects := r.open(1)
		s.Message(parley.Binary, []byte("x"))
		s.Pong([]byte("p"))
		s.Close(parley.CloseNormal, "")
		r.expect(effects, `write text "t"`, `write binary "b"`, `ping "p"`, `subscribe "lobby"`,
			`publish "lobby" text "hi"`, `unsubscribe "lobby"`, `log "line"`, "fail E: its timer", "fail open: E: x", `close 0 ""`, "ended")
		r.expectRows(worker, "OPEN 1", "BINARY 1", "PONG 1", "CLOSE 1", "DRAINED 1")
		if got, want := <-published, "lobby binary tick"; got != want {
			t.Errorf("published %s, want %s", got, want)
		}
		r.expectLog("careful", 1)
		r.expectLog("outlived", 1)
		r.expectLog("E: timer", 1)
		r.expectLog("lost", 0)
	})
}

func TestFaultyEndpointIsUnavailableUntilReloaded(t *testing.T) {
	fault := call.Fault{Endpoint: "bot", Hook: call.OnMessage, Where: "gramex.yaml:1:1", Message: "SyntaxError: no", Traceback: "tb"}
	worker := func(p *fakeProcess) {
		for {
			r, ok := p.next()
			switch {
			case !ok:
				return
			case r.typ == toConfig:
				p.loaded(fault)
			case r.typ == toReload && strings.Contains(string(r.payload), "half.py"):
				p.send(fromReloaded, 0, []byte(`{"version":3,"faults":[{"endpoint":"bot","hook":"open","message":"NameError"}],"failed":{"half":"tb"}}`))
			case r.typ == toReload:
				p.send(fromReloaded, 0, []byte(`{"version":3,"modules":{"bot":"/app/bot.py"},"faults":[],"reloaded":["bot"]}`))
			}
		}
	}
	for _, workers := range []int{1, 3} { // what several say is told once
		t.Run(fmt.Sprintf("%d workers", workers), func(t *testing.T) {
			inBubble(t, Options{Workers: workers}, worker, func(r *rig) {
				if got := r.Faults(); len(got) != 1 || got[0] != fault {
					t.Errorf("faults = %+v", got)
				}
				if err := r.Ready(r.t.Context(), r.info(1), r.hooks); !errors.Is(err, parley.ErrUnavailable) || !strings.Contains(err.Error(), "SyntaxError: no") {
					t.Errorf("Ready says %v", err)
				}
				r.expectLog("does not serve", 0) // left to whoever started

				r.Changed([]string{"/app/half.py"})
				r.expectLog("does not serve", 1)
				r.expectLog("not reloaded", 1)

				r.Changed([]string{"/app/bot.py"})
				r.expectLog("msg=reloaded", workers)
				r.expectLog("serves again", 1)
				r.open(1)
				if got := r.Modules()["bot"]; got != "/app/bot.py" {
					t.Errorf("module bot is %s", got)
				}
			})
		})
	}
}
