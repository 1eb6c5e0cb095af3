package calltest

import (
	"encoding/json"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// signIn makes text the session's value "user", as JSON; "" deletes it.
func signIn(session parley.SharedSession, text string) {
	change := parley.SessionChange{Delete: []string{call.UserKey}}
	if text != "" {
		change = parley.SessionChange{Set: map[string]json.RawMessage{call.UserKey: json.RawMessage(text)}}
	}
	session.Update(change, nil)
}

// runUsers tests who functions are told is there.
func runUsers(t *testing.T, s Subject) {
	const ann, bob = `{"id": "ann", "role": "admin", "deep": {"er": ["é"]}}`, `{"id":"bob"}`
	openAs := func(t *testing.T, text string, token parley.User, inSession string) *conn {
		t.Helper()
		a := s.start(t, map[call.Hook]string{call.OnMessage: text})
		info := a.info(1)
		info.User = token
		signIn(info.Session, inSession)
		return a.openAs(info)
	}
	say := func(t *testing.T, c *conn, text string) string {
		t.Helper()
		before := len(only(c.effects.Lines(), "done"))
		c.Message(parley.Text, []byte(text))
		lines := c.wait(t, "done", func(lines []string) bool { return len(only(lines, "done")) > before })
		written := only(lines, "write")
		if len(written) != before+1 {
			t.Fatalf("emitted %q", lines)
		}
		return written[before]
	}

	for name, tc := range map[string]struct {
		token     parley.User
		inSession string
		want      string
	}{
		"nobody":                           {nil, "", "None"},
		"the session's":                    {nil, ann, "ann"},
		"the token's":                      {parley.ParseUser([]byte(ann)), "", "ann"},
		"the token's before the session's": {parley.ParseUser([]byte(ann)), bob, "ann"},
		"a user without attributes":        {nil, "{}", "None"},
		"a text":                           {nil, `"ann"`, "None"},
		"a list":                           {nil, `["id"]`, "None"},
		"null":                             {nil, "null", "None"},
	} {
		t.Run("the current user: "+name, func(t *testing.T) {
			c := openAs(t, s.Code.MessageUser, tc.token, tc.inSession)
			if got, want := say(t, c, "x"), `write text "`+tc.want+`"`; got != want {
				t.Errorf("emitted %s, want %s", got, want)
			}
			expect(t, only(c.end(t), "session"), nil)
		})
	}

	origins := map[string]struct {
		token     parley.User
		inSession string
	}{"the session": {nil, ann}, "a token": {parley.ParseUser([]byte(ann)), bob}}
	for origin, tc := range origins {
		t.Run("attributes of a user of "+origin, func(t *testing.T) {
			c := openAs(t, s.Code.MessageUserValue, tc.token, tc.inSession)
			for name, want := range map[string]string{"id": "ann", "role": "admin", "nothing": "None"} {
				if got, want := say(t, c, name), `write text "`+want+`"`; got != want {
					t.Errorf("%s: emitted %s, want %s", name, got, want)
				}
			}
			c.end(t)
		})

		t.Run("what is deep in a user of "+origin, func(t *testing.T) {
			c := openAs(t, s.Code.MessageUserDeep, tc.token, tc.inSession)
			if got, want := say(t, c, "x"), `write text "é"`; got != want {
				t.Errorf("emitted %s, want %s", got, want)
			}
			c.end(t)
		})

		t.Run("an attribute that a user of "+origin+" lacks", func(t *testing.T) {
			c := openAs(t, s.Code.MessageUserLacks, tc.token, tc.inSession)
			c.Message(parley.Text, []byte("x"))
			c.waitLine(t, "done 1")
			lines := c.end(t)
			if !strings.HasPrefix(lines[0], "fail on_message: ") || !strings.Contains(lines[0], "user") || !strings.Contains(lines[0], "nothing") {
				t.Errorf("emitted %q", lines)
			}
		})

		t.Run("a function cannot change a user of "+origin, func(t *testing.T) {
			a := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageUserChange})
			info := a.info(1)
			info.User = tc.token
			signIn(info.Session, tc.inSession)
			c := a.openAs(info)
			c.Message(parley.Text, []byte("x"))
			c.waitLine(t, "done 1")
			lines := c.end(t)
			expect(t, only(lines, "session"), nil)
			for _, line := range only(lines, "write") { // unless it raised
				if line != `write text "ann"` {
					t.Errorf("emitted %q", lines)
				}
			}
			if got := string(info.Session.Values()[call.UserKey]); got != tc.inSession {
				t.Errorf("the session has %s", got)
			}
			if got := info.User.ID(); info.User != nil && got != "ann" {
				t.Errorf("the token's user is %s", got)
			}
		})
	}

	t.Run("a login and logout elsewhere are seen by the next function", func(t *testing.T) {
		c := openAs(t, s.Code.MessageUser, nil, "")
		for _, step := range [][2]string{{"", "None"}, {ann, "ann"}, {bob, "bob"}, {"", "None"}} {
			signIn(c.session, step[0])
			if got, want := say(t, c, "x"), `write text "`+step[1]+`"`; got != want {
				t.Errorf("user %s: emitted %s, want %s", step[0], got, want)
			}
		}
		c.end(t)
	})

	t.Run("a function sees at once whom it logs in and out", func(t *testing.T) {
		c := openAs(t, s.Code.MessageLogin, nil, bob)
		for _, step := range [][2]string{{"ann", "ann"}, {"nobody", "None"}, {"eve", "eve"}} {
			if got, want := say(t, c, step[0]), `write text "`+step[1]+`"`; got != want {
				t.Errorf("login of %s: emitted %s, want %s", step[0], got, want)
			}
		}
		expect(t, only(c.end(t), "session"), []string{
			"session set=[user] delete=[]", "session set=[] delete=[user]", "session set=[user] delete=[]",
		})
		if got := parley.ParseUser(c.session.Values()[call.UserKey]).ID(); got != "eve" {
			t.Errorf("session = %s", c.session)
		}
	})

	t.Run("whom a function logs in is not whom a token names", func(t *testing.T) {
		c := openAs(t, s.Code.MessageLogin, parley.ParseUser([]byte(bob)), "")
		if got, want := say(t, c, "ann"), `write text "bob"`; got != want {
			t.Errorf("emitted %s, want %s", got, want)
		}
		c.end(t)
	})

	t.Run("a page has a user", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Function: s.Code.FunctionUser})
		for want, token := range map[string]parley.User{"bob": nil, "ann": parley.ParseUser([]byte(ann))} {
			info := a.info(1)
			info.User = token
			signIn(info.Session, bob)
			v, err := a.runtime.Call(t.Context(), info, a.hooks, call.Function, &Effects{})
			if err != nil || string(v.Data) != want {
				t.Errorf("answer %q, %v, want %s", v.Data, err, want)
			}
		}
	})
}
