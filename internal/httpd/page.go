package httpd

import (
	"embed"
	"html/template"
	"net/http"
)

// ownPrefix begins the paths that are the server's own. An app's file cannot
// stand there, being hidden, and routes come after them.
const ownPrefix = "/.parley/"

//go:embed page
var pageFiles embed.FS

var (
	startTemplate = template.Must(template.ParseFS(pageFiles, "page/start.html"))
	errorTemplate = template.Must(template.ParseFS(pageFiles, "page/error.html"))
)

// ownPage finds the page for a path under ownPrefix.
func (s *Server) ownPage(path string) (serve http.HandlerFunc, own bool) {
	switch path {
	case ownPrefix + "health":
		return s.serveHealth, true
	case ownPrefix + "start.js":
		return embedded("page/start.js", "text/javascript; charset=utf-8"), true
	case ownPrefix + "start.css":
		return embedded("page/start.css", "text/css; charset=utf-8"), true
	}
	if len(path) >= len(ownPrefix) && path[:len(ownPrefix)] == ownPrefix {
		return notFound, true
	}
	return nil, false
}

// serveHealth tells anybody who asks, load balancers are elsewhere, whether
// new requests are welcome, and nothing else.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if s.draining.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("stopping\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// serveFavicon answers with the app's own icon or ours, without a session:
// browsers ask for it by themselves.
func (s *Server) serveFavicon(w http.ResponseWriter, r *http.Request) {
	if s.files != nil && s.files.shows("favicon.ico") {
		s.files.serve(w, r, "favicon.ico")
		return
	}
	embedded("page/favicon.ico", "image/vnd.microsoft.icon")(w, r)
}

func embedded(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !readOnly(w, r) {
			return
		}
		data, err := pageFiles.ReadFile(name)
		if err != nil {
			panic(err) // the program was built without it
		}
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(data)
	}
}
