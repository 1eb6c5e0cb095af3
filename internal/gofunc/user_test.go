package gofunc_test

import (
	"encoding/json"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/gofunc"
)

// Built-ins need no session, unless an argument looks at it.
func TestWhoNeedsTheSession(t *testing.T) {
	r, err := gofunc.New(gofunc.Options{Evaluate: func(s call.Step) (func(call.Info) (string, error), error) {
		return func(info call.Info) (string, error) {
			return call.CurrentUser(info.User, info.Session).ID(), nil
		}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`parley.room("session")`:                    true,
		`parley.room(handler.path_kwargs["room"])`:  true,
		`parley.room(handler.current_user.id)`:      false,
		`parley.room(handler.session["room"] + "")`: false,
	} {
		h := compile(t, r, functions(map[call.Hook]string{call.Open: text}))
		if got := r.Traits(h); got.NoSession != want || !got.Prompt {
			t.Errorf("%s: %+v", text, got)
		}
	}
	h := compile(t, r, functions(map[call.Hook]string{call.Open: `parley.room(handler.current_user.id)`}))
	session, effects := &calltest.Session{Name: "s"}, &calltest.Effects{}
	session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"user": json.RawMessage(`{"id":"bob"}`)}}, nil)
	r.Open(call.Info{Conn: 1, Session: session}, h, effects)
	if got := effects.Lines(); len(got) != 1 || got[0] != `subscribe "bob"` {
		t.Errorf("emitted %q", got)
	}
}
