package httpd

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// logged runs serve and writes one line when the request has ended: at Info,
// or at Debug for the server's own pages. A connection that was taken over is
// its new owner's to log. The query is left out: it may hold tokens.
func (s *Server) logged(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	began := time.Now()
	rec := &recorder{ResponseWriter: w, stall: orElse(s.opt.StallTimeout, time.Minute)}
	method, path, remote := r.Method, r.URL.Path, r.RemoteAddr
	broken := s.guarded(rec, r, serve)
	if rec.hijacked {
		return
	}
	rec.hurry() // with what is still in net/http's buffer
	say := s.log.Info
	if strings.HasPrefix(path, ownPrefix) || path == "/favicon.ico" {
		say = s.log.Debug
	}
	say("request", "method", method, "path", path,
		"status", rec.final(), "took", time.Since(began).Round(time.Microsecond), "remote", remote)
	if broken {
		panic(http.ErrAbortHandler) // makes net/http end the connection, so that the client notices
	}
}

// guarded runs serve and turns its panic into a line in the log and a 500. It
// reports whether the answer has to be cut off.
func (s *Server) guarded(w *recorder, r *http.Request, serve http.HandlerFunc) (broken bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err, _ := p.(error)
		abort := errors.Is(err, http.ErrAbortHandler)
		if !abort {
			s.stats.panics.Add(1)
			s.log.Error("answering a request panicked", "method", r.Method, "path", r.URL.Path,
				"err", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		switch {
		case w.hijacked:
		case w.status == 0 && !abort:
			w.Header().Set("Connection", "close")
			Refuse(w, r, http.StatusInternalServerError, "The server made a mistake. Its log says which.")
		default:
			broken = true
		}
	}()
	serve(w, r)
	return false
}
