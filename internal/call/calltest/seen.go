package calltest

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// runWhatIsSeen tests what functions learn of their connection, and what they
// can send and keep.
func runWhatIsSeen(t *testing.T, s Subject) {
	t.Run("the request", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Open: s.Code.OpenSees})
		info := a.info(1)
		info.Request = httptest.NewRequest("GET", "http://app.example/suite/x?a=1&a=%C3%A9&b=3", nil)
		info.Request.Header.Set("X-Test", "yes")
		info.Request.Header.Set("Cookie", "sid=1; theme=dark")
		expect(t, a.openAs(info).end(t), []string{`write text "GET app.example /suite/x é yes dark"`, "ended"})
	})

	t.Run("groups of the pattern", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.Open: s.Code.OpenNamed})
		info := a.info(1)
		room := "lobby"
		info.PathKwargs = map[string]*string{"room": &room, "none": nil}
		expect(t, a.openAs(info).end(t), []string{`write text "lobby None"`, "ended"})
	})

	t.Run("what a connection keeps is its own", func(t *testing.T) {
		a := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageCount, call.OnClose: s.Code.CloseCount})
		first, second := a.open(1), a.open(2)
		for range 2 {
			first.Message(parley.Text, []byte("x"))
		}
		second.Message(parley.Text, []byte("x"))
		first.Message(parley.Text, []byte("x"))
		expect(t, only(first.end(t), "write", "log"), []string{`write text "1"`, `write text "2"`, `write text "3"`, `log "counted 3"`})
		expect(t, only(second.end(t), "write", "log"), []string{`write text "1"`, `log "counted 1"`})
	})

	t.Run("a dict is sent as JSON", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageJSON}).open(1)
		c.Message(parley.Text, []byte("x"))
		lines := c.end(t)
		if got := strings.ReplaceAll(lines[0], " ", ""); got != `writetext"{\"a\":[1]}"` {
			t.Errorf("emitted %q", lines)
		}
	})

	t.Run("bytes are sent as they are", func(t *testing.T) {
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.MessageBinary}).open(1)
		c.Message(parley.Text, []byte("x"))
		expect(t, c.end(t), []string{`write binary "\xff\x00"`, "done 1", "ended"})
	})

	t.Run("text is what was sent, whatever its characters", func(t *testing.T) {
		const text = "é日本\U0001F600\u2028\x00\ufeff"
		c := s.start(t, map[call.Hook]string{call.OnMessage: s.Code.Message}).open(1)
		c.Message(parley.Text, []byte(text))
		c.waitLine(t, "done 19")
		expect(t, only(c.end(t), "write"), []string{fmt.Sprintf("write text %q", text)})
	})
}
