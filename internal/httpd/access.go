package httpd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
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
	rec := &recorder{ResponseWriter: w}
	method, path, remote := r.Method, r.URL.Path, r.RemoteAddr
	broken := s.guarded(rec, r, serve)
	if rec.hijacked {
		return
	}
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
			s.log.Error("answering a request panicked", "method", r.Method, "path", r.URL.Path,
				"err", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		switch {
		case w.hijacked:
		case w.status == 0 && !abort:
			w.Header().Set("Connection", "close")
			refuse(w, r, http.StatusInternalServerError, "The server made a mistake. Its log says which.")
		default:
			broken = true
		}
	}()
	serve(w, r)
	return false
}

// recorder remembers how a request was answered. http.ResponseController and
// type assertions find below it what net/http offers.
type recorder struct {
	http.ResponseWriter

	// Owned by the handler's goroutine.
	status   int // 0 until the answer began
	hijacked bool
}

func (w *recorder) final() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WriteHeader is http.ResponseWriter's.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (w *recorder) Write(p []byte) (int, error) {
	w.began()
	return w.ResponseWriter.Write(p)
}

// ReadFrom keeps the way open for sendfile.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	w.began()
	return io.Copy(w.ResponseWriter, src)
}

// FlushError is what http.ResponseController looks for.
func (w *recorder) FlushError() error {
	w.began()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is http.Flusher's.
func (w *recorder) Flush() { _ = w.FlushError() }

// Hijack is http.Hijacker's.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked = true
	}
	return conn, rw, err
}

// Unwrap is what http.ResponseController looks for.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) began() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}
