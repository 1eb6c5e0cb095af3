package httpd

import (
	"net/http"
	"time"
)

// serveSocket answers a request to a WebSocket's path, unless that cannot
// become one, or too many are on their way already.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, serve func()) {
	if r.ProtoMajor > 1 && r.Method == http.MethodGet {
		// An answer over HTTP/2 cannot have the Upgrade header that else goes
		// with 426 (RFC 9113 §8.2.2).
		s.stats.wrongVersion.Add(1)
		Refuse(w, r, http.StatusUpgradeRequired, "This address speaks WebSocket only, which needs HTTP/1.1.")
		return
	}
	if s.stats.handshakes.Add(1) > int64(s.maxHandshakes) {
		s.stats.handshakes.Add(-1)
		s.stats.busy.Add(1)
		if s.busy.due("", time.Now()) {
			s.log.Warn("too many handshakes at once: some are answered with 503 (app.limits.handshakes)", "most", s.maxHandshakes)
		}
		w.Header().Set("Retry-After", "2")
		Refuse(w, r, http.StatusServiceUnavailable, "Too many are connecting at this moment. Try again soon.")
		return
	}
	defer s.stats.handshakes.Add(-1)
	serve()
}
