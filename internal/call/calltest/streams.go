package calltest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// runStreams tests the contract of call.Stream with functions that every
// runtime has.
func runStreams(t *testing.T, s Subject) {
	echo := map[call.Hook]string{call.OnMessage: s.Texts.Echo}

	t.Run("answers in order, each message done after its answer", func(t *testing.T) {
		c := s.start(t, echo).open(1)
		var writes, dones []string
		for i := range 300 {
			kind, data := parley.Text, []byte(strings.Repeat("é", i%50))
			if i%3 == 0 {
				kind, data = parley.Binary, bytes.Repeat([]byte{0xff}, i%50)
			}
			writes = append(writes, fmt.Sprintf("write %s %q", kind, data))
			dones = append(dones, fmt.Sprintf("done %d", len(data))) // which a runtime may gather
			c.Message(kind, data)
		}
		lines := c.end(t)
		expect(t, only(lines, "write", "ended"), append(writes, "ended"))
		expect(t, only(lines, "done"), dones)
		answered := 0
		for i, line := range lines {
			switch {
			case strings.HasPrefix(line, "write"):
				answered++
			case strings.HasPrefix(line, "done"):
				if answered--; answered < 0 {
					t.Fatalf("line %d: a message is done before its answer: %q", i+1, few(lines[max(0, i-4):]))
				}
			}
		}
	})

	t.Run("open comes before messages", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.Open: s.Texts.Join, call.OnMessage: s.Texts.Echo}).open(1)
		c.Message(parley.Text, []byte("hi"))
		lines := only(c.end(t), "subscribe", "write", "done", "ended")
		expect(t, lines, []string{`subscribe "lobby"`, `write text "hi"`, "done 2", "ended"})
	})

	t.Run("a message without bytes is a message", func(t *testing.T) {
		c := s.start(t, echo).open(1)
		c.Message(parley.Text, nil)
		c.Message(parley.Binary, []byte{})
		expect(t, c.end(t), []string{`write text ""`, "done 0", `write binary ""`, "done 0", "ended"})
	})

	t.Run("a large message comes whole", func(t *testing.T) {
		c := s.start(t, echo).open(1)
		data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
		c.Message(parley.Binary, data)
		lines := c.end(t)
		if want := fmt.Sprintf("write binary %q", data); len(lines) != 3 || lines[0] != want || lines[1] != fmt.Sprintf("done %d", len(data)) {
			t.Errorf("the message of %d bytes came back as %d lines or changed", len(data), len(lines))
		}
	})

	t.Run("what is not configured does nothing", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.Open: s.Texts.Join}).open(1)
		c.Message(parley.Text, []byte("hi"))
		c.Message(parley.Binary, []byte{0xff})
		c.Pong([]byte("x"))
		expect(t, only(c.end(t), "write", "done", "close", "fail", "ended"), []string{"done 2", "done 1", "ended"})
	})

	t.Run("no hooks at all", func(t *testing.T) {
		c := s.start(t, nil).open(1)
		c.Message(parley.Text, []byte("hi"))
		c.Pong(nil)
		expect(t, c.end(t), []string{"done 2", "ended"})
	})

	t.Run("publishes with the message's kind", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Texts.Say}).open(1)
		c.Message(parley.Text, []byte("hi"))
		c.Message(parley.Binary, []byte{0xff})
		expect(t, only(c.end(t), "publish", "done", "ended"), []string{
			`publish "lobby" text "hi"`, "done 2", `publish "lobby" binary "\xff"`, "done 1", "ended",
		})
	})

	t.Run("ends once for every close code", func(t *testing.T) {
		a := s.start(t, echo)
		for i, code := range []parley.CloseCode{
			parley.CloseNormal, parley.CloseNoStatus, parley.CloseAbnormal, parley.CloseInternal, 4999,
		} {
			c := a.open(parley.ConnID(i + 1))
			c.Close(code, "because é")
			expect(t, c.ended(t), []string{"ended"})
		}
	})

	t.Run("nothing comes after the end", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Open: s.Texts.Join, call.OnMessage: s.Texts.Echo})
		first := a.open(1)
		first.Message(parley.Text, []byte("hi"))
		lines := first.end(t)
		second := a.open(2)
		second.Message(parley.Text, []byte("hi"))
		second.end(t)
		expect(t, first.effects.Lines(), lines)
	})

	t.Run("unknown connections can be forgotten", func(t *testing.T) {
		a := s.start(t, echo)
		a.runtime.Forget(99)
		c := a.open(1)
		c.Message(parley.Text, []byte("hi"))
		a.runtime.Forget(99)
		expect(t, c.end(t), []string{`write text "hi"`, "done 2", "ended"})
	})

	t.Run("ready stays ready", func(t *testing.T) {
		a := s.start(t, echo)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for range 3 {
			if err := a.runtime.Ready(ctx, a.info(1), a.hooks); err != nil {
				t.Errorf("Ready: %v", err)
			}
		}
	})

	t.Run("endpoints keep their own functions", func(t *testing.T) {
		apps := s.startAll(t, endpoint("echo", echo), endpoint("say", map[call.Hook]string{call.OnMessage: s.Texts.Say}))
		for i, want := range []string{`write text "hi"`, `publish "lobby" text "hi"`} {
			c := apps[i].open(parley.ConnID(i + 1))
			c.Message(parley.Text, []byte("hi"))
			expect(t, only(c.end(t), "write", "publish", "done"), []string{want, "done 2"})
		}
	})

	t.Run("connections at once don't mix", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Open: s.Texts.Join, call.OnMessage: s.Texts.Echo})
		var wg sync.WaitGroup
		conns := make([]*conn, 40)
		for i := range conns {
			wg.Go(func() {
				c := a.open(parley.ConnID(i + 1))
				for n := range 20 {
					c.Message(parley.Text, fmt.Appendf(nil, "%d of %d", n, i))
				}
				c.Close(parley.CloseNormal, "")
				conns[i] = c
			})
		}
		wg.Wait()
		for i, c := range conns {
			want := []string{`subscribe "lobby"`}
			var done []string // which a runtime may gather
			for n := range 20 {
				data := fmt.Sprintf("%d of %d", n, i)
				want = append(want, fmt.Sprintf("write text %q", data))
				done = append(done, fmt.Sprintf("done %d", len(data)))
			}
			want = append(want, "ended")
			lines := c.ended(t)
			expect(t, only(lines, "subscribe", "write", "ended"), want)
			expect(t, only(lines, "done"), done)
		}
	})
}
