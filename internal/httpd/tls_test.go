package httpd_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley/internal/httpd"
)

// servingTLS serves the routes over TLS on this machine until the test ends.
// The clients speak HTTP/2 and HTTP/1.1 by preference.
func servingTLS(t *testing.T, opt httpd.Options) (s *httpd.Server, base string, h2, h1 *http.Client) {
	t.Helper()
	dir, p := t.TempDir(), newPair(t, 1)
	p.write(t, dir)
	opt.Certificate = openPair(t, dir, &records{})
	l, err := httpd.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	s = httpd.New(opt)
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context(), l) }()
	t.Cleanup(func() { // the test's context has ended
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	client := func(h2 bool) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.pool(t)}, ForceAttemptHTTP2: h2}
		return &http.Client{Transport: transport, Timeout: time.Minute}
	}
	return s, "https://" + l.Addr().String(), client(true), client(false)
}

func TestPagesOverTLS(t *testing.T) {
	var log records
	_, base, h2, h1 := servingTLS(t, httpd.Options{Log: log.logger(), Routes: []httpd.Route{
		route("/", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Scheme) }),
		route("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) }),
		route("/panic", func(http.ResponseWriter, *http.Request) { panic("a mistake") }),
	}})
	for want, client := range map[int]*http.Client{2: h2, 1: h1} {
		for path, size := range map[string]int{"/": len("https"), "/large": 10 << 20} {
			res, err := client.Get(base + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || len(body) != size || res.ProtoMajor != want {
				t.Errorf("%s: HTTP/%d, %d bytes, %v, want HTTP/%d and %d bytes", path, res.ProtoMajor, len(body), err, want, size)
			}
			if path == "/" && string(body) != "https" {
				t.Errorf("the request's scheme is %s", body)
			}
		}
		if res, err := client.Get(base + "/panic"); err != nil || res.StatusCode != 500 {
			t.Errorf("panic: %v, %v, want 500", res, err)
		}
	}
}

func TestTLSIsAtLeast12(t *testing.T) {
	s, base, _, _ := servingTLS(t, httpd.Options{})
	_, err := tls.Dial("tcp", strings.TrimPrefix(base, "https://"), &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	if err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", err)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(base, "https://"), &tls.Config{
		InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatalf("TLS 1.2: %v", err)
	}
	_ = conn.Close()
	if got := s.Stats().TLSFailures; got != 1 {
		t.Errorf("%d failures counted, want 1", got)
	}
}

func TestPlainHTTPToATLSPortIsTold(t *testing.T) {
	_, base, _, _ := servingTLS(t, httpd.Options{})
	res, err := http.Get("http://" + strings.TrimPrefix(base, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 400 || !strings.Contains(string(body), "HTTPS") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestSocketsOverTLS(t *testing.T) {
	echo := socket("/echo", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost { // for a ticket, say
			_, _ = io.WriteString(w, "posted over "+r.Proto)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // it has answered
		}
		kind, data, err := conn.Read(r.Context())
		if err == nil {
			err = conn.Write(r.Context(), kind, data)
		}
		if err != nil {
			t.Error(err)
		}
		_ = conn.Close(websocket.StatusNormalClosure, "")
	})
	s, base, h2, h1 := servingTLS(t, httpd.Options{Routes: []httpd.Route{echo}})
	conn, _, err := websocket.Dial(t.Context(), base+"/echo", &websocket.DialOptions{HTTPClient: h1})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := conn.Read(t.Context()); err != nil || string(data) != "hello" {
		t.Errorf("got %q, %v", data, err)
	}
	_ = conn.CloseNow()

	res, err := h2.Get(base + "/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 426 || res.ProtoMajor != 2 || !strings.Contains(string(body), "needs HTTP/1.1") || res.Header["Upgrade"] != nil {
		t.Errorf("HTTP/2: %d %s %v", res.StatusCode, body, res.Header)
	}
	if got := s.Stats().WrongVersion; got != 1 {
		t.Errorf("%d requests of a wrong version counted, want 1", got)
	}
	res, err = h2.Post(base+"/echo", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "posted over HTTP/2.0" {
		t.Errorf("a POST over HTTP/2: %d %s", res.StatusCode, body)
	}
}

// TestHandshakesOfTLSHaveATimeLimit also has one that is cut off in its middle.
func TestHandshakesOfTLSHaveATimeLimit(t *testing.T) {
	for name, sent := range map[string]string{
		"silent":       "",
		"half a hello": "\x16\x03\x01\x02\x00\x01\x00",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				newPair(t, 1).write(t, dir)
				l, s, end, served := serving(t, httpd.Options{Certificate: openPair(t, dir, &records{})})
				c := call(l)
				c.send(sent)
				if time.Sleep(10*time.Second - 1); !c.isOpen() {
					t.Error("closed too early")
				}
				if time.Sleep(time.Second); c.isOpen() {
					t.Error("still open")
				}
				if got := s.Stats(); got.Open != 0 || got.TLSFailures != 1 {
					t.Errorf("stats = %+v, want nothing open and one failure", got)
				}
				end()
				if err := <-served; err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}

// TestSilentHTTP2ConnectionsAreClosed has one without a request, and one whose
// request's head does not end.
func TestSilentHTTP2ConnectionsAreClosed(t *testing.T) {
	const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for name, sent := range map[string]string{
		"no request":  settings,
		"half a head": settings + "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				newPair(t, 1).write(t, dir)
				l, s, end, served := serving(t, httpd.Options{Certificate: openPair(t, dir, &records{})})
				conn := tls.Client(l.dial(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+sent); err != nil {
						t.Error(err)
					}
					_, _ = io.Copy(io.Discard, conn)
				}()
				if time.Sleep(time.Minute); s.Stats().Open != 1 {
					t.Error("closed too early")
				}
				time.Sleep(3 * time.Minute)
				<-closed
				end()
				if err := <-served; err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}
