package httpd_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"parley.example/parley/internal/httpd"
)

func route(pattern string, serve http.HandlerFunc) httpd.Route {
	return httpd.Route{
		Pattern: regexp.MustCompile(pattern),
		Serve:   func(w http.ResponseWriter, r *http.Request, _ []*string) { serve(w, r) },
	}
}

func TestEachRequestIsOneLine(t *testing.T) {
	for _, tt := range []struct {
		name, method, target string
		serve                http.HandlerFunc
		status               float64
		path, level          string
	}{
		{"nothing written", "GET", "/x", func(http.ResponseWriter, *http.Request) {}, 200, "/x", "INFO"},
		{"body only", "GET", "/x?token=secret", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, 200, "/x", "INFO"},
		{"status", "POST", "/x", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }, 418, "/x", "INFO"},
		{"early hints first", "GET", "/x", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, 404, "/x", "INFO"},
		{"flush", "GET", "/x", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200, "/x", "INFO"},
		{"copied", "GET", "/x", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
		}, 200, "/x", "INFO"},
		{"path changed on the way", "GET", "/x", func(_ http.ResponseWriter, r *http.Request) { r.URL.Path = "/y" }, 200, "/x", "INFO"},
		{"not found", "GET", "/nothing", nil, 404, "/nothing", "INFO"},
		{"refused", "GET", "/a%0Ab", nil, 400, "/a\nb", "INFO"},
		{"health", "GET", "/.parley/health", nil, 200, "/.parley/health", "DEBUG"},
		{"favicon", "GET", "/favicon.ico", nil, 200, "/favicon.ico", "DEBUG"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log records
			opt := httpd.Options{Log: log.logger(), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
			if tt.serve != nil {
				opt.Routes = []httpd.Route{route("/x", tt.serve)}
			}
			do(httpd.New(opt), tt.method, tt.target, header("X-Real-Ip", "203.0.113.9"))
			lines := log.lines(t)
			if len(lines) != 1 {
				t.Fatalf("%d lines: %v", len(lines), lines)
			}
			got := lines[0]
			if got["msg"] != "request" || got["method"] != tt.method || got["path"] != tt.path || got["status"] != tt.status ||
				got["level"] != tt.level || got["remote"] != "203.0.113.9:0" || got["took"] == nil {
				t.Errorf("line %v", got)
			}
		})
	}
}

func TestTakenOverConnectionsAreNotLogged(t *testing.T) {
	var log records
	done := make(chan struct{})
	s := httpd.New(httpd.Options{Log: log.logger(), Routes: []httpd.Route{
		route("/echo", func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			conn, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			kind, data, err := conn.Read(r.Context())
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Write(r.Context(), kind, data)
			_, _, err = conn.Read(r.Context())
			if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Error(err)
			}
		}),
		route("/raw", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(struct{ http.ResponseWriter }{unwrap{w}}).Hijack()
			if err == nil {
				conn.Close()
			}
		}),
	}})
	srv := httptest.NewServer(s)
	defer srv.Close()
	conn, _, err := websocket.Dial(t.Context(), srv.URL+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := conn.Read(t.Context()); err != nil || string(data) != "hi" {
		t.Errorf("answer %q, %v", data, err)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	<-done
	srv.Close()
	if lines := log.lines(t); len(lines) != 0 {
		t.Errorf("log: %v, want nothing", lines)
	}
}

// unwrap is what other packages put around a ResponseWriter.
type unwrap struct{ http.ResponseWriter }

func (u unwrap) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func TestAPanicIsLoggedAndAnswered(t *testing.T) {
	var log records
	s := httpd.New(httpd.Options{Log: log.logger(), Routes: []httpd.Route{
		route("/early", func(http.ResponseWriter, *http.Request) { panic("early") }),
		route("/late", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("late")
		}),
		route("/abort", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		}),
		route("/abort early", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		route("/taken", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
			}
			conn.Close()
			panic("taken")
		}),
	}})
	ended := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		s.ServeHTTP(w, r)
	}))
	defer srv.Close()
	for _, tt := range []struct {
		path     string
		answered bool
		said     string
	}{
		{"/early", true, "early"}, {"/late", false, "late"}, {"/abort", false, ""}, {"/abort%20early", false, ""}, {"/taken", false, "taken"},
	} {
		before := len(log.lines(t))
		status, err := fetch(t.Context(), srv.Listener.Addr().String(), tt.path, ended)
		if tt.answered != (err == nil) || tt.answered && status != 500 {
			t.Errorf("%s: status %d, %v", tt.path, status, err)
		}
		said := ""
		for _, line := range log.lines(t)[before:] {
			if line["level"] == "ERROR" {
				said += line["err"].(string)
				if !strings.Contains(line["stack"].(string), "access_test.go") {
					t.Errorf("%s: the stack does not name the place: %v", tt.path, line["stack"])
				}
			}
		}
		if said != tt.said {
			t.Errorf("%s: logged %q, want %q", tt.path, said, tt.said)
		}
	}
}

// fetch asks once over a connection of its own, waits until the handler has
// ended, and reads the whole answer.
func fetch(ctx context.Context, addr, path string, ended <-chan struct{}) (status int, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return 0, err
	}
	<-ended
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
