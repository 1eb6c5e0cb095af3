package endpoint_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/ws"
)

// talk sends n messages of size bytes, as fast as they are taken. It returns
// how many were.
func (p *peer) talk(n, size int) *atomic.Int64 {
	taken := &atomic.Int64{}
	go func() {
		text := []byte(strings.Repeat("x", size))
		for range n {
			if p.Write(context.Background(), websocket.MessageText, text) != nil {
				return
			}
			taken.Add(1)
		}
	}()
	return taken
}

// messages is how many the stream has heard.
func (s *puppetStream) messages() int {
	n := 0
	for _, line := range s.Heard() {
		if strings.HasPrefix(line, "text ") {
			n++
		}
	}
	return n
}

func TestARuntimeThatIsNotDoneSlowsThePeer(t *testing.T) {
	for _, tc := range []struct {
		name        string
		size        int
		full        int // messages after which the peer is not heard
		resumeAfter int // done after which it is again
	}{
		{"small messages", 10, 256, 129},
		{"large messages", 64 << 10, 4, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.serve(endpoint.Options{})
				p, other := st.dial(websocket.DialOptions{}), st.dial(websocket.DialOptions{})
				s := st.puppet.Stream(t, 0)
				const more = 5000 // too much to wait in buffers on the way
				taken := p.talk(tc.full+more, tc.size)
				synctest.Wait()
				if got := s.messages(); got != tc.full {
					t.Fatalf("%d messages were handed over, want %d", got, tc.full)
				}
				if taken.Load() == int64(tc.full+more) {
					t.Error("the peer could send all it had: it was not slowed")
				}
				for range tc.resumeAfter - 1 {
					s.Done(tc.size)
				}
				synctest.Wait()
				if got := s.messages(); got != tc.full {
					t.Fatalf("%d messages were handed over, want no more than %d", got, tc.full)
				}
				s.Done(tc.size)
				synctest.Wait()
				if got, want := s.messages(), tc.full+tc.resumeAfter; got != want {
					t.Fatalf("%d messages were handed over, want %d", got, want)
				}

				// Nobody else waits, and the slowed one still hears.
				other.send("hi")
				synctest.Wait()
				if got := st.puppet.Stream(t, 1).messages(); got != 1 {
					t.Errorf("another connection: %d messages, want 1", got)
				}
				_ = s.Write(parley.Text, []byte("hi"))
				p.expect("hi")

				// The end is heard while the window is full.
				s.Effects.Close(4000, "enough")
				if code := p.closed(); code != 4000 {
					t.Errorf("close code %d", code)
				}
				p.raw.Close()
			})
		})
	}
}

func TestAPeerThatDoesNotReadItsAnswersIsSlowed(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		const answer = 10_000
		const limit = 1 << 20
		reply := []byte(strings.Repeat("y", answer))
		st.puppet.play = func(s *puppetStream, line string) {
			if strings.HasPrefix(line, "text ") {
				_ = s.Write(parley.Text, reply)
			}
			answersAll(s, line)
		}
		st.serve(endpoint.Options{Settings: ws.Settings{Outbox: limit}})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		const all = 2000
		p.talk(all, 1)
		synctest.Wait()
		heard := s.messages()
		if heard*answer < limit/2 || heard*answer > limit {
			t.Fatalf("after %d answers of %d bytes nothing more was heard; want this at half of %d bytes", heard, answer, limit)
		}
		drained := false
		s.WhenDrained(func() { drained = true })
		if drained {
			t.Error("the outbox is over half its limit and counts as drained")
		}
		for range all {
			p.expect(string(reply))
		}
		synctest.Wait()
		if got := s.messages(); got != all {
			t.Errorf("%d messages were heard, want all %d", got, all)
		}
		if !drained {
			t.Error("nobody was told that the outbox has drained")
		}
		if lines := st.log.With("connection closed"); len(lines) > 0 {
			t.Errorf("the peer was cut off: %q", lines)
		}
	})
}

func TestOutputThatIsNoAnswerMeetsTheSlowPolicy(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Settings: ws.Settings{Outbox: 100_000}})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		for range 100 {
			_ = s.Write(parley.Text, make([]byte, 10_000))
		}
		if code := p.closed(); code != 4000 {
			t.Errorf("close code %d, want 4000", code)
		}
		synctest.Wait()
		if lines := st.log.With("connection closed", "code=4000"); len(lines) != 1 {
			t.Errorf("logged %q", st.log.With(""))
		}
	})
}

func TestPublicationsSlowAMemberToo(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.play = answersAll
		st.serve(endpoint.Options{Settings: ws.Settings{Outbox: 100_000}})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		s.Subscribe("lobby")
		text := strings.Repeat("z", 10_000)
		for range 6 {
			s.Publish("lobby", parley.Message{Kind: parley.Text, Data: []byte(text)})
		}
		p.talk(10, 1)
		synctest.Wait()
		if got := s.messages(); got != 0 {
			t.Errorf("%d messages were heard while the outbox is over half its limit", got)
		}
		for range 6 {
			p.expect(text)
		}
		synctest.Wait()
		if got := s.messages(); got != 10 {
			t.Errorf("%d messages were heard after the outbox has drained, want 10", got)
		}
	})
}

func TestEffectsCopyTheirBytes(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{})
		s := st.puppet.Stream(t, 0)
		s.Subscribe("lobby")
		data := []byte("first")
		_ = s.Write(parley.Text, data)
		s.Publish("lobby", parley.Message{Kind: parley.Text, Data: data})
		copy(data, "other")
		_ = s.Write(parley.Text, data)
		for _, want := range []string{"first", "first", "other"} {
			p.expect(want)
		}
	})
}
