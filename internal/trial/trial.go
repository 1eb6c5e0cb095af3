// Package trial runs an app for a test: the real server, in this process, on a
// free port of this machine and with data of its own.
package trial

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"parley.example/parley/server"
)

// An App is served from Start to Stop.
type App struct {
	server runner             // set by Start, then read-only, as are all fields
	url    *url.URL           // without a path
	dir    string             // for its data
	stop   context.CancelFunc // ends Run
	ended  chan error         // what Run returned
}

// A runner is a *server.Server or a *server.App.
type runner interface {
	Run(ctx context.Context) error
	NewSession(values map[string]any) (*http.Cookie, error)
}

// Start serves the app at path, as server.Load takes it, and returns once it can
// be dialled. ctx ends it like Stop, which must be called all the same.
//
// opt.Overrides hold, but where it listens and what it writes are the trial's.
// A *server.ConfigError means that the app cannot be served as it is configured.
func Start(ctx context.Context, path string, opt server.Options) (*App, error) {
	return start(ctx, opt, func(opt server.Options) (runner, error) { return server.Load(path, opt) })
}

// StartApp serves a Go program's app, likewise.
func StartApp(ctx context.Context, app *server.App) (*App, error) {
	return start(ctx, app.Options, func(opt server.Options) (runner, error) {
		app.Options = opt
		return app, nil
	})
}

func start(ctx context.Context, opt server.Options, load func(server.Options) (runner, error)) (*App, error) {
	a := &App{ended: make(chan error, 1)}
	var err error
	if a.dir, err = os.MkdirTemp("", "parley-test-"); err != nil {
		return nil, fmt.Errorf("a folder for the app's data: %w", err)
	}
	listening := make(chan string, 1)
	opt.DataDir = a.dir
	opt.Listening = func(url string) { listening <- url }
	opt.Overrides = append(opt.Overrides[:len(opt.Overrides):len(opt.Overrides)],
		server.Override{Key: "listen.address", Value: "127.0.0.1"},
		server.Override{Key: "listen.port", Value: "0"},
		server.Override{Key: "session.type", Value: "sqlite"},
		server.Override{Key: "session.path", Value: filepath.Join(a.dir, "sessions.db")},
	)
	if a.server, err = load(opt); err != nil {
		os.RemoveAll(a.dir)
		return nil, err
	}
	ctx, a.stop = context.WithCancel(ctx)
	go func() { a.ended <- a.server.Run(ctx) }()
	select {
	case at := <-listening:
		a.url, err = url.Parse(at)
	case err = <-a.ended:
		a.ended <- nil // for Stop
		if err == nil {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		_ = a.Stop()
		return nil, err
	}
	return a, nil
}

// URL is where the app is served; it has no path.
func (a *App) URL() *url.URL { return a.url }

// NewSession makes a session with these values, and returns its cookie.
func (a *App) NewSession(values map[string]any) (*http.Cookie, error) {
	return a.server.NewSession(values)
}

// Stop ends the app and removes its data. Its error is what went wrong while the
// app was served or stopped.
func (a *App) Stop() error {
	a.stop()
	defer os.RemoveAll(a.dir)
	return <-a.ended
}
