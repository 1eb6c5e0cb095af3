package wstest

import (
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// holds is a Handler that says of each message that it is answered later.
type holds struct {
	Recorder
}

// OnMessage implements ws.Handler.
func (h *holds) OnMessage(c *ws.Conn, kind parley.Kind, data []byte) {
	c.Hold(len(data))
	h.Recorder.OnMessage(c, kind, data)
}

// held tests that what the peer says behind a message takes effect after the
// message's answer.
func held(t *testing.T, s Setup) {
	for _, tc := range []struct {
		name   string
		behind Frame
		then   []string
	}{
		{"ping", Ping("p"), []string{`pong "p"`}},
		{"close", Close(1000, "bye"), []string{`close 1000 ""`, "end"}},
		{"protocol error", Frame{Op: 0x3}, []string{`close 1002 "unknown opcode"`, "end"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := &holds{}
			c, peer := s.connect(t, ws.Accept{Handler: h})
			go peer.Send(Text("1"), Text("2"), tc.behind)
			h.Expect(t, "open", `text "1"`, `text "2"`)
			for _, answer := range []string{"one", "two"} {
				if err := c.Send(parley.Text, []byte(answer)); err != nil {
					t.Fatal(err)
				}
				c.Release(1)
			}
			peer.Expect(append([]string{`text "one"`, `text "two"`}, tc.then...)...)
		})
	}
}
