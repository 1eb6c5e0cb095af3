package calltest

import (
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// runOrder tests that the functions of a connection run in the order of what
// happened, whatever each of them waits for.
func runOrder(t *testing.T, s Subject) {
	t.Run("pongs and messages keep their order", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.Message, call.OnPong: s.Code.PongEcho}).open(1)
		c.Message(parley.Text, []byte("a"))
		c.Pong([]byte("b"))
		c.Message(parley.Text, []byte("c"))
		expect(t, only(c.end(t), "write"), []string{`write text "a"`, `write binary "b"`, `write text "c"`})
	})

	t.Run("on_close waits for a message that waits", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.SlowMessage, call.OnClose: s.Code.CloseLog}).open(1)
		c.Message(parley.Text, []byte("slow"))
		c.Close(parley.CloseNormal, "bye")
		expect(t, only(c.ended(t), "done", "log", "ended"), []string{"done 4", `log "closed 1000 bye"`, "ended"})
	})

	t.Run("on_close waits for an open that waits", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.Open: s.Code.SlowOpen, call.OnClose: s.Code.CloseLog}).open(1)
		c.Message(parley.Text, []byte("hi"))
		c.Close(parley.CloseNormal, "bye")
		expect(t, only(c.ended(t), "done", "log", "ended"), []string{"done 2", `log "closed 1000 bye"`, "ended"})
	})

	t.Run("messages before the close are all run, and on_close once", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageCount, call.OnClose: s.Code.CloseCount}).open(1)
		for range 100 {
			c.Message(parley.Text, []byte("x"))
		}
		c.Close(parley.CloseNormal, "")
		expect(t, only(c.ended(t), "log", "ended"), []string{`log "counted 100"`, "ended"})
	})

	t.Run("on_close runs, though a message waits for ever", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.StuckMessage, call.OnClose: s.Code.CloseLog}).open(1)
		c.Message(parley.Text, []byte("stuck"))
		c.Close(parley.CloseAbnormal, "")
		expect(t, only(c.ended(t), "log", "ended"), []string{`log "closed 1006 None"`, "ended"})
	})

	t.Run("what has closed can still publish", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageLateSay}).open(1)
		c.Message(parley.Text, []byte("hi"))
		c.waitLine(t, "done 2")
		expect(t, c.end(t), []string{`close 4321 "bye"`, `publish "lobby" text "hi"`, "done 2", "ended"})
	})

	t.Run("what writes after it has closed fails", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageLateWrite, call.OnClose: s.Code.CloseLog}).open(1)
		c.Message(parley.Text, []byte("hi"))
		c.waitLine(t, "done 2")
		c.Close(4321, "bye")
		expect(t, firstWords(c.ended(t)), []string{"close", "fail", "done", "log", "ended"})
	})

	t.Run("on_close that writes to a peer that has left is no failure", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnClose: s.Code.CloseWrite}).open(1)
		c.effects.Gone()
		expect(t, c.end(t), []string{"ended"})
	})
}
