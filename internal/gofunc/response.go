package gofunc

import (
	"bytes"
	"net/http"
	"strings"

	"parley.example/parley/internal/call"
)

// A response is an http.ResponseWriter that keeps what is written.
type response struct {
	header http.Header // nil until it is asked for
	sent   http.Header // as it was when the answer began
	status int         // 0 until then
	body   bytes.Buffer
}

// Header implements http.ResponseWriter, as do the methods below.
func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// WriteHeader begins the answer. Those that come before it, 1xx, are left out.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && (status < 100 || status >= 200) {
		w.status, w.sent = status, w.Header().Clone()
	}
}

// Write adds to the body.
func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// value is the whole answer. A body has a type, found out as net/http does, if
// the function gave it none.
func (w *response) value() call.Value {
	w.WriteHeader(http.StatusOK)
	if _, given := w.sent["Content-Type"]; !given && w.body.Len() > 0 {
		w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
	v := call.Value{Kind: call.Binary, Data: w.body.Bytes(), Status: w.status, Header: w.sent}
	kind, _, _ := strings.Cut(w.sent.Get("Content-Type"), ";")
	switch {
	case len(v.Data) == 0:
		v.Kind = call.None
	case kind == "application/json":
		v.Kind = call.JSON
	case strings.HasPrefix(kind, "text/"):
		v.Kind = call.Text
	}
	return v
}
