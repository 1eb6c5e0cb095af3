package star

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/serial"
)

// Options of a Runtime.
type Options struct {
	Dirs []string // folders where modules are looked for, in order

	MaxSteps uint64        // of one call; 0 means 100 million
	Timeout  time.Duration // of one call; 0 means 5 s

	// LeaveTimeout is how long calls may go on after Run's context has ended;
	// 0 means 2 s.
	LeaveTimeout time.Duration

	Log *slog.Logger // nil means discard
}

const (
	defaultMaxSteps = 100_000_000
	defaultTimeout  = 5 * time.Second
)

// A Runtime runs Starlark. It is a call.Runtime, a call.Owner and a call.Judge.
// Its life: Compile for each endpoint, Load, Run.
type Runtime struct {
	opt     Options // set by New, then read-only
	log     *slog.Logger
	app     *app // what all connections share
	group   serial.Group
	runners sync.Pool                  // of *runner
	code    atomic.Pointer[generation] // the modules as they are; nil before Load
	over    atomic.Bool                // Run's context has ended: nothing goes on

	mu        sync.Mutex // guards what follows
	endpoints []*hooks   // all that were compiled
	kept      map[parley.ConnID]*handler
	faults    []call.Fault
}

var (
	_ call.Runtime = (*Runtime)(nil)
	_ call.Owner   = (*Runtime)(nil)
	_ call.Judge   = (*Runtime)(nil)
)

// New returns a Runtime in which nothing is loaded.
func New(opt Options) *Runtime {
	if opt.MaxSteps == 0 {
		opt.MaxSteps = defaultMaxSteps
	}
	if opt.Timeout <= 0 {
		opt.Timeout = defaultTimeout
	}
	if opt.LeaveTimeout <= 0 {
		opt.LeaveTimeout = 2 * time.Second
	}
	r := &Runtime{opt: opt, log: opt.Log, app: newApp(), kept: map[parley.ConnID]*handler{}}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.runners.New = func() any { return newRunner(r) }
	return r
}

// Run lets calls run until ctx ends. Then it stops those that still run, and
// waits for them. Its error is the cause of ctx, or says how many were left. It
// must be called once, after Load.
func (r *Runtime) Run(ctx context.Context) error {
	<-ctx.Done()
	r.over.Store(true)
	patience := time.NewTimer(r.opt.LeaveTimeout)
	defer patience.Stop()
	select {
	case <-r.group.Idle():
		return context.Cause(ctx)
	case <-patience.C:
		return fmt.Errorf("stopping Starlark functions: %d goroutines still run after %v", r.group.Running(), r.opt.LeaveTimeout)
	}
}

// Ready implements call.Runtime: it says what is wrong with the endpoint's
// modules, if anything is.
func (r *Runtime) Ready(_ context.Context, _ call.Info, compiled call.Hooks) error {
	h := compiled.(*hooks)
	if r.code.Load() == nil {
		return fmt.Errorf("modules in Starlark are not loaded yet: %w", parley.ErrUnavailable)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fault := range r.faults {
		if fault.Endpoint == h.endpoint {
			return fmt.Errorf("%s: %w", fault.Message, parley.ErrUnavailable)
		}
	}
	return nil
}

// Open begins a connection.
func (r *Runtime) Open(info call.Info, compiled call.Hooks, effects call.Effects) call.Stream {
	return r.openStream(info, compiled.(*hooks), effects)
}

// keep holds a handler that select_subprotocol has made until takeKept or
// Forget.
func (r *Runtime) keep(h *handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[h.id] = h
}

func (r *Runtime) takeKept(conn parley.ConnID) *handler {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.kept[conn]
	delete(r.kept, conn)
	return h
}

// Forget drops what select_subprotocol has kept.
func (r *Runtime) Forget(conn parley.ConnID) { r.takeKept(conn) }

// Faults returns what is wrong with modules now, in file order.
func (r *Runtime) Faults() []call.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// Stats of a Runtime at one moment.
type Stats struct {
	Running int // goroutines of connections and calls
}

// Stats returns the present numbers.
func (r *Runtime) Stats() Stats { return Stats{Running: r.group.Running()} }

// oneLine joins the lines of text that are not empty.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' }), "; ")
}
