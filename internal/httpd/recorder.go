package httpd

import (
	"bufio"
	"io"
	"math"
	"net"
	"net/http"
	"time"
)

// pieceBytes is how much of an answer has to be taken within stall.
const pieceBytes = 64 << 10

// recorder remembers how a request was answered, and gives up on a client that
// does not take the answer. http.ResponseController and type assertions find
// below it what net/http offers.
type recorder struct {
	http.ResponseWriter
	stall time.Duration // set at first, then read-only

	// Owned by the handler's goroutine.
	status   int // 0 until the answer began
	hijacked bool
	hurried  time.Time
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
func (w *recorder) Write(p []byte) (n int, err error) {
	w.began()
	for {
		piece := p[n:min(n+pieceBytes, len(p))]
		w.hurry()
		m, err := w.ResponseWriter.Write(piece)
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// ReadFrom keeps the way open for sendfile, which looks through one
// io.LimitedReader and no more.
func (w *recorder) ReadFrom(src io.Reader) (n int64, err error) {
	w.began()
	left := int64(math.MaxInt64)
	limited, isLimited := src.(*io.LimitedReader)
	if isLimited {
		src, left = limited.R, limited.N
	}
	for left > 0 {
		piece := min(left, pieceBytes)
		w.hurry()
		m, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: src, N: piece})
		n, left = n+m, left-m
		if isLimited {
			limited.N = left
		}
		if err != nil || m < piece {
			return n, err
		}
	}
	return n, nil
}

// FlushError is what http.ResponseController looks for.
func (w *recorder) FlushError() error {
	w.began()
	w.hurry()
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

// hurry gives the client stall from now on, or up to a second less. Writers
// that know no deadline are no connection's.
func (w *recorder) hurry() {
	now := time.Now()
	if now.Sub(w.hurried) < time.Second {
		return
	}
	w.hurried = now
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(now.Add(w.stall))
}
