package server

import (
	"encoding/json"
	"fmt"
	"net/http"

	"parley.example/parley"
)

// NewSession makes a session with these values, which are kept as JSON, and
// returns the cookie that a browser has of it. It may be called while the app
// is served.
func (s *Server) NewSession(values map[string]any) (*http.Cookie, error) {
	change := parley.SessionChange{Set: map[string]json.RawMessage{}}
	for key, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("session key %q: %w", key, err)
		}
		change.Set[key] = text
	}
	var nobody http.Request // without a cookie
	opened, err := s.sessions.Open(nobody.Context(), &nobody)
	if err != nil {
		return nil, err
	}
	defer opened.Release()
	opened.Update(change, nil)
	header := http.Header{}
	s.sessions.SetCookie(header, opened, s.cfg.App.Listen.TLS != nil)
	return http.ParseSetCookie(header.Get("Set-Cookie"))
}

// NewSession is Server.NewSession, for an app that runs. Its error is
// parley.ErrUnavailable while it does not.
func (a *App) NewSession(values map[string]any) (*http.Cookie, error) {
	s := a.server.Load()
	if s == nil {
		return nil, fmt.Errorf("new session: the app does not run: %w", parley.ErrUnavailable)
	}
	return s.NewSession(values)
}
