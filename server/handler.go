package server

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// A Handler is an app that runs inside another server: an http.Handler for any
// mux, also behind http.StripPrefix. Its server speaks HTTP/1.1 or, for pages
// only, HTTP/2.
type Handler struct {
	server *Server         // set by Start, then read-only, as are the next two
	life   context.Context // of requests; it ends when nobody waits for them any more
	ended  chan struct{}   // closed when all has ended
	err    error           // why; valid once ended is closed

	mu       sync.Mutex    // guards what follows
	requests int           // that are being answered; those of open sockets are not
	stopping bool          // no more of them
	idle     chan struct{} // closed once stopping and without requests
}

// Start runs the app without listening: what it serves is asked of the Handler.
// When ctx ends, the Handler answers requests with 503, and the app stops as it
// does in Run; Wait returns then. Whoever stops an http.Server ends ctx first:
// Shutdown does not know of open sockets.
func (a *App) Start(ctx context.Context) (*Handler, error) {
	s, err := load(a.path, a.Options, a.program)
	if err != nil {
		return nil, err
	}
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	h := &Handler{server: s, life: life, ended: make(chan struct{}), idle: make(chan struct{})}
	serving := make(chan struct{})
	go func() {
		defer close(h.ended)
		defer cut()
		h.err = a.run(ctx, s, func(ctx context.Context) error {
			close(serving)
			<-ctx.Done()
			return s.stop(ctx, func(deadline context.Context) error { return h.stop(deadline, cut) })
		})
	}()
	select {
	case <-serving:
		return h, nil
	case <-h.ended:
	}
	if h.err == nil {
		return nil, fmt.Errorf("start the app: %w", context.Cause(ctx))
	}
	return nil, h.err
}

// Wait waits until the app has stopped, and returns what Run would.
func (h *Handler) Wait() error {
	<-h.ended
	return h.err
}

// ServeHTTP answers one request; a WebSocket goes on after that.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.begin() {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	}
	defer h.end()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.life, cancel)()
	h.server.web.ServeHTTP(w, r.WithContext(ctx))
}

func (h *Handler) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return false
	}
	h.requests++
	return true
}

func (h *Handler) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests--
	if h.stopping && h.requests == 0 {
		close(h.idle)
	}
}

// stop takes no more requests and waits for those that are being answered, and
// cuts them when ctx ends.
func (h *Handler) stop(ctx context.Context, cut func()) error {
	h.mu.Lock()
	h.stopping = true
	if h.requests == 0 {
		close(h.idle)
	}
	h.mu.Unlock()
	select {
	case <-h.idle:
	case <-ctx.Done():
		h.server.log.Warn("requests that did not end in time are cut", "err", context.Cause(ctx))
		cut()
	}
	return nil
}
