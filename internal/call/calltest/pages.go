package calltest

import (
	"slices"
	"testing"

	"parley.example/parley/internal/call"
)

// runPages tests what functions of a FunctionHandler do with their answer.
func runPages(t *testing.T, s Subject) {
	answer := func(t *testing.T, text string) (call.Value, []string, *Session) {
		t.Helper()
		a := s.start(t, map[call.Hook]string{call.Function: text})
		info := a.info(1)
		effects := &Effects{Session: info.Session}
		v, err := a.runtime.Call(t.Context(), info, a.hooks, call.Function, effects)
		if err != nil {
			t.Fatal(err)
		}
		return v, effects.Lines(), info.Session.(*Session)
	}

	t.Run("status and headers", func(t *testing.T) {
		v, _, _ := answer(t, s.Code.FunctionMade)
		if v.Status != 201 || string(v.Data) != "made" || !slices.Equal(v.Header.Values("X-A"), []string{"1", "2"}) {
			t.Errorf("answer = %d %q %v", v.Status, v.Data, v.Header)
		}
	})

	t.Run("a redirect", func(t *testing.T) {
		v, _, _ := answer(t, s.Code.FunctionRedirect)
		if v.Status != 302 || v.Header.Get("Location") != "/there" {
			t.Errorf("answer = %d %v", v.Status, v.Header)
		}
	})

	t.Run("an argument of the URL", func(t *testing.T) {
		if v, _, _ := answer(t, s.Code.FunctionArg); string(v.Data) != "1" {
			t.Errorf("answer = %q", v.Data)
		}
	})

	t.Run("a page can change the session", func(t *testing.T) {
		_, lines, session := answer(t, s.Code.FunctionSession)
		expect(t, lines, []string{"session set=[k] delete=[]"})
		if got := session.String(); got != `k="v"` {
			t.Errorf("session = %s", got)
		}
	})
}
