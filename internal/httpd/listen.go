package httpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Listen listens on a TCP address and port; port 0 means any free one. Its
// error says what to try.
func Listen(address string, port int) (net.Listener, error) {
	at := net.JoinHostPort(address, strconv.Itoa(port))
	listener, err := net.Listen("tcp", at)
	if err == nil {
		return listener, nil
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return nil, fmt.Errorf("listen %s: %w", at, err)
	}
	switch {
	case errors.Is(errno, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen %s: %w (another parley? --listen.port=%d takes the next port)", at, errno, nextPort(port))
	case errors.Is(errno, fs.ErrPermission):
		return nil, fmt.Errorf("listen %s: %w (ports below 1024 may need rights; --listen.port=9988 does not)", at, errno)
	case errors.Is(errno, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("listen %s: %w (no interface of this machine has it; --listen.address=0.0.0.0 takes all)", at, errno)
	}
	return nil, fmt.Errorf("listen %s: %w", at, errno)
}

func nextPort(port int) int {
	if port >= 1<<16-1 {
		return 9988
	}
	return port + 1
}

// Serve answers requests from l, which it closes, until ctx ends. Then it
// accepts nothing more, waits for running requests at most
// Options.ShutdownTimeout, cuts those that are left, and returns nil.
// Connections that were taken over are not its concern any more. Its error
// says that it cannot accept. It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	g := newGate(l, s)
	s.gate.Store(g)
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: orElse(s.opt.ReadHeaderTimeout, 10*time.Second),
		ReadTimeout:       bodyTimeout,
		IdleTimeout:       orElse(s.opt.IdleTimeout, 2*time.Minute), // longer than proxies keep theirs
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          log.New(errorLog{s.log, &s.stats}, "", 0),
		ConnState:         g.changed,
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	serve := func() error { return srv.Serve(g) }
	if cert := s.opt.Certificate; cert != nil {
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get}
		serve = func() error { return srv.ServeTLS(g, "", "") }
	}
	ended := make(chan error, 1)
	go func() { ended <- serve() }()

	select {
	case err := <-ended:
		return fmt.Errorf("accepting connections on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	g.closeSilent()
	deadline, stop := context.WithTimeout(requests, orElse(s.opt.ShutdownTimeout, 10*time.Second))
	defer stop()
	if err := srv.Shutdown(deadline); err != nil {
		s.log.Warn("requests that did not end in time are cut", "err", err)
		cancel()
		_ = srv.Close() // the connections are given up
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		s.log.Warn("accepting connections had ended before", "err", err)
	}
	return nil
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// errorLog gives net/http's own lines to the log: what only a peer did wrong
// at Debug, the rest at Warn.
type errorLog struct {
	log   *slog.Logger
	stats *counters
}

func (e errorLog) Write(line []byte) (int, error) {
	say := e.log.Warn
	switch {
	case bytes.HasPrefix(line, []byte("http: TLS handshake error")):
		e.stats.tlsFailures.Add(1)
		say = e.log.Debug
	case bytes.HasPrefix(line, []byte("http2:")), bytes.HasPrefix(line, []byte("timeout waiting for")), bytes.Contains(line, []byte("semicolon")):
		say = e.log.Debug
	}
	say("http", "err", string(bytes.TrimSpace(line)))
	return len(line), nil
}
