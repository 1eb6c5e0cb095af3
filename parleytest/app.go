package parleytest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/peer"
	"parley.example/parley/internal/trial"
	"parley.example/parley/server"
)

// patience is how long a client waits unless it is told otherwise.
const patience = 5 * time.Second

// An App is served from Start to the end of the test that started it. It is
// safe for concurrent use, so that subtests may share one.
type App struct {
	trial *trial.App // set by Start, then read-only
}

// Start serves the app at path, a folder or its gramex.yaml, on a free port of
// 127.0.0.1 and with sessions of its own, until t and its subtests have ended.
// What the app logs is output of t. Each change may set what else it wants of
// the server's options.
func Start(t testing.TB, path string, change ...func(*server.Options)) *App {
	t.Helper()
	opt := server.Options{Stderr: t.Output()}
	for _, c := range change {
		c(&opt)
	}
	app, err := trial.Start(context.WithoutCancel(t.Context()), path, opt)
	if err != nil {
		t.Fatalf("starting the app %s:\n%v", path, err)
	}
	return started(t, app)
}

// StartApp serves a Go program's app, likewise. It does what the app's Run would
// do, which must not be called too; app.Overrides hold.
func StartApp(t testing.TB, app *server.App) *App {
	t.Helper()
	if app.Stderr == nil {
		app.Stderr = t.Output()
	}
	running, err := trial.StartApp(context.WithoutCancel(t.Context()), app)
	if err != nil {
		t.Fatalf("starting the app:\n%v", err)
	}
	return started(t, running)
}

func started(t testing.TB, app *trial.App) *App {
	t.Cleanup(func() {
		if err := app.Stop(); err != nil {
			t.Errorf("stopping the app: %v", err)
		}
	})
	return &App{app}
}

// URL is where the app is served, as http://127.0.0.1:36251.
func (a *App) URL() string { return a.trial.URL().String() }

// An Option says how a request is made: Origin, Header, Subprotocols, or a
// session that App.Session has made.
type Option func(*request)

type request struct {
	options peer.Options
	cookies []*http.Cookie
}

// Origin makes the request come from a page of an origin such as
// https://gramener.com. Without it there is none, as for a program.
func Origin(origin string) Option {
	return func(r *request) { r.options.Origin = origin }
}

// Header adds a header.
func Header(name, value string) Option {
	return func(r *request) {
		if r.options.Header == nil {
			r.options.Header = http.Header{}
		}
		r.options.Header.Add(name, value)
	}
}

// Cookie adds a cookie.
func Cookie(name, value string) Option {
	return func(r *request) { r.cookies = append(r.cookies, &http.Cookie{Name: name, Value: value}) }
}

// Subprotocols are those that Dial offers.
func Subprotocols(names ...string) Option {
	return func(r *request) { r.options.Subprotocols = names }
}

// Session makes a session with these values, which must be fit for JSON. All
// requests with the Option that it returns share it, as a browser's tabs do.
func (a *App) Session(t testing.TB, values map[string]any) Option {
	t.Helper()
	cookie, err := a.trial.NewSession(values)
	if err != nil {
		t.Fatalf("making a session: %v", err)
	}
	return func(r *request) { r.cookies = append(r.cookies, cookie) }
}

// browser makes one that requests as the options say.
func (a *App) browser(options []Option) (*peer.Browser, *peer.Transcript, peer.Options) {
	r := &request{}
	for _, option := range options {
		option(r)
	}
	transcript := &peer.Transcript{}
	b := peer.New("", a.trial.URL(), transcript)
	for _, c := range r.cookies {
		b.SetCookie(c)
	}
	return b, transcript, r.options
}

// Dial opens a socket at a path such as /chat. It is closed when t ends.
func (a *App) Dial(t testing.TB, path string, options ...Option) *Client {
	t.Helper()
	b, transcript, opt := a.browser(options)
	ctx := context.WithoutCancel(t.Context())
	socket, err := b.Dial(ctx, path, opt, patience)
	if err != nil {
		fail(t, "dial "+path, err, transcript)
	}
	c := &Client{t: t, socket: socket, transcript: transcript, within: patience}
	t.Cleanup(c.leave)
	return c
}

// Refuses wants a handshake to be answered with a status, such as 403.
func (a *App) Refuses(t testing.TB, path string, status int, options ...Option) {
	t.Helper()
	b, transcript, opt := a.browser(options)
	if err := b.Refused(t.Context(), path, opt, status, patience); err != nil {
		fail(t, "dial "+path, err, transcript)
	}
}

// Get returns the answer to a GET request; redirections are not followed.
func (a *App) Get(t testing.TB, path string, options ...Option) (status int, body string) {
	t.Helper()
	b, transcript, opt := a.browser(options)
	answer, err := b.Get(t.Context(), path, opt, patience)
	if err != nil {
		fail(t, "get "+path, err, transcript)
	}
	return answer.Status, answer.Body
}

// fail ends the test.
func fail(t testing.TB, step string, err error, transcript *peer.Transcript) {
	t.Helper()
	t.Fatalf("%s\n%v\nwhat happened:\n%s", step, err, indent(transcript.String()))
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
