package star_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/star"
)

const ann = `{"id": "ann", "deep": {"er": [{"est": 1}]}, "n": 2.5}`

// asked evaluates an expression about a request with a user: by token, or of
// the session.
func asked(t *testing.T, hook call.Hook, text string, byToken bool) (call.Value, *calltest.Session, error) {
	t.Helper()
	r, hooks := start(t, star.Options{}, functions(map[call.Hook]string{hook: text}))
	about := info(1)
	session := about.Session.(*calltest.Session)
	if byToken {
		about.User = parley.ParseUser([]byte(ann))
	} else {
		session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"user": json.RawMessage(ann)}}, nil)
	}
	v, err := r.Call(t.Context(), about, hooks[0], hook, &calltest.Effects{Session: session})
	return v, session, err
}

// What calltest cannot ask all runtimes: how the value looks, and what its
// errors say.
func TestTheCurrentUserIsAFrozenDictionary(t *testing.T) {
	for _, tc := range []struct{ text, want, err string }{
		{"type(handler.current_user)", "user", ""},
		{"sorted(handler.current_user.items())[0]", `["deep", {"er": [{"est": 1}]}]`, ""},
		{"handler.current_user.deep.er[0].est + handler.current_user['n']", "3.5", ""},
		{"isinstance(handler.current_user, dict)", "true", ""},
		{"json.dumps(handler.current_user['deep'])", `{"er": [{"est": 1}]}`, ""},
		{"dict(handler.current_user, id='eve')['id'] + handler.current_user.id", "eveann", ""},
		{"handler.current_user.role", "", "user has no .role "},
		{"handler.current_user.deep.role", "", "user has no .role "},
		{"handler.current_user['role']", "", `key "role" not in user`},
		{"handler.current_user.pop('id')", "", "frozen"},
		{"handler.current_user.deep.er.append(1)", "", "frozen"},
		{"handler.current_user.deep.er[0].update(est=2)", "", "frozen"},
	} {
		for _, byToken := range []bool{true, false} {
			v, session, err := asked(t, call.Function, tc.text, byToken)
			switch {
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("%s: error %v, want %s", tc.text, err, tc.err)
			case tc.err == "" && (err != nil || string(v.Data) != tc.want):
				t.Errorf("%s = %s, %v, want %s", tc.text, v.Data, err, tc.want)
			}
			if text := session.Values()["user"]; !byToken && string(text) != ann {
				t.Errorf("%s: the session has %s", tc.text, text)
			}
		}
	}
}

// A function that has changed the user in the session sees it so.
func TestTheCurrentUserIsWhatTheSessionHasNow(t *testing.T) {
	for text, want := range map[string]string{
		"[handler.session['user'].update(id='eve'), handler.current_user.id][1]":                                     "eve",
		"[handler.session.pop('user'), handler.current_user][1]":                                                     "",
		"[handler.current_user.id, handler.session.clear(), handler.current_user == None][0::2]":                     `["ann", true]`,
		"[handler.session.update(user={'id': 'bob', 'roles': ('a', {'b': 1})}), handler.current_user.roles[1].b][1]": "1",
	} {
		if v, _, err := asked(t, call.Function, text, false); err != nil || string(v.Data) != want {
			t.Errorf("%s = %s, %v, want %s", text, v.Data, err, want)
		}
	}
}

// The handler of a function that judges can only be looked at.
func TestWhatJudgesHasNoSocketAndNoAnswer(t *testing.T) {
	for text, want := range map[string]string{
		"handler.write_message('x')": "write_message: this is no WebSocket",
		"handler.close()":            "close: this is no WebSocket",
		"handler.set_status(201)":    "set_status: this function does not make the response",
		"handler.redirect('/x')":     "redirect: this function does not make the response",
		"handler.get_arg('z')":       "missing argument z",
	} {
		_, _, err := asked(t, call.Condition, text, true)
		var raised *call.FunctionError
		if !errors.As(err, &raised) || raised.Message != want || raised.Hook != call.Condition {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	v, _, err := asked(t, call.Condition, "hasattr(handler, 'session') and 'set_status' not in dir(handler) and 'close' not in dir(handler)", true)
	if err != nil || !v.Passes() {
		t.Errorf("Call = %s, %v", v.Data, err)
	}
}

// What others compute at a handshake knows the user, too, with and without a
// session.
func TestAnExpressionOfOthersKnowsTheUser(t *testing.T) {
	r, _ := start(t, star.Options{})
	value, err := r.Expression(call.Step{Function: "handler.current_user.id if handler.current_user else 'nobody'"})
	if err != nil {
		t.Fatal(err)
	}
	session := &calltest.Session{Name: "s"}
	session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"user": json.RawMessage(`{"id":"bob"}`)}}, nil)
	for want, change := range map[string]func(*call.Info){
		"nobody": func(about *call.Info) { about.Session = nil },
		"ann":    func(about *call.Info) { about.Session, about.User = nil, parley.ParseUser([]byte(ann)) },
		"bob":    func(about *call.Info) { about.Session = session },
	} {
		about := info(1)
		change(&about)
		if got, err := value(about); err != nil || got != want {
			t.Errorf("it is %q, %v, want %q", got, err, want)
		}
	}
}
