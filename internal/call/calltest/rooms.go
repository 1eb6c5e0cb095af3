package calltest

import (
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

func runRooms(t *testing.T, s Subject) {
	t.Run("a room is joined, told and left in order", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageRoom}).open(1)
		for _, text := range []string{"hi", "join", "ho", "leave"} {
			c.Message(parley.Text, []byte(text))
		}
		c.waitLine(t, "done 5")
		expect(t, only(c.end(t), "publish", "write", "subscribe", "unsubscribe"), []string{
			`publish "lobby" text "hi"`, `write text "said"`, `subscribe "lobby"`,
			`publish "lobby" text "ho"`, `write text "said"`, `unsubscribe "lobby"`,
		})
	})

	t.Run("a room can be joined again", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageRoom}).open(1)
		for _, text := range []string{"join", "leave", "join"} {
			c.Message(parley.Text, []byte(text))
		}
		c.waitLine(t, "done 5")
		expect(t, only(c.end(t), "subscribe", "unsubscribe"), []string{`subscribe "lobby"`, `unsubscribe "lobby"`, `subscribe "lobby"`})
	})

	t.Run("on_close can say goodbye", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.Open: s.Texts.Join, call.OnClose: s.Code.CloseSay}).open(1)
		expect(t, only(c.end(t), "publish", "fail", "ended"), []string{`publish "lobby" text "bye"`, "ended"})
	})

	t.Run("each connection joins for itself", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageRoom})
		in, out := a.open(1), a.open(2)
		in.Message(parley.Text, []byte("join"))
		out.Message(parley.Text, []byte("hi"))
		expect(t, only(in.end(t), "subscribe", "publish"), []string{`subscribe "lobby"`})
		expect(t, only(out.end(t), "subscribe", "publish"), []string{`publish "lobby" text "hi"`})
	})
}
