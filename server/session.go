package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"parley.example/parley"
	"parley.example/parley/internal/session"
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

// secretFiles are those that no page may show: whoever has the secret or the
// sessions can be anybody.
func (s *Server) secretFiles() []string {
	files := []string{session.SecretFile(s.dataDir)}
	if path := s.cfg.App.Session.File(s.dataDir); path != "" {
		files = append(files, session.SQLiteFiles(path)...)
	}
	return files
}

// RevokeSession ends a session: its cookie opens nothing any more, its values are
// gone, and its sockets close. It may be called while the app is served. An id
// that nobody has is no error. After an error, this server refuses the id all the same.
func (s *Server) RevokeSession(ctx context.Context, id string) error {
	_, err := s.revokeSession(ctx, id)
	return err
}

func (s *Server) revokeSession(ctx context.Context, id string) (n int, err error) {
	known, err := s.sessions.Revoke(ctx, id)
	if known {
		n = 1
		s.logRevoked(n, "session", id)
	}
	return n, err
}

// RevokeUser ends all sessions in which the user with this id (parley.User.ID) has
// logged in, as RevokeSession does, and returns how many.
func (s *Server) RevokeUser(ctx context.Context, userID string) (n int, err error) {
	n, err = s.sessions.RevokeUser(ctx, userID)
	s.logRevoked(n, "user", userID)
	return n, err
}

func (s *Server) logRevoked(n int, key, whose string) {
	if n > 0 {
		s.log.Info("sessions revoked", "sessions", n, key, whose)
	}
}

// RevokeSession is Server.RevokeSession, for an app that runs. Its error is
// parley.ErrUnavailable while it does not.
func (a *App) RevokeSession(ctx context.Context, id string) error {
	s := a.server.Load()
	if s == nil {
		return fmt.Errorf("revoke session: the app does not run: %w", parley.ErrUnavailable)
	}
	return s.RevokeSession(ctx, id)
}

// RevokeUser is Server.RevokeUser, likewise.
func (a *App) RevokeUser(ctx context.Context, userID string) (n int, err error) {
	s := a.server.Load()
	if s == nil {
		return 0, fmt.Errorf("revoke the sessions of user %s: the app does not run: %w", userID, parley.ErrUnavailable)
	}
	return s.RevokeUser(ctx, userID)
}
