package endpoint

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// Options of a WebSocket.
type Options struct {
	Name         string // under url:
	OriginsWhere string // "gramex.yaml:20:7": the line to change if an origin is to be let in

	Program  *call.Program    // required, as are the next three
	Engine   *ws.Engine       // takes over the sockets
	Hub      *hub.Hub         // its frames are *ws.Prepared
	Sessions *session.Manager // of the browsers
	Guard    *Guard           // nil admits everybody
	Tokens   *Tokens          // nil takes none
	Tickets  *auth.Tickets    // nil gives and takes none
	Origins  *auth.Origins    // nil means all

	Headers  http.Header // of the 101; what the engine sets itself is left out
	Settings ws.Settings // of its connections; the window is the endpoint's own

	// Address is whose connection a request will be, for the engine's limit per
	// address; false is nobody's. nil means that they are not counted.
	Address func(*http.Request) (netip.Addr, bool)

	Groups []string     // names of the groups of the pattern, "" for one without a name
	Log    *slog.Logger // nil means discard
}

// A WebSocket is one WebSocketHandler: it answers handshakes and lives through
// its connections. All methods are safe for concurrent use.
type WebSocket struct {
	opt      Options      // set by NewWebSocket, then read-only
	log      *slog.Logger // likewise
	settings *ws.Settings // likewise
	traits   call.Traits  // likewise
	guard    *Guard       // likewise
	origins  limiter      // of lines about refused origins; safe for every goroutine

	mu      sync.Mutex    // guards what follows
	streams int           // connections whose stream has not ended
	idle    chan struct{} // closed when streams becomes 0; nil if nobody waits
}

// NewWebSocket returns the endpoint that opt describes.
func NewWebSocket(opt Options) *WebSocket {
	return &WebSocket{
		opt: opt, log: logger(opt.Log), guard: guardOf(opt.Guard, opt.Name, opt.Log).ofSocket(),
		settings: opt.Settings.Complete(), traits: opt.Program.Traits(),
	}
}

// guardOf returns g, or one that admits everybody.
func guardOf(g *Guard, endpoint string, log *slog.Logger) *Guard {
	if g != nil {
		return g
	}
	return NewGuard(GuardOptions{Name: endpoint, Log: log})
}

func logger(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

// Wait waits until the functions of every connection have ended, on_close
// included, at most until ctx ends. Whoever stops the server shuts the engine
// down first.
func (e *WebSocket) Wait(ctx context.Context) error {
	for {
		e.mu.Lock()
		if e.streams == 0 {
			e.mu.Unlock()
			return nil
		}
		if e.idle == nil {
			e.idle = make(chan struct{})
		}
		idle := e.idle
		e.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			e.mu.Lock()
			n := e.streams
			e.mu.Unlock()
			return fmt.Errorf("endpoint %s: functions of %d connections have not ended: %w", e.opt.Name, n, context.Cause(ctx))
		}
	}
}

func (e *WebSocket) streamBegins() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.streams++
}

func (e *WebSocket) streamEnded() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.streams--
	if e.streams == 0 && e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}
