package calltest

import (
	"encoding/json"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

func runSessions(t *testing.T, s Subject) {
	setAndGet := func(t *testing.T) (set, get *app) {
		t.Helper()
		apps := s.startAll(t, endpoint("set", map[call.Hook]string{call.OnMessage: s.Code.MessageSession}),
			endpoint("get", map[call.Hook]string{call.OnMessage: s.Code.MessageGet}))
		return apps[0], apps[1]
	}
	say := func(t *testing.T, c *conn, text, done string) {
		t.Helper()
		before := len(only(c.effects.Lines(), done))
		c.Message(parley.Text, []byte(text))
		c.wait(t, done, func(lines []string) bool { return len(only(lines, done)) > before })
	}

	t.Run("connections of one session share it", func(t *testing.T) {
		set, get := setAndGet(t)
		shared := &Session{Name: "shared"}
		one, two := set.info(1), get.info(2)
		one.Session, two.Session = shared, shared
		writer, reader := set.openAs(one), get.openAs(two)
		say(t, reader, "k", "done 1")
		say(t, writer, "new", "done 3")
		say(t, reader, "k", "done 1")
		say(t, writer, "delete", "done 6")
		say(t, reader, "k", "done 1")
		writer.end(t)
		expect(t, only(reader.end(t), "write"), []string{`write text "None"`, `write text "new"`, `write text "None"`})
	})

	t.Run("a session outlives its connections", func(t *testing.T) {
		set, get := setAndGet(t)
		shared := &Session{Name: "shared"}
		one, two := set.info(1), get.info(2)
		one.Session, two.Session = shared, shared
		writer := set.openAs(one)
		say(t, writer, "kept", "done 4")
		writer.end(t)
		reader := get.openAs(two)
		say(t, reader, "k", "done 1")
		expect(t, only(reader.end(t), "write"), []string{`write text "kept"`})
	})

	t.Run("sessions don't mix", func(t *testing.T) {
		set, get := setAndGet(t)
		writer, reader := set.open(1), get.open(2)
		say(t, writer, "mine", "done 4")
		say(t, reader, "k", "done 1")
		writer.end(t)
		expect(t, only(reader.end(t), "write"), []string{`write text "None"`})
	})

	t.Run("what others change is seen by the next function", func(t *testing.T) {
		_, get := setAndGet(t)
		c := get.open(1)
		say(t, c, "k", "done 1")
		c.session.Update(parley.SessionChange{Set: map[string]json.RawMessage{"k": json.RawMessage(`"théirs"`)}}, nil)
		say(t, c, "k", "done 1")
		expect(t, only(c.end(t), "write"), []string{`write text "None"`, `write text "théirs"`})
	})

	t.Run("a change inside a value counts", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageAppend}).open(1)
		say(t, c, "a", "done 1")
		say(t, c, "é", "done 2")
		lines := c.end(t)
		expect(t, lines, []string{
			"session set=[list] delete=[]", "done 1", "session set=[list] delete=[]", "done 2", "ended",
		})
		var list []string
		if err := json.Unmarshal(c.session.Values()["list"], &list); err != nil || len(list) != 2 || list[0]+list[1] != "aé" {
			t.Errorf("session = %s, %v", c.session, err)
		}
	})

	t.Run("a session has an id", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageSessionID}).open(7)
		c.Message(parley.Text, []byte("x"))
		expect(t, only(c.end(t), "write", "session"), []string{`write text "session-7"`})
	})

	t.Run("what is changed before a failure is kept", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageSessionRaise}).open(1)
		c.Message(parley.Text, []byte("v"))
		c.waitLine(t, "done 1")
		c.end(t)
		if got := c.session.String(); got != `k="v"` {
			t.Errorf("session = %s", got)
		}
	})

	t.Run("what on_close changes is kept", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnClose: s.Code.CloseSession}).open(1)
		expect(t, c.end(t), []string{"session set=[k] delete=[]", "ended"})
		if got := c.session.String(); got != `k="closed"` {
			t.Errorf("session = %s", got)
		}
	})
}
