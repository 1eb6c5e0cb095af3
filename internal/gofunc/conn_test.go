package gofunc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/gofunc"
)

// opened returns the Conn of an open stream, as its functions see it. Its
// on_close waits until the test ends.
func opened(t *testing.T) (*bench, *life, parley.Conn) {
	t.Helper()
	var conn parley.Conn
	open := gofunc.NewFunc(func(_ context.Context, c parley.Conn) error {
		conn = c
		return nil
	})
	open.NeverWaits = true
	b := serve(t, map[call.Hook]gofunc.Function{
		call.Open: open,
		call.OnClose: gofunc.NewFunc(func(context.Context, parley.Conn) error {
			<-t.Context().Done()
			return nil
		}),
	}, nil)
	l := b.open()
	return b, l, conn
}

func TestWhatCannotBeDoneIsAnErrorAndDoesNothing(t *testing.T) {
	b, l, c := opened(t)
	for want, err := range map[string]error{
		"a message should be made by TextMessage or BinaryMessage, or be one that came":   c.Send(parley.Message{Data: []byte("hi")}),
		"a message of text should be UTF-8; send other bytes as a BinaryMessage":          c.Publish("a", parley.TextMessage("\xff")),
		"ping: 126 bytes of data, 125 are possible":                                       c.Ping(make([]byte, 126)),
		"close: code 1006 cannot be sent; those of an app are 3000 to 4999, and 1000":     c.Close(parley.CloseAbnormal, ""),
		`a channel has a name, and "" is none`:                                            c.Join(""),
		"a channel's name cannot begin with a NUL character: such names are Parley's own": c.Join("\x00a"),
		`session: set "a": json: unsupported type: func()`:                                c.Session().Set("a", func() {}),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if err := c.Publish("\x00a", parley.TextMessage("hi")); err == nil {
		t.Error("publishing to a reserved name is no error")
	}
	b.expect(l)
}

func TestAfterTheCloseOnlyThePeerIsGone(t *testing.T) {
	b, l, c := opened(t)
	l.Stream.Close(parley.CloseNormal, "")
	for name, err := range map[string]error{
		"join": c.Join("a"), "leave": c.Leave("a"), "close": c.Close(0, ""),
	} {
		if !errors.Is(err, parley.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"publish": c.Publish("a", parley.BinaryMessage([]byte{0xff})), "set": c.Session().Set("a", 1), "delete": c.Session().Delete("a"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := only(l.Lines(), "publish", "session"); len(got) != 3 {
		t.Errorf("emitted %q", got)
	}
	b.running(1)
}

// only returns the lines that begin with one of the words.
func only(lines []string, words ...string) (list []string) {
	for _, line := range lines {
		for _, word := range words {
			if strings.HasPrefix(line, word+" ") {
				list = append(list, line)
			}
		}
	}
	return list
}

func TestSessionHasTypedValues(t *testing.T) {
	session := &calltest.Session{Name: "s"}
	effects := &calltest.Effects{Session: session}
	type visit struct {
		Page  string
		Times int
	}
	b := serve(t, map[call.Hook]gofunc.Function{call.Function: gofunc.NewRequestFunc(func(_ context.Context, c parley.Conn, w http.ResponseWriter) error {
		s := c.Session()
		var v visit
		if found, err := s.Get("visit", &v); found || err != nil || v != (visit{}) {
			t.Errorf("no value: %t, %v", found, err)
		}
		if err := s.Set("visit", visit{"home", 3}); err != nil {
			return err
		}
		if found, err := s.Get("visit", &v); !found || err != nil || v != (visit{"home", 3}) {
			t.Errorf("a value: %t, %v, %v", found, err, v)
		}
		var number int
		if found, err := s.Get("visit", &number); !found || err == nil || !strings.HasPrefix(err.Error(), `session: read "visit": json: `) {
			t.Errorf("a value of another type: %t, %v", found, err)
		}
		fmt.Fprint(w, s.ID())
		return s.Delete("visit", "none")
	})}, nil)
	info := b.info()
	info.Session = session
	v, err := b.runtime.Call(t.Context(), info, b.hooks, call.Function, effects)
	if err != nil || string(v.Data) != "s" || len(session.Values()) != 0 {
		t.Errorf("Call: %q, %v; session %s", v.Data, err, session)
	}
}

func TestARequestIsOverOnceItIsAnswered(t *testing.T) {
	var conn parley.Conn
	b := serve(t, map[call.Hook]gofunc.Function{call.Function: gofunc.NewRequestFunc(func(_ context.Context, c parley.Conn, _ http.ResponseWriter) error {
		conn = c
		return errNoWay
	})}, nil)
	effects := &calltest.Effects{}
	if _, err := b.runtime.Call(t.Context(), b.info(), b.hooks, call.Function, effects); err == nil {
		t.Error("Call: no error")
	}
	if _, err := conn.Session().Get("a", nil); !errors.Is(err, parley.ErrClosed) {
		t.Errorf("Get: %v", err)
	}
	if err := conn.Publish("a", parley.TextMessage("hi")); !errors.Is(err, parley.ErrClosed) || len(effects.Lines()) > 0 {
		t.Errorf("Publish: %v, %q", err, effects.Lines())
	}
}

func TestWhatAFunctionIsForIsTold(t *testing.T) {
	pick := gofunc.NewSubprotocolFunc(func(context.Context, parley.Conn, []string) (string, error) { return "", nil })
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
		"x.plain":   gofunc.NewFunc(func(context.Context, parley.Conn) error { return nil }),
		"x.message": gofunc.NewMessageFunc(func(context.Context, parley.Conn, parley.Message) error { return nil }),
		"x.pick":    pick,
	}})
	for _, tc := range []struct {
		hook call.Hook
		text string
		want string // "" if it fits
	}{
		{call.Open, "x.plain", ""},
		{call.OnClose, "x.plain", ""},
		{call.OnPong, "x.message", ""},
		{call.OnMessage, "x.plain", "x.plain does not work here, only in open, on_close"},
		{call.OnClose, "x.message", "x.message does not work here, only in on_message, on_pong"},
		{call.Function, "x.pick", "x.pick does not work here, only in select_subprotocol"},
		{call.Function, "x.plain", "x.plain returns no value, and function needs one"},
	} {
		_, err := r.Compile(functions(map[call.Hook]string{tc.hook: tc.text}))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %s: %v, want %s", tc.hook, tc.text, err, tc.want)
		}
	}
}
