package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/gofunc"
	"parley.example/parley/internal/httpd"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/python"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/star"
	"parley.example/parley/internal/ws"
)

// Options of a Server. The zero value serves on what the app's YAML says, logs
// to standard error and keeps its data in the user's config directory.
type Options struct {
	// Overrides are settings of the command line, in order; they win over the
	// YAML.
	Overrides []Override

	// DataDir holds the session store and the signing secret; "" means
	// $PARLEYDATA, or parley in the user's config directory.
	DataDir string

	// Stderr takes the log; nil means os.Stderr.
	Stderr io.Writer

	// Version is what the start-up line says; "" says nothing.
	Version string

	// Listening is told once where the app is served, as http://127.0.0.1:9988;
	// nil tells nobody.
	Listening func(url string)
}

// An Override is one --key=value of the command line: listen.port=8080 sets
// app.listen.port, log.* and python.* set those sections.
type Override = config.Override

// A Server is one loaded app. Use it for one Run or one Check.
type Server struct {
	cfg       *config.Config // set by Load, then read-only, as are all fields
	log       *slog.Logger
	version   string
	dataDir   string           // the folder itself
	listening func(url string) // nil tells nobody

	engine    *ws.Engine
	hub       *hub.Hub
	sessions  *session.Manager
	store     session.Store
	functions *gofunc.Runtime
	scripts   *star.Runtime
	workers   *python.Runtime
	tokens    keyring
	passwords *auth.Passwords
	formKey   []byte // forms of logins are signed with it
	endpoints []*built
	folder    *built // the app's own, which no endpoint has
	sockets   []*endpoint.WebSocket
	web       *httpd.Server
}

// Run serves the app until ctx ends, then stops: it accepts nothing new,
// closes the sockets with 1001, waits for every on_close, ends the workers and
// saves the sessions, all within app.shutdown_timeout unless the session store
// fails. Its error is nil if it served and stopped in order; a *ConfigError
// means that the app cannot be served as it is configured.
func (s *Server) Run(ctx context.Context) error { return s.run(ctx, s.serve) }

// run has serve run among the parts, and ends them after it.
func (s *Server) run(ctx context.Context, serve func(context.Context) error) error {
	defer s.closeParts()
	stopSessions := s.start(ctx, s.sessions.Run)
	defer stopSessions()
	if socket := s.openControl(); socket != nil {
		stopControl := s.start(ctx, socket.Run)
		defer stopControl()
	}

	watcher := s.openWatcher() // before modules are imported: no save falls between
	if watcher != nil {
		defer watcher.Close()
	}
	err := s.workers.Start(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return s.pythonError(err)
	}
	stopWorkers := s.start(ctx, s.workers.Run)
	defer stopWorkers()
	s.scripts.Load()
	stopScripts := s.start(ctx, s.scripts.Run)
	defer stopScripts()
	stopFunctions := s.start(ctx, s.functions.Run)
	defer stopFunctions()
	for _, t := range s.tokens {
		stopKeys := s.start(ctx, t.Verifier.Run)
		defer stopKeys()
	}
	for _, fault := range s.faults() {
		s.logFault(fault)
	}

	if watcher != nil {
		stopWatching := s.start(ctx, func(ctx context.Context) error { return s.watch(ctx, watcher) })
		defer stopWatching()
	}
	return serve(ctx)
}

// start runs a part in a goroutine of its own. The part outlives ctx: it ends
// when stop is called, which waits for it.
func (s *Server) start(ctx context.Context, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			s.log.Error("a part has stopped", "err", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// serve listens until ctx ends, and then closes what is open.
func (s *Server) serve(ctx context.Context) error {
	listener, err := httpd.Listen(s.cfg.App.Listen.Address, s.cfg.App.Listen.Port)
	if err != nil {
		return err
	}
	url := s.logStart(listener.Addr())
	served := make(chan error, 1)
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	go func() { served <- s.web.Serve(serving, listener) }()
	if s.listening != nil {
		s.listening(url)
	}

	select {
	case err = <-served: // it cannot accept any more
		served <- nil // for the wait below
	case <-ctx.Done():
	}
	return errors.Join(err, s.stop(ctx, func(context.Context) error {
		stopServing()
		return <-served
	}))
}

// stop closes every socket and waits until each on_close has run, and then for
// requests, which is to be done by a deadline. It begins with no more requests.
func (s *Server) stop(ctx context.Context, requests func(context.Context) error) error {
	s.log.Info("stopping", "connections", s.engine.Stats().Open)
	began := time.Now()
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.App.DrainTime())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- requests(deadline) }()
	if late := s.drain(deadline); late != nil {
		s.log.Warn("not everything ended in time", "err", late)
	}
	err := <-ended
	s.log.Info("stopped", "took", time.Since(began).Round(time.Millisecond))
	return err
}

// drain closes every socket and waits until each on_close has run.
func (s *Server) drain(ctx context.Context) error {
	errs := []error{s.engine.Shutdown(ctx, parley.CloseGoingAway, "server is stopping", s.cfg.App.Drain.Over)}
	for _, socket := range s.sockets {
		errs = append(errs, socket.Wait(ctx))
	}
	return errors.Join(errs...)
}

func (s *Server) closeParts() {
	s.engine.Close()
	if err := s.hub.Close(); err != nil {
		s.log.Warn("hub", "err", err)
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("closing the session store", "err", err)
		}
	}
}
