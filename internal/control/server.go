package control

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Sessions are those that a request may mean. Exactly one field is set.
type Sessions struct {
	ID   string `json:"session,omitempty"` // the one of this id
	User string `json:"user,omitempty"`    // those in which the user of this id has logged in
	All  bool   `json:"all,omitempty"`
}

// valid reports whether exactly one field is set.
func (s Sessions) valid() bool {
	set := 0
	for _, is := range []bool{s.ID != "", s.User != "", s.All} {
		if is {
			set++
		}
	}
	return set == 1
}

// revoked is the answer to a request to revoke Sessions.
type revoked struct {
	Revoked int `json:"revoked"`
}

const (
	revokePath  = "/sessions/revoke"
	mostRequest = 64 << 10 // bytes of a body
	patience    = 5 * time.Second
)

// Options of a Server. All fields are required.
type Options struct {
	Dir    string // the data folder; it is made with mode 0700 if it does not exist
	Revoke func(context.Context, Sessions) (n int, err error)
	Log    *slog.Logger
}

// A Server is a control socket. Its file is there from Open to the end of Run.
type Server struct {
	path     string // set by Open, then read-only, as are all fields
	listener net.Listener
	http     *http.Server
}

// Open makes the socket, a file control-PID-RANDOM.sock in opt.Dir with mode 0600,
// and listens. Run must be called.
func Open(opt Options) (*Server, error) {
	s := &Server{path: filepath.Join(opt.Dir, fileName())}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	var err error
	if s.listener, err = listen(opt.Dir, s.path); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", s.path, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+revokePath, func(w http.ResponseWriter, r *http.Request) { revoke(opt, w, r) })
	s.http = &http.Server{
		Handler:     mux,
		ReadTimeout: patience,
		ErrorLog:    slog.NewLogLogger(opt.Log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// before and after the process's id and something random: two processes in two
// containers may have one id.
const (
	before = "control-"
	after  = ".sock"
)

func fileName() string {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return before + strconv.Itoa(os.Getpid()) + "-" + hex.EncodeToString(b[:]) + after
}

// listen makes a socket in a folder of its own, where nobody finds it before it
// has its mode, and then moves it to path.
func listen(dir, path string) (net.Listener, error) {
	private, err := os.MkdirTemp(dir, ".control-") // with mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	first := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: first, Net: "unix"})
	if errors.Is(err, syscall.EINVAL) {
		return nil, fmt.Errorf("a socket's path has to be shorter, some 100 bytes at most: %w", err)
	}
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(first, 0o600); err == nil {
		err = os.Rename(first, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Run answers commands until ctx ends, and those under way to the end. Its error
// is nil then.
func (s *Server) Run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(s.listener) }()
	var err error
	select {
	case err = <-ended: // it cannot accept any more
		ended <- nil // for the wait below
	case <-ctx.Done():
	}
	if gone := os.Remove(s.path); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if s.http.Shutdown(stopping) != nil {
		err = errors.Join(err, s.http.Close())
	}
	if end := <-ended; end != nil && !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// revoke answers a request to revoke sessions.
func revoke(opt Options, w http.ResponseWriter, r *http.Request) {
	var which Sessions
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRequest))
	in.DisallowUnknownFields()
	if err := in.Decode(&which); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !which.valid() {
		http.Error(w, `one of "session", "user" and "all" says which sessions are meant`, http.StatusBadRequest)
		return
	}
	n, err := opt.Revoke(r.Context(), which)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(revoked{n}) // nobody is left to tell if this fails
}
