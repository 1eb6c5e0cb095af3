package python

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

const defaultHangTimeout = 60 * time.Second

// Options of a Runtime. The zero value runs one python3 in the current folder.
type Options struct {
	Workers int // processes; 0 means 1

	// Executable is the interpreter: a name on PATH, or a path, which starts
	// at Dir if it is relative. "" means python3.
	Executable string

	Dir  string   // the app's folder, where workers run; "" means the current one
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

	// Loops move the octets of the workers' links, and are where their
	// connections should live (see Home): each worker has the next one, round
	// and round. None means goroutines, and anywhere.
	Loops []Loop

	// Publish takes what the app publishes outside any connection; it must not
	// block. nil means nowhere.
	Publish func(channel string, m parley.Message)

	Log *slog.Logger // nil means discard
}

// A Runtime runs functions in Python workers. It is a call.Runtime. Its life:
// Compile for each endpoint, Start, Run.
//
// A session has its worker: all its connections and calls go there, and wait
// while that is being restarted, so that what functions keep in their modules
// is where they look for it.
type Runtime struct {
	opt      Options      // set by New, then read-only, as are the next three
	log      *slog.Logger // opt.Log, never nil
	launcher launcher
	out      outside

	posts   []*post       // at least one; set by New, and read-only once Start has been called
	stopped chan struct{} // closed when no worker will come any more, and none is left

	mu        sync.Mutex     // guards what follows, and parts of each post
	endpoints []endpointJSON // in the order of Compile
	started   bool
	cancel    context.CancelFunc // ends supervising; nil if there is nothing to supervise
	failed    map[string]string  // tracebacks of modules that did not reload since the last Changed
	changed   chan struct{}      // closed and replaced when a post changes
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
	publish := opt.Publish
	if publish == nil {
		publish = func(string, parley.Message) {}
	}
	r := &Runtime{
		opt:      opt,
		log:      log,
		launcher: &osLauncher{opt: opt, log: log},
		out:      outside{publish: publish},
		stopped:  make(chan struct{}),
		failed:   map[string]string{},
		changed:  make(chan struct{}),
	}
	for i := range max(opt.Workers, 1) {
		r.posts = append(r.posts, newPost(r, i))
	}
	return r
}

// Compile implements call.Runtime. It takes every text: whether it is Python
// shows in Faults when a worker has loaded it. Functions of one endpoint may be
// compiled in several parts. It is an error after Start.
func (r *Runtime) Compile(f call.Functions) (call.Hooks, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return nil, fmt.Errorf("endpoint %s: compiling Python functions after the start", f.Endpoint)
	}
	part := newEndpointJSON(f)
	for i := range r.endpoints {
		if r.endpoints[i].Name == f.Endpoint {
			maps.Copy(r.endpoints[i].Hooks, part.Hooks)
			return &hooks{endpoint: f.Endpoint}, nil
		}
	}
	r.endpoints = append(r.endpoints, part)
	return &hooks{endpoint: f.Endpoint}, nil
}

// StartOne is Start with one worker, however many there may be: all load the
// same, so it shows the same Faults.
func (r *Runtime) StartOne(ctx context.Context) error {
	r.posts = r.posts[:1]
	return r.Start(ctx)
}

// Start starts the workers and returns when each has imported the app's
// modules, or failed to: see Faults. Its error is a *NoPythonError if there is
// no interpreter, and the cause of ctx if that ends first; nothing runs then.
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
		for _, p := range r.posts {
			p.end()
		}
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
	if !r.await(ctx, r.allTried) {
		cancel()
		<-r.stopped
		return context.Cause(ctx)
	}
	return nil
}

// supervise keeps all workers alive until ctx ends.
func (r *Runtime) supervise(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range r.posts {
		all.Go(func() { p.supervise(ctx) })
	}
	all.Wait()
}

// Run keeps the workers alive until ctx ends. When it returns, with the cause
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

// allTried reports whether each post has had a worker that loaded the app or
// died; r.mu is held.
func (r *Runtime) allTried() bool {
	return !slices.ContainsFunc(r.posts, func(p *post) bool { return !p.tried })
}

// post returns where the session of info has its worker.
func (r *Runtime) post(info call.Info) *post {
	return r.posts[crc32.ChecksumIEEE([]byte(info.Session.ID()))%uint32(len(r.posts))]
}

// Ready implements call.Runtime. An endpoint with a fault is unavailable until
// a saved file repairs it.
func (r *Runtime) Ready(ctx context.Context, info call.Info, h call.Hooks) error {
	endpoint, p := h.(*hooks).endpoint, r.post(info)
	over := false
	var faults []call.Fault
	found := r.await(ctx, func() bool {
		over, faults = p.over, p.faults
		return over || p.ready
	})
	switch {
	case over:
		return fmt.Errorf("endpoint %s: no Python worker: %w", endpoint, parley.ErrUnavailable)
	case !found:
		return fmt.Errorf("endpoint %s: its worker is not ready: %w", endpoint, parley.ErrUnavailable)
	}
	for _, fault := range faults {
		if fault.Endpoint == endpoint {
			return fmt.Errorf("endpoint %s: %s: %s: %w", endpoint, fault.Hook, fault.Message, parley.ErrUnavailable)
		}
	}
	return nil
}

// Open implements call.Runtime. If there is no worker at this moment, the
// effects hear of it before Open returns.
func (r *Runtime) Open(info call.Info, h call.Hooks, effects call.Effects) call.Stream {
	if w, ok := r.post(info).worker(); ok {
		if s, ok := w.open(info, h.(*hooks).endpoint, effects); ok {
			return s
		}
	}
	effects.Close(parley.CloseRestart, restartReason)
	effects.Ended()
	return ended{}
}

// Home implements call.Homed: it is the loop of the session's worker.
func (r *Runtime) Home(info call.Info) any {
	if len(r.opt.Loops) == 0 {
		return nil
	}
	return r.post(info).loop
}

// Call implements call.Runtime.
func (r *Runtime) Call(ctx context.Context, info call.Info, h call.Hooks, hook call.Hook, effects call.Effects) (call.Value, error) {
	endpoint := h.(*hooks).endpoint
	w, ok := r.post(info).worker()
	if !ok {
		return call.Value{}, fmt.Errorf("endpoint %s: its worker is not ready: %w", endpoint, parley.ErrUnavailable)
	}
	return w.call(ctx, info, endpoint, hook, effects)
}

// Forget implements call.Runtime.
func (r *Runtime) Forget(conn parley.ConnID) {
	for _, p := range r.posts {
		if w, ok := p.worker(); ok {
			w.forget(conn)
		}
	}
}
