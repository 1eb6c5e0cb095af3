package python

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

const defaultHangTimeout = 60 * time.Second

// Options of a Runtime. The zero value runs python3 in the current folder.
type Options struct {
	// Executable is the interpreter: a name on PATH, or a path, which starts
	// at Dir if it is relative. "" means python3.
	Executable string

	Dir  string   // the app's folder, where the worker runs; "" means the current one
	Dirs []string // folders of the app's modules, first on sys.path
	Path []string // more folders, last on sys.path

	// HangTimeout is how long a worker may stay silent before it is killed; 0
	// means a minute.
	HangTimeout time.Duration

	// LeaveTimeout is how long a worker may take to end after its link has,
	// before it is killed; 0 means 2 s.
	LeaveTimeout time.Duration

	// Cache is where the worker's own code is unpacked; "" means parley in the
	// user's cache directory.
	Cache string

	// Loop moves the octets of the worker's link, and is where its connections
	// should live (see Home); nil means goroutines, and anywhere.
	Loop Loop

	// Publish takes what the app publishes outside any connection; it must not
	// block. nil means nowhere.
	Publish func(channel string, m parley.Message)

	Log *slog.Logger // nil means discard
}

// A Runtime runs functions in a Python worker. It is a call.Runtime. Its life:
// Compile for each endpoint, Start, Run.
type Runtime struct {
	opt      Options      // set by New, then read-only, as are the next four
	log      *slog.Logger // opt.Log, never nil
	launcher launcher
	out      outside
	loop     Loop // opt.Loop, or a pump

	saved   chan struct{} // of one place: files were saved, do not wait to restart
	stopped chan struct{} // closed when supervise has returned

	mu        sync.Mutex
	endpoints []endpointJSON // in the order of Compile
	started   bool
	cancel    context.CancelFunc // ends supervise; nil if there is nothing to supervise
	live      *worker            // the process that runs; nil between two
	ready     bool               // live has loaded the app
	over      bool               // no worker will come any more
	tried     bool               // the first worker has loaded the app or died
	faults    []call.Fault
	modules   map[string]string
	restarts  int
	changed   chan struct{} // closed and replaced when any of the above changes
}

// hooks is the compiled form of one endpoint's functions.
type hooks struct{ endpoint string }

// New returns a Runtime that has not started.
func New(opt Options) *Runtime {
	if opt.LeaveTimeout <= 0 {
		opt.LeaveTimeout = 2 * time.Second
	}
	if opt.HangTimeout <= 0 {
		opt.HangTimeout = defaultHangTimeout
	}
	log := opt.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	loop := opt.Loop
	if loop == nil {
		loop = pump{}
	}
	publish := opt.Publish
	if publish == nil {
		publish = func(string, parley.Message) {}
	}
	return &Runtime{
		opt:      opt,
		log:      log,
		launcher: &osLauncher{opt: opt, log: log},
		out:      outside{publish: publish},
		loop:     loop,
		saved:    make(chan struct{}, 1),
		stopped:  make(chan struct{}),
		changed:  make(chan struct{}),
	}
}

// Compile implements call.Runtime. It takes every text: whether it is Python
// shows in Faults when the worker has loaded it. It is an error after Start.
func (r *Runtime) Compile(f call.Functions) (call.Hooks, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return nil, fmt.Errorf("endpoint %s: compiling Python functions after the start", f.Endpoint)
	}
	r.endpoints = append(r.endpoints, newEndpointJSON(f))
	return &hooks{endpoint: f.Endpoint}, nil
}

// Start starts the worker and returns when it has imported the app's modules,
// or failed to: see Faults. Its error is a *NoPythonError if there is no
// interpreter, and the cause of ctx if that ends first; nothing runs then.
// After a nil error Run must be called, once. Start does nothing if no
// function was compiled.
func (r *Runtime) Start(ctx context.Context) error {
	r.mu.Lock()
	if r.started {
		r.mu.Unlock()
		return errors.New("starting the Python runtime twice")
	}
	r.started = true
	needed := len(r.endpoints) > 0
	r.mu.Unlock()
	if !needed {
		close(r.stopped)
		return nil
	}
	if err := r.launcher.Prepare(ctx); err != nil {
		r.end()
		close(r.stopped)
		return err
	}

	supervising, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.mu.Lock()
	r.cancel = cancel
	r.mu.Unlock()
	go func() {
		defer close(r.stopped)
		r.supervise(supervising)
	}()
	if !r.await(ctx, func() bool { return r.tried }) {
		cancel()
		<-r.stopped
		return context.Cause(ctx)
	}
	return nil
}

// Run keeps the worker alive until ctx ends. When it returns, with the cause
// of ctx, every process has been reaped and nothing of them is left running.
func (r *Runtime) Run(ctx context.Context) error {
	<-ctx.Done()
	r.mu.Lock()
	cancel := r.cancel
	r.mu.Unlock()
	if cancel != nil {
		cancel()
		<-r.stopped
	}
	return context.Cause(ctx)
}

// await waits until cond, which is called with r.mu held, is true. It reports
// false if ctx ended first.
func (r *Runtime) await(ctx context.Context, cond func() bool) bool {
	for {
		r.mu.Lock()
		done, changed := cond(), r.changed
		r.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// update changes the state and wakes those who wait for a change.
func (r *Runtime) update(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

// end says that no worker will come any more.
func (r *Runtime) end() {
	r.update(func() { r.over, r.tried = true, true })
}

// worker returns the worker that takes new connections and calls.
func (r *Runtime) worker() (*worker, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live, r.live != nil && r.ready
}

// Ready implements call.Runtime. An endpoint with a fault is unavailable until
// a saved file repairs it.
func (r *Runtime) Ready(ctx context.Context, _ call.Info, h call.Hooks) error {
	endpoint := h.(*hooks).endpoint
	over := false
	found := r.await(ctx, func() bool {
		over = r.over
		return over || r.live != nil && r.ready
	})
	switch {
	case over:
		return fmt.Errorf("endpoint %s: no Python worker: %w", endpoint, parley.ErrUnavailable)
	case !found:
		return fmt.Errorf("endpoint %s: its worker is not ready: %w", endpoint, parley.ErrUnavailable)
	}
	for _, fault := range r.Faults() {
		if fault.Endpoint == endpoint {
			return fmt.Errorf("endpoint %s: %s: %s: %w", endpoint, fault.Hook, fault.Message, parley.ErrUnavailable)
		}
	}
	return nil
}

// Open implements call.Runtime. If there is no worker at this moment, the
// effects hear of it before Open returns.
func (r *Runtime) Open(info call.Info, h call.Hooks, effects call.Effects) call.Stream {
	if w, ok := r.worker(); ok {
		if s, ok := w.open(info, h.(*hooks).endpoint, effects); ok {
			return s
		}
	}
	effects.Close(parley.CloseRestart, restartReason)
	effects.Ended()
	return ended{}
}

// Home implements call.Homed.
func (r *Runtime) Home(call.Info) any {
	if r.opt.Loop == nil {
		return nil
	}
	return r.opt.Loop
}

// Call implements call.Runtime.
func (r *Runtime) Call(ctx context.Context, info call.Info, h call.Hooks, hook call.Hook, effects call.Effects) (call.Value, error) {
	endpoint := h.(*hooks).endpoint
	w, ok := r.worker()
	if !ok {
		return call.Value{}, fmt.Errorf("endpoint %s: its worker is not ready: %w", endpoint, parley.ErrUnavailable)
	}
	return w.call(ctx, info, endpoint, hook, effects)
}

// Forget implements call.Runtime.
func (r *Runtime) Forget(conn parley.ConnID) {
	if w, ok := r.worker(); ok {
		w.forget(conn)
	}
}

// Faults returns the functions that cannot run at present.
func (r *Runtime) Faults() []call.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// Modules returns the app's modules that functions name, with their files.
func (r *Runtime) Modules() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.modules)
}

// Stats of a Runtime at one moment.
type Stats struct {
	Ready       bool   // a worker takes connections
	Connections int    // open in it
	QueuedBytes int    // on their way to it, in the server
	Sent        uint64 // rows to the present worker
	Received    uint64 // rows from it
	Restarts    int    // since Start
}

// Stats returns the present numbers.
func (r *Runtime) Stats() Stats {
	r.mu.Lock()
	s := Stats{Ready: r.live != nil && r.ready, Restarts: r.restarts}
	w := r.live
	r.mu.Unlock()
	if w != nil {
		s.Connections = w.connections()
		s.QueuedBytes, s.Sent = w.link.queued()
		s.Received = w.link.received.Load()
	}
	return s
}
