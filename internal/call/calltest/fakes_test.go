package calltest_test

import (
	"slices"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

func TestFakeRuntimeKeepsTheStreamContract(t *testing.T) {
	var r call.Runtime = &calltest.Runtime{}
	effects := &calltest.Effects{}
	hooks, err := r.Compile(call.Functions{Endpoint: "echo"})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Open(call.Info{Conn: 1, Endpoint: "echo", Session: &calltest.Session{Name: "s"}}, hooks, effects)
	s.Message(parley.Text, []byte("hi"))
	s.Close(parley.CloseNormal, "bye")

	want := []string{`write text "hi"`, "done 2", "ended"}
	if got := effects.Lines(); !slices.Equal(got, want) {
		t.Errorf("effects = %q, want %q", got, want)
	}
}
