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

	// Pages wraps what the server answers itself from Dir, the start page,
	// and the routes that ask for it; nil means nothing is wrapped. If it sets
	// a cookie, it also keeps shared caches off in Cache-Control.
	Pages func(http.Handler) http.Handler

	// TrustedProxies are the peers whose proxy headers are believed.
	TrustedProxies []netip.Prefix

	// Start says what the start page lists, afresh for each request; nil
	// means there is no start page.
	Start func() StartPage

	ReadHeaderTimeout time.Duration // for a request's head; 0 means 10 s
	IdleTimeout       time.Duration // between two requests of a connection; 0 means 2 min
	ShutdownTimeout   time.Duration // for requests that run when Serve is to end; 0 means 10 s

	Log *slog.Logger // nil means discard
}

// A Server answers HTTP requests. It is an http.Handler, safe for concurrent
// use.
type Server struct {
	opt      Options      // set by New, then read-only, as are all fields below
	routes   []Route      // with patterns that match whole paths
	files    *Files       // nil where Dir is ""
	fallback http.Handler // for paths without a route
	log      *slog.Logger

	draining atomic.Bool
}

// New makes a Server from opt. Nothing listens yet.
func New(opt Options) *Server {
	s := &Server{opt: opt, log: opt.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
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
		s.files = NewFiles(FileOptions{Path: opt.Dir, DefaultFilename: "index.html", Log: s.log})
	}
	s.fallback = pages(http.HandlerFunc(s.servePage))
	return s
}

// ServeHTTP answers one request. Handlers see in r.RemoteAddr the client's
// "ip:port" as trusted proxies tell it (port 0 if a header told it), in
// r.URL.Scheme "http" or "https", and in r.URL.Host the Host header.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := context.WithValue(r.Context(), peerKey{}, r.RemoteAddr)
	from := believe(r, s.opt.TrustedProxies)
	r = r.WithContext(ctx)
	r.RemoteAddr = from.addr
	url := *r.URL
	url.Scheme, url.Host = from.scheme, r.Host
	if url.Path == "" && r.Method != http.MethodConnect { // "GET http://host"
		url.Path = "/"
	}
	r.URL = &url

	s.logged(w, r, s.dispatch)
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if len(path) > maxPathBytes {
		refuse(w, r, http.StatusRequestURITooLong, "The path is too long.")
		return
	}
	if !decent(path) {
		refuse(w, r, http.StatusBadRequest, "The path holds characters or steps that no path here has.")
		return
	}
	if serve, own := s.ownPage(path); own {
		serve(w, r)
		return
	}
	for _, route := range s.routes {
		if groups, ok := match(route.Pattern, path); ok {
			route.Serve(w, r, groups)
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

// peerKey is the context key of the direct peer's address, as net/http gave
// it, before proxy headers were believed.
type peerKey struct{}
