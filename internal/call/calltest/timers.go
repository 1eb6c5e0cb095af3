package calltest

import (
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

func runTimers(t *testing.T, s Subject) {
	t.Run("a timer ticks until the connection ends", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Open: s.Code.OpenTicks, call.OnMessage: s.Code.Message})
		c := a.open(1)
		c.wait(t, "three ticks", func(lines []string) bool { return len(only(lines, "write")) >= 3 })
		c.effects.Gone()
		lines := only(c.end(t), "write", "fail")
		// While another's ticks come, no more of the first do.
		other := a.open(2)
		other.wait(t, "three ticks", func(lines []string) bool { return len(only(lines, "write")) >= 3 })
		other.effects.Gone()
		other.end(t)
		expect(t, only(c.effects.Lines(), "write", "fail"), lines)
		for _, line := range lines {
			if line != `write text "tick"` {
				t.Errorf("emitted %q", lines)
			}
		}
	})

	t.Run("messages come between ticks", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.Open: s.Code.OpenTicks, call.OnMessage: s.Code.Message}).open(1)
		c.waitLine(t, `write text "tick"`)
		c.Message(parley.Text, []byte("hi"))
		c.waitLine(t, `write text "hi"`)
		before := len(c.effects.Lines())
		c.wait(t, "another tick", func(lines []string) bool { return len(only(lines[before:], "write")) > 0 })
		c.effects.Gone()
		c.end(t)
	})

	t.Run("a timer can ring once", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.Open: s.Code.OpenLater}).open(1)
		c.waitLine(t, `write text "later"`)
		expect(t, c.end(t), []string{`write text "later"`, "ended"})
	})

	t.Run("a timer that has not rung ends with the connection", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Open: s.Code.OpenLater})
		c := a.open(1)
		c.effects.Gone()
		c.end(t)
		other := a.open(2)
		other.waitLine(t, `write text "later"`)
		other.end(t)
		expect(t, only(c.effects.Lines(), "write", "ended"), []string{"ended"})
	})
}
