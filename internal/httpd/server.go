package httpd

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Limits of every request. They are no options: nothing that a browser sends
// comes near them. A connection that was taken over has left them behind.
const (
	maxHeaderBytes = 64 << 10
	maxPathBytes   = 4 << 10
	leastConns     = 16              // that may be open, however few descriptors there are
	maxStreams     = 100             // requests at once over one connection of HTTP/2
	bodyTimeout    = 5 * time.Minute // for head and body together
)

// Options of a Server. The zero value serves nothing but the favicon, the
// health page and, on this machine, an empty start page.
type Options struct {
	// Routes in order: the first whose pattern matches the whole path wins.
	Routes []Route

	// Dir is the folder that paths without a route are looked for in; ""
	// means none.
	Dir string

	// DirRules say what of Dir is served.
	DirRules FileRules

	// Folder wraps what the server answers from Dir, and the start page, inside
	// Pages; nil means nothing is wrapped.
	Folder func(http.HandlerFunc) http.HandlerFunc

	// Pages wraps what the server answers itself from Dir, the start page,
	// and the routes that ask for it; nil means nothing is wrapped. If it sets
	// a cookie, it also keeps shared caches off in Cache-Control.
	Pages func(http.Handler) http.Handler

	// TrustedProxies are the peers whose proxy headers are believed.
	TrustedProxies []netip.Prefix

	// Certificate makes Serve speak TLS, and HTTP/2 with peers that can; nil
	// means plain HTTP.
	Certificate *Certificate

	// MaxConns bounds the connections that have not been taken over; 0 means
	// 1,000 more than MaxHandshakes, but at most a twentieth of the descriptors
	// that the process may open.
	MaxConns int

	// MaxHandshakes bounds the requests to routes of WebSockets that are being
	// answered; others get 503. 0 means 1,000.
	MaxHandshakes int

	// Start says what the start page lists, afresh for each request; nil
	// means there is no start page.
	Start func() StartPage

	ReadHeaderTimeout time.Duration // for a handshake of TLS, and for a request's head; 0 means 10 s
	StallTimeout      time.Duration // for each 64 KiB of an answer to be taken; 0 means 1 min
	IdleTimeout       time.Duration // between two requests of a connection; 0 means 2 min
	ShutdownTimeout   time.Duration // for requests that run when Serve is to end; 0 means 10 s

	Log *slog.Logger // nil means discard
}

// A Server answers HTTP requests. It is an http.Handler, safe for concurrent
// use.
type Server struct {
	opt           Options      // set by New, then read-only, as are all fields up to draining
	routes        []Route      // with patterns that match whole paths
	files         *Files       // nil where Dir is ""
	fallback      http.Handler // for paths without a route
	log           *slog.Logger
	maxConns      int
	maxHandshakes int

	draining      atomic.Bool
	gate          atomic.Pointer[gate] // of Serve; nil before
	stats         counters
	silentProxies seldom
	busy          seldom
}

// New makes a Server from opt. Nothing listens yet.
func New(opt Options) *Server {
	s := &Server{
		opt: opt, log: opt.Log, maxConns: opt.MaxConns, maxHandshakes: opt.MaxHandshakes,
		silentProxies: seldom{every: time.Hour}, busy: seldom{every: time.Minute},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.maxHandshakes == 0 {
		s.maxHandshakes = 1000
	}
	if s.maxConns == 0 {
		s.maxConns = max(leastConns, int(min(uint64(s.maxHandshakes)+1000, descriptors()/20)))
	}
	pages := opt.Pages
	if pages == nil {
		pages = func(h http.Handler) http.Handler { return h }
	}
	for _, route := range opt.Routes {
		route.Pattern = wholePath(route.Pattern)
		if route.Pages {
			route.Serve = paged(route.Serve, pages)
		}
		s.routes = append(s.routes, route)
	}
	if opt.Dir != "" {
		s.files = NewFiles(FileOptions{Path: opt.Dir, DefaultFilename: "index.html", Private: opt.Folder != nil, Rules: opt.DirRules, Log: s.log})
	}
	folder := s.servePage
	if opt.Folder != nil {
		folder = opt.Folder(s.servePage)
	}
	s.fallback = pages(http.HandlerFunc(folder))
	return s
}

// ServeHTTP answers one request. Handlers see in r.RemoteAddr the client's
// "ip:port" as trusted proxies tell it (port 0 if a header told it), in
// r.URL.Scheme "http" or "https", and in r.URL.Host the Host header.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = makeRoom(len(r.Method))
	from := believe(r, s.opt.TrustedProxies)
	r = r.WithContext(context.WithValue(r.Context(), cameKey{}, s.cameBy(r.RemoteAddr, from)))
	r.RemoteAddr = from.addr
	url := *r.URL
	url.Scheme, url.Host = from.scheme, r.Host
	if url.Path == "" && r.Method != http.MethodConnect { // "GET http://host"
		url.Path = "/"
	}
	r.URL = &url

	s.stats.requests.Add(1)
	s.logged(w, r, s.dispatch)
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if len(path) > maxPathBytes {
		s.stats.badRequests.Add(1)
		Refuse(w, r, http.StatusRequestURITooLong, "The path is too long.")
		return
	}
	if !decent(path) {
		s.stats.badRequests.Add(1)
		Refuse(w, r, http.StatusBadRequest, "The path holds characters or steps that no path here has.")
		return
	}
	if serve, own := s.ownPage(path); own {
		serve(w, r)
		return
	}
	for _, route := range s.routes {
		if groups, ok := match(route.Pattern, path); ok {
			if route.Socket {
				s.serveSocket(w, r, func() { route.Serve(w, r, groups) })
			} else {
				route.Serve(w, r, groups)
			}
			return
		}
	}
	if path == "/favicon.ico" {
		s.serveFavicon(w, r)
		return
	}
	s.fallback.ServeHTTP(w, r)
}

// servePage answers a path that no route has: with a file of the app's
// folder, or the start page.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" && s.startsHere(r) {
		s.serveStart(w, r)
		return
	}
	if s.files == nil {
		notFound(w, r)
		return
	}
	s.files.serve(w, r, r.URL.Path)
}
