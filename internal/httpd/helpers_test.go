package httpd_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"parley.example/parley/internal/httpd"
)

// records are the lines of a log, one map each.
type records struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *records) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (r *records) lines(t *testing.T) []map[string]any {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []map[string]any
	for line := range bytes.Lines(r.buf.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

// folder makes a folder of files with the given contents.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func get(h http.Handler, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	return do(h, http.MethodGet, target, change...)
}

func do(h http.Handler, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

// says makes a route that answers with its name and its groups.
func says(name, pattern string) httpd.Route {
	return httpd.Route{
		Name: name, Pattern: regexp.MustCompile(pattern),
		Serve: func(w http.ResponseWriter, _ *http.Request, groups []*string) {
			text := name
			for _, g := range groups {
				if g == nil {
					text += " nil"
				} else {
					text += " " + *g
				}
			}
			_, _ = w.Write([]byte(text))
		},
	}
}

// socket makes a route of a WebSocket.
func socket(pattern string, serve http.HandlerFunc) httpd.Route {
	r := route(pattern, serve)
	r.Socket = true
	return r
}
