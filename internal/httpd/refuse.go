package httpd

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// Refuse answers with a status and one sentence: a small page for browsers, a
// line of text for other programs. Headers that the caller has set stay, but
// for those that speak of the content.
func Refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Range", "ETag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintln(w, why)
		return
	}
	style, err := pageFiles.ReadFile("page/error.css")
	if err != nil {
		panic(err) // the program was built without it
	}
	sum := sha256.Sum256(style)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "+
		"img-src 'self'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	w.WriteHeader(status)
	// An error here is the client's, who has gone.
	_ = errorTemplate.Execute(w, map[string]any{
		"Status": status,
		"Title":  http.StatusText(status),
		"Why":    why,
		"Style":  template.CSS(style),
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	Refuse(w, r, http.StatusNotFound, "Nothing is here. Look at the address once more.")
}
