package gofunc_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/gofunc"
)

func yes(context.Context, parley.Conn) (bool, error) { return true, nil }

func TestWhatCanJudge(t *testing.T) {
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
		"x.may":  gofunc.NewConditionFunc(yes),
		"x.open": gofunc.NewFunc(func(context.Context, parley.Conn) error { return nil }),
		"x.page": gofunc.NewRequestFunc(func(context.Context, parley.Conn, http.ResponseWriter) error { return nil }),
		"x.pick": gofunc.NewSubprotocolFunc(func(context.Context, parley.Conn, []string) (string, error) { return "", nil }),
	}})
	const at = "a.yaml:1:7: url.x.kwargs."
	for _, tc := range []struct {
		hook call.Hook
		text string
		want string // "" if it fits
	}{
		{call.Condition, "x.may", ""},
		{call.Validate(7), "x.may", ""},
		{call.Condition, "x.open", "auth.condition: x.open returns no value, and auth.condition needs one"},
		{call.Condition, "x.page", "auth.condition: x.page does not work here, only in function"},
		{call.Validate(0), "x.pick", "validate.0: x.pick does not work here, only in select_subprotocol"},
		{call.Condition, "parley.echo", "auth.condition: parley.echo does not work here, only in on_message"},
		{call.Condition, "x.my", `auth.condition: "x.my" is no registered Go function (did you mean x.may?)`},
		{call.Function, "x.may", "function: x.may does not work here, only in condition of auth, validate"},
		{call.Open, "x.may", "open: x.may does not work here, only in condition of auth, validate"},
	} {
		_, err := r.Compile(functions(map[call.Hook]string{tc.hook: tc.text}))
		var problems call.Problems
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %s: %v", tc.hook, tc.text, err)
		case tc.want != "" && (!errors.As(err, &problems) || err.Error() != at+tc.want):
			t.Errorf("problem:\n%v\nwant:\n%s", err, at+tc.want)
		}
	}
}

// A hook that is not configured is none of another's function.
func TestNothingJudgesUnasked(t *testing.T) {
	r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{"x.may": gofunc.NewConditionFunc(yes)}})
	h := compile(t, r, functions(map[call.Hook]string{call.Condition: "x.may"}))
	if err := r.Ready(t.Context(), call.Info{}, h); err != nil {
		t.Fatal(err)
	}
	info := (&bench{}).info()
	for _, hook := range []call.Hook{call.Validate(0), call.Function} {
		if v, err := r.Call(t.Context(), info, h, hook, &calltest.Effects{}); err == nil || v.Passes() {
			t.Errorf("%s = %q, %v", hook, v.Data, err)
		}
	}
}

func TestTheUserOfAConnThatIsOverIsWhomATokenNamed(t *testing.T) {
	for name, token := range map[string]parley.User{"": nil, "ann": {"id": json.RawMessage(`"ann"`)}} {
		var kept parley.Conn
		r := start(t, gofunc.Options{Functions: map[string]gofunc.Function{
			"x.may": gofunc.NewConditionFunc(func(_ context.Context, c parley.Conn) (bool, error) {
				kept = c
				return c.User().ID() != "", nil
			}),
		}})
		h := compile(t, r, functions(map[call.Hook]string{call.Condition: "x.may"}))
		if err := r.Ready(t.Context(), call.Info{}, h); err != nil {
			t.Fatal(err)
		}
		info := (&bench{}).info()
		info.User = token
		info.Session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"user": json.RawMessage(`{"id":"bob"}`)}}, nil)
		if v, err := r.Call(t.Context(), info, h, call.Condition, &calltest.Effects{}); err != nil || !v.Passes() {
			t.Errorf("Call = %q, %v", v.Data, err)
		}
		if got := kept.User().ID(); got != name {
			t.Errorf("the user is %q, want %q", got, name)
		}
	}
}
