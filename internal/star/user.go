package star

import (
	"encoding/json"
	"fmt"

	"go.starlark.net/starlark"

	"parley.example/parley/internal/call"
)

// currentUser is handler.current_user: who a token or ticket named, or else who
// is logged in in the session, as the function sees that; None if nobody is. It
// is made anew each time, and frozen.
func (h *handler) currentUser() (starlark.Value, error) {
	if h.user != nil {
		text, err := json.Marshal(h.user)
		if err != nil {
			return nil, fmt.Errorf("current_user: %w", err)
		}
		return userOf(text)
	}
	if h.session == nil {
		return starlark.None, nil
	}
	session, err := h.sessionValue()
	if err != nil {
		return nil, err
	}
	text, err := session.(*sessionValue).textOf(call.UserKey)
	if err != nil || text == nil {
		return starlark.None, err
	}
	user, err := userOf(text)
	if err != nil {
		return nil, err
	}
	if dict, ok := user.(*settings); !ok || dict.Len() == 0 {
		return starlark.None, nil
	}
	return user, nil
}

// userOf is the value of attributes as JSON.
func userOf(text json.RawMessage) (starlark.Value, error) {
	value, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("current_user: %w", err)
	}
	value.Freeze()
	return settingsOf(value, "user"), nil
}
