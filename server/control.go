package server

import (
	"context"

	"parley.example/parley/internal/control"
)

// openControl makes the socket through which parley sessions reaches this
// server; nil if that cannot be done, which is logged.
func (s *Server) openControl() *control.Server {
	c, err := control.Open(control.Options{Dir: s.dataDir, Revoke: s.revoke, Log: s.log})
	if err != nil {
		s.log.Warn("parley sessions revoke does not reach this server: sockets of what it revokes stay open here", "err", err)
		return nil
	}
	return c
}

// revoke ends sessions for parley sessions.
func (s *Server) revoke(ctx context.Context, which control.Sessions) (n int, err error) {
	switch {
	case which.ID != "":
		n, err = s.revokeSession(ctx, which.ID)
	case which.User != "":
		n, err = s.RevokeUser(ctx, which.User)
	case which.All:
		n, err = s.sessions.RevokeAll(ctx)
		s.logRevoked(n, "which", "all")
	}
	return n, err
}
