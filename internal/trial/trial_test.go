package trial_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/peer"
	"parley.example/parley/internal/trial"
	"parley.example/parley/server"
)

// patience bounds every wait. It only matters when a test fails.
const patience = 30 * time.Second

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheAppsOwnPlacesAreNotTouched(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "gramex.yaml"), `
app:
  listen: {port: 1, address: 0.0.0.0}
  session: {path: sessions.db, cookie: visitor}
url:
  echo:
    pattern: /echo
    handler: WebSocketHandler
    kwargs:
      on_message: {function: parley.echo}
`)
	var log bytes.Buffer
	app, err := trial.Start(t.Context(), dir, server.Options{Stderr: &log, Version: "v7"})
	if err != nil {
		t.Fatal(err)
	}
	cookie, err := app.NewSession(map[string]any{"user": "ann"})
	if err != nil || cookie.Name != "visitor" {
		t.Errorf("session: %v %v, want a cookie named visitor", cookie, err)
	}
	if _, err := app.NewSession(map[string]any{"user": func() {}}); err == nil || !strings.Contains(err.Error(), `session key "user"`) {
		t.Errorf("a session that JSON cannot carry: %v", err)
	}
	b := peer.New("", app.URL(), &peer.Transcript{})
	s, err := b.Dial(t.Context(), "/echo", peer.Options{}, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), parley.Message{Kind: parley.Text, Data: []byte("hi")}, patience); err != nil {
		t.Error(err)
	}
	if err := s.Expect(t.Context(), peer.Text("hi"), patience); err != nil {
		t.Error(err)
	}
	if err := s.Close(parley.CloseNormal, ""); err != nil {
		t.Error(err)
	}
	if err := app.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if app.URL().Hostname() != "127.0.0.1" || app.URL().Port() == "1" {
		t.Errorf("served at %s", app.URL())
	}
	if !strings.Contains(log.String(), "version=v7") {
		t.Errorf("logged:\n%s", log.String())
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the app's folder has %v, want gramex.yaml only (%v)", entries, err)
	}
}

func TestAnAppThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	var wrong *server.ConfigError
	_, err := trial.Start(t.Context(), dir, server.Options{})
	if !errors.As(err, &wrong) {
		t.Errorf("no gramex.yaml: %v", err)
	}
	write(t, filepath.Join(dir, "gramex.yaml"), `
url:
  bot:
    pattern: /bot
    handler: WebSocketHandler
    kwargs:
      on_message: {function: bot.on_message}
`)
	write(t, filepath.Join(dir, "bot.py"), "def on_message(handler, message): pass\n")
	_, err = trial.Start(t.Context(), dir, server.Options{
		Stderr:    &bytes.Buffer{},
		Overrides: []server.Override{{Key: "python.executable", Value: "no-such-python"}},
	})
	if !errors.As(err, &wrong) {
		t.Errorf("no Python: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = trial.Start(ctx, dir, server.Options{Stderr: &bytes.Buffer{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

// A session that was made while the app runs is there for its functions.
func TestSessions(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "gramex.yaml"), `
url:
  who:
    pattern: /who
    handler: FunctionHandler
    kwargs: {function: 'handler.session.get("user", "nobody")'}
`)
	app, err := trial.Start(t.Context(), dir, server.Options{Stderr: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.Stop(); err != nil {
			t.Error(err)
		}
	}()
	cookie, err := app.NewSession(map[string]any{"user": "ann"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		cookie *http.Cookie
		want   string
	}{{nil, "nobody"}, {cookie, "ann"}, {cookie, "ann"}} {
		b := peer.New("", app.URL(), &peer.Transcript{})
		if tt.cookie != nil {
			b.SetCookie(tt.cookie)
		}
		got, err := b.Get(t.Context(), "/who", peer.Options{}, patience)
		if err != nil || got.Body != tt.want {
			t.Errorf("got %v %v, want %s", got, err, tt.want)
		}
	}
}
