package parley

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A User is who a browser or program has logged in as: attributes by name, as
// JSON. nil is anonymous. Nobody changes one.
type User map[string]json.RawMessage

// ParseUser reads a JSON object of at least one attribute. What is none is
// nobody: nil.
func ParseUser(object []byte) User {
	var u User
	if json.Unmarshal(object, &u) != nil || len(u) == 0 {
		return nil
	}
	return u
}

// ID is the attribute "id" as text, which no two users have who log in in the
// same way; "" if there is none.
func (u User) ID() string {
	value := bytes.TrimSpace(u["id"])
	var text string
	switch {
	case json.Unmarshal(value, &text) == nil:
		return text
	case bytes.HasPrefix(value, []byte("{")), bytes.HasPrefix(value, []byte("[")):
		return ""
	}
	return string(value)
}

// Get reads an attribute into what into points to, as json.Unmarshal does. If
// there is none, it leaves that alone.
func (u User) Get(name string, into any) (found bool, err error) {
	value, found := u[name]
	if !found {
		return false, nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return true, fmt.Errorf("user attribute %q: %w", name, err)
	}
	return true, nil
}
