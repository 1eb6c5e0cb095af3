package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/server"
)

// patience bounds every wait. It only matters when a test fails.
const patience = 60 * time.Second

// TestMain keeps what examples store out of the user's folder.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "parley-server-")
	if err == nil {
		err = os.Setenv("PARLEYDATA", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// A record is what an app logs.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *record) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *record) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newApp returns an app with the given gramex.yaml; "" is one without files.
func newApp(t *testing.T, yaml string) (*server.App, *record) {
	t.Helper()
	path := ""
	if yaml != "" {
		path = filepath.Join(t.TempDir(), "gramex.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app, l := server.New(path), &record{}
	app.DataDir, app.Stderr = t.TempDir(), l
	return app, l
}

// serve starts app behind wrap, in a server of net/http. It returns that
// server's address, as ws://…, and what ends the app, which returns what Wait
// does.
func serve(t *testing.T, app *server.App, wrap func(http.Handler) http.Handler) (url string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	h, err := app.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(wrap(h))
	stop = sync.OnceValue(func() error {
		cancel()
		return h.Wait()
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Wait: %v", err)
		}
		web.Close()
	})
	return "ws" + strings.TrimPrefix(web.URL, "http"), stop
}

func asIs(h http.Handler) http.Handler { return h }

// A peer is one socket.
type peer struct {
	t    *testing.T
	ctx  context.Context
	conn *websocket.Conn
}

func dial(t *testing.T, url string, opt *websocket.DialOptions) *peer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	conn, resp, err := websocket.Dial(ctx, url, opt)
	if err != nil {
		t.Fatalf("dial %s: %v", url, err)
	}
	if resp.Body != nil {
		resp.Body.Close()
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &peer{t, ctx, conn}
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.conn.Write(p.ctx, websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) expect(want string) {
	p.t.Helper()
	_, data, err := p.conn.Read(p.ctx)
	if err != nil || string(data) != want {
		p.t.Fatalf("read %q, %v; want %q", data, err, want)
	}
}

func (p *peer) closed(want websocket.StatusCode) {
	p.t.Helper()
	if _, data, err := p.conn.Read(p.ctx); websocket.CloseStatus(err) != want {
		p.t.Fatalf("read %q, %v; want close code %d", data, err, want)
	}
}

// request returns status and body.
func request(t *testing.T, method, url, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http"+strings.TrimPrefix(url, "ws"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data), resp.Header
}

const chatYAML = `
url:
  chat:
    pattern: /chat/(?P<room>\w+)
    handler: WebSocketHandler
    kwargs:
      select_subprotocol: {function: chat.pick}
      open: {function: chat.open}
      on_message: {function: chat.say}
      on_pong: {function: chat.pong}
      on_close: {function: chat.close}
  visits:
    pattern: /visits
    handler: FunctionHandler
    kwargs: {function: page.visits, headers: {X-From: yaml}}
`

func TestFunctionsThatAGramexYAMLNames(t *testing.T) {
	app, _ := newApp(t, chatYAML)
	closed := make(chan string, 10)
	app.HandleSubprotocol("chat.pick", func(_ context.Context, c parley.Conn, offered []string) (string, error) {
		if len(offered) == 0 {
			return "", nil
		}
		c.State()["protocol"] = offered[0]
		return offered[0], nil
	})
	app.Handle("chat.open", func(_ context.Context, c parley.Conn) error {
		room := c.Request().PathValue("room")
		c.State()["room"] = room
		if err := c.Join(room); err != nil { // first: who is greeted is a member
			return err
		}
		return c.Send(parley.TextMessage(fmt.Sprintf("%s by %v as %s", room, c.State()["protocol"], c.Request().URL.Query().Get("name"))))
	})
	app.HandleMessage("chat.say", func(_ context.Context, c parley.Conn, m parley.Message) error {
		switch m.Text() {
		case "ping":
			return c.Ping([]byte("data"))
		case "bye":
			return c.Close(4321, "as you wish")
		}
		return c.Publish(c.State()["room"].(string), m)
	})
	app.HandleMessage("chat.pong", func(_ context.Context, c parley.Conn, m parley.Message) error {
		return c.Send(parley.TextMessage(m.Kind.String() + " " + m.Text()))
	}, server.NeverWaits)
	app.HandleClose("chat.close", func(_ context.Context, c parley.Conn, code parley.CloseCode, reason string) error {
		closed <- fmt.Sprintf("%s %s %s %v", c.Request().PathValue("room"), code, reason, c.Send(parley.TextMessage("too late")))
		return nil
	})
	app.HandleRequest("page.visits", func(_ context.Context, c parley.Conn, w http.ResponseWriter) error {
		var n int
		if _, err := c.Session().Get("visits", &n); err != nil {
			return err
		}
		if err := c.Session().Set("visits", n+1); err != nil {
			return err
		}
		if err := c.Send(parley.TextMessage("hi")); !errors.Is(err, parley.ErrClosed) {
			t.Errorf("send to the peer of a request: %v", err)
		}
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		w.Header().Set("X-Visits", fmt.Sprint(n+1))
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s %s", c.Request().Method, body)
		return c.Publish("lobby", parley.BinaryMessage(body))
	})
	url, _ := serve(t, app, asIs)

	ann := dial(t, url+"/chat/lobby?name=Ann", &websocket.DialOptions{Subprotocols: []string{"chat.v1"}})
	ann.expect("lobby by chat.v1 as Ann")
	bob := dial(t, url+"/chat/lobby?name=Bob", nil)
	bob.expect("lobby by <nil> as Bob")
	bob.send("hello")
	ann.expect("hello")
	bob.expect("hello")
	bob.send("ping")
	bob.expect("binary data")

	status, body, header := request(t, http.MethodPost, url+"/visits", "news")
	if status != http.StatusAccepted || body != "POST news" || header.Get("X-Visits") != "1" || header.Get("X-From") != "yaml" ||
		header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("answer: %d %q %v", status, body, header)
	}
	ann.expect("news")
	if err := app.Publish("lobby", parley.TextMessage("to all")); err != nil {
		t.Fatal(err)
	}
	ann.expect("to all")
	ann.send("bye")
	ann.closed(4321)
	if got, want := <-closed, "lobby 4321 as you wish connection closed"; got != want {
		t.Errorf("on_close: %s, want %s", got, want)
	}
}

func TestEndpointsWithoutYAML(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("index.html", []byte("none of the app's"), 0o600); err != nil {
		t.Fatal(err)
	}
	app, _ := newApp(t, "")
	ended := make(chan error, 1)
	app.WebSocket("/chat", server.WebSocket{
		Open: func(_ context.Context, c parley.Conn) error { return c.Join("lobby") },
		Message: func(_ context.Context, c parley.Conn, m parley.Message) error {
			return c.Publish("lobby", m)
		},
		Close: func(_ context.Context, c parley.Conn, _ parley.CloseCode, _ string) error {
			return c.Publish("lobby", parley.TextMessage("one has left"))
		},
		NeverWaits: true,
		Settings:   map[string]any{"origins": []string{"example.com"}, "max_message_size": "1KiB", "idle_timeout": time.Hour},
	})
	app.WebSocket(`/wait/(?P<what>\w+)`, server.WebSocket{
		Message: func(ctx context.Context, _ parley.Conn, _ parley.Message) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		},
	})
	url, _ := serve(t, app, asIs)

	from := &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://example.com"}}}
	ann, bob := dial(t, url+"/chat", from), dial(t, url+"/chat", from)
	ann.send("hello")
	ann.expect("hello")
	bob.expect("hello")
	bob.send(strings.Repeat("x", 2000))
	bob.closed(websocket.StatusMessageTooBig)
	ann.expect("one has left")
	from.HTTPHeader.Set("Origin", "https://other.example")
	if _, resp, err := websocket.Dial(ann.ctx, url+"/chat", from); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("dial from elsewhere: %v", err)
	}

	waiting := dial(t, url+"/wait/long", nil)
	waiting.send("now")
	_ = waiting.conn.CloseNow()
	if err := <-ended; !errors.Is(err, parley.ErrClosed) {
		t.Errorf("the context of a function whose connection has closed: %v", err)
	}
	if status, body, _ := request(t, http.MethodGet, url+"/index.html", ""); status != http.StatusNotFound {
		t.Errorf("a page of an app without pages: %d %q", status, body)
	}
}

func TestAFailureEndsItsConnectionOnly(t *testing.T) {
	for name, neverWaits := range map[string]bool{"on a goroutine": false, "in place": true} {
		t.Run(name, func(t *testing.T) {
			app, l := newApp(t, "")
			app.WebSocket("/bot", server.WebSocket{
				Message: func(_ context.Context, c parley.Conn, m parley.Message) error {
					switch m.Text() {
					case "panic":
						panic("no way")
					case "error":
						return errors.New("no such room")
					}
					return c.Send(m)
				},
				NeverWaits: neverWaits,
			})
			url, _ := serve(t, app, asIs)
			other := dial(t, url+"/bot", nil)
			for _, kind := range []string{"panic", "error"} {
				p := dial(t, url+"/bot", nil)
				p.send(kind)
				p.closed(websocket.StatusInternalError)
			}
			other.send("hello")
			other.expect("hello")
			for _, want := range []string{
				`hook=on_message bytes=5 err="Message of /bot: panic: no way"`,
				"    parley.example/parley/server_test.TestAFailureEndsItsConnectionOnly",
				`hook=on_message bytes=5 err="Message of /bot: no such room"`,
			} {
				if got := l.String(); strings.Count(got, want) != 1 || strings.Contains(got, "gofunc") {
					t.Errorf("the log has no %s, or its tracebacks are not of the program alone:\n%s", want, got)
				}
			}
		})
	}
}

func TestMistakesAreToldAllAtOnce(t *testing.T) {
	app, _ := newApp(t, `
url:
  chat: {pattern: /chat, handler: WebSocketHandler, kwargs: {open: chat.open, on_message: chat.open, on_close: chat.opne}}
log: {format: xml}
`)
	nothing := func(context.Context, parley.Conn) error { return nil }
	app.Handle("chat.open", nothing)
	app.Handle("chat.open", nothing)
	app.Handle("open", nothing)
	app.HandleMessage("parley.say", func(context.Context, parley.Conn, parley.Message) error { return nil })
	app.HandleClose("chat.close", nil)
	app.HandleCondition("chat.may", nil)
	app.WebSocket("/bot", server.WebSocket{Open: nothing, Settings: map[string]any{"open": "chat.open", "orgins": "example.com"}})
	app.WebSocket("/say", server.WebSocket{Settings: map[string]any{"on_message": "chat.open"}})

	var wrong *server.ConfigError
	err := app.Run(t.Context())
	if !errors.As(err, &wrong) {
		t.Fatalf("Run: %v", err)
	}
	// Where the calls stand in this file is not what this test is about.
	var got []string
	for _, line := range wrong.Lines() {
		if strings.HasPrefix(line, "app_test.go:") {
			_, line, _ = strings.Cut(line, ": ")
			line = "app_test.go: " + line
		}
		if before, _, cut := strings.Cut(line, ", from app_test.go:"); cut {
			line = before
		}
		got = append(got, line)
	}
	want := []string{
		`gramex.yaml:3:91: url.chat.kwargs.on_message: chat.open does not work here, only in open, on_close`,
		`gramex.yaml:3:112: url.chat.kwargs.on_close: "chat.opne" is no registered Go function (did you mean chat.open?)`,
		`gramex.yaml:4:15: log.format: "xml" is not one of: text, json`,
		`app_test.go: Handle("chat.open"): there is a function of this name already`,
		`app_test.go: Handle("open"): its name should read module.function`,
		`app_test.go: HandleMessage("parley.say"): names under parley. are those of built-ins`,
		`app_test.go: HandleClose("chat.close"): the function is nil`,
		`app_test.go: HandleCondition("chat.may"): the function is nil`,
		`app_test.go: url./bot.kwargs.orgins: unknown key (did you mean origins?)`,
		`app_test.go: WebSocket("/bot"): Open and Settings["open"] say the same: remove one of them`,
		`app_test.go: url./say.kwargs.on_message: chat.open does not work here, only in open, on_close`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("Run:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := app.Start(t.Context()); !errors.As(err, &wrong) {
		t.Errorf("Start: %v", err)
	}
}

func TestAnAppInsideAnotherServer(t *testing.T) {
	app, _ := newApp(t, "")
	left := make(chan parley.CloseCode, 1)
	app.WebSocket("/echo/(?P<name>[a-z]+)", server.WebSocket{
		Message: func(_ context.Context, c parley.Conn, m parley.Message) error {
			r := c.Request()
			return c.Send(parley.TextMessage(m.Text() + " " + r.PathValue("name") + " " + r.URL.Path))
		},
		Close: func(_ context.Context, _ parley.Conn, code parley.CloseCode, _ string) error {
			left <- code
			return nil
		},
	})
	url, stop := serve(t, app, func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/live/", http.StripPrefix("/live", h))
		mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
		return mux
	})
	p := dial(t, url+"/live/echo/ann", nil)
	p.send("hi")
	p.expect("hi ann /echo/ann")
	if status, body, _ := request(t, http.MethodGet, url+"/hello", ""); status != http.StatusOK || body != "hello" {
		t.Errorf("the mux's own page: %d %q", status, body)
	}
	if status, _, _ := request(t, http.MethodGet, url+"/live/other", ""); status != http.StatusNotFound {
		t.Errorf("a path that the app has not: %d", status)
	}

	go func() { _ = stop() }()
	p.closed(websocket.StatusGoingAway)
	if err := stop(); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if code := <-left; code != parley.CloseGoingAway {
		t.Errorf("on_close saw %s", code)
	}
	if status, body, _ := request(t, http.MethodGet, url+"/live/echo/ann", ""); status != http.StatusServiceUnavailable {
		t.Errorf("after the end: %d %q", status, body)
	}
	if err := app.Publish("lobby", parley.TextMessage("hi")); !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("publish after the end: %v", err)
	}
}

func TestRunServesUntilItsContextEnds(t *testing.T) {
	app, l := newApp(t, "")
	app.Overrides = []server.Override{{Key: "listen.port", Value: "0"}}
	listening := make(chan string, 1)
	app.Listening = func(url string) { listening <- url }
	app.WebSocket("/echo", server.WebSocket{
		Message: func(_ context.Context, c parley.Conn, m parley.Message) error { return c.Send(m) },
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	select {
	case url := <-listening:
		p := dial(t, url+"/echo", nil)
		p.send("hello")
		p.expect("hello")
		stop()
		p.closed(websocket.StatusGoingAway)
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	case err := <-ended:
		t.Fatalf("Run: %v\n%s", err, l)
	}
}

func TestASocketOverHTTP2IsRefused(t *testing.T) {
	app, _ := newApp(t, "")
	app.WebSocket("/echo", server.WebSocket{})
	ctx, cancel := context.WithCancel(t.Context())
	h, err := app.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		if err := h.Wait(); err != nil {
			t.Error(err)
		}
	}()
	web := httptest.NewUnstartedServer(h)
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	resp, err := web.Client().Get(web.URL + "/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("%s answered with %d", resp.Proto, resp.StatusCode)
	}
}

func TestRequestsAreWaitedForAtAStop(t *testing.T) {
	app, _ := newApp(t, "url:\n  slow: {pattern: /slow, handler: FunctionHandler, kwargs: {function: page.slow}}\n")
	begun, release := make(chan struct{}), make(chan struct{})
	app.HandleRequest("page.slow", func(_ context.Context, _ parley.Conn, w http.ResponseWriter) error {
		close(begun)
		<-release
		fmt.Fprint(w, "done")
		return nil
	})
	url, stop := serve(t, app, asIs)
	answer := make(chan string)
	go func() {
		_, body, _ := request(t, http.MethodGet, url+"/slow", "")
		answer <- body
	}()
	<-begun
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	for { // until it takes no more
		if status, _, _ := request(t, http.MethodGet, url+"/other", ""); status == http.StatusServiceUnavailable {
			break
		}
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("answer %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Wait: %v", err)
	}
}

func TestAnAppThatHasNotBegunIsNotStarted(t *testing.T) {
	app, _ := newApp(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if h, err := app.Start(ctx); h != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Start = %v, %v", h, err)
	}
}
