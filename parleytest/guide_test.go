package parleytest_test

import (
	"testing"

	"parley.example/parley/parleytest"
)

// The guide's test, as it stands there.

func TestBothHearIt(t *testing.T) {
	app := parleytest.Start(t, "testdata/chat")
	ann, bob := app.Dial(t, "/chat"), app.Dial(t, "/chat")
	ann.Send("hello")
	ann.ExpectJSON(map[string]any{"who": "somebody", "said": "hello", "at": parleytest.Any("number")})
	bob.ExpectMatch("hello")

	app.Refuses(t, "/chat", 403, parleytest.Origin("https://evil.example"))
}
