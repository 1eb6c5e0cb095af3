package main

import (
	"encoding/json"
	"testing"

	"parley.example/parley"
)

// TestUserText wants one word that a terminal shows as it is.
func TestUserText(t *testing.T) {
	for id, want := range map[string]string{
		`"alice"`:         `alice`,
		`"Zoë@example"`:   `Zoë@example`,
		`7`:               `7`,
		`"-"`:             `"-"`,
		`""`:              `""`,
		`{"of": "no id"}`: `""`,
		`"a b"`:           `"a b"`,
		`"\u001b[2Jx"`:    `"\x1b[2Jx"`,
		`"a\u202eb"`:      `"a\u202eb"`,
		`"a\"b"`:          `"a\"b"`,
	} {
		if got := userText(parley.User{"id": json.RawMessage(id)}); got != want {
			t.Errorf("id %s is shown as %s, want %s", id, got, want)
		}
	}
	if got := userText(nil); got != "-" {
		t.Errorf("nobody is shown as %s", got)
	}
}
