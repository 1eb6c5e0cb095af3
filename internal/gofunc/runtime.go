package gofunc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/serial"
)

// Options of a Runtime. The zero value runs built-ins.
type Options struct {
	Functions map[string]Function // by the names that a YAML says: chat.open

	// Evaluate makes an expression ready that is a built-in's argument, and whose
	// only variable is handler. What it returns is called once for each
	// connection, on its loop. nil means that arguments are texts in quotes.
	Evaluate func(call.Step) (func(call.Info) (string, error), error)

	// LeaveTimeout is how long functions may go on after Run's context has
	// ended; 0 means 2 s.
	LeaveTimeout time.Duration

	Log *slog.Logger // nil means discard
}

// A Runtime runs Go functions. It is a call.Runtime and a call.Owner. Its life:
// Compile for each endpoint, Run.
type Runtime struct {
	functions    map[string]Function // set by New, then read-only, as are the next five
	modules      map[string]bool     // those of functions
	evaluate     func(call.Step) (func(call.Info) (string, error), error)
	leaveTimeout time.Duration
	log          *slog.Logger
	begun        chan struct{} // closed by Run

	life context.Context // what the contexts of functions come from; set before begun is closed

	group serial.Group // of goroutines

	mu   sync.Mutex                       // guards what follows
	kept map[parley.ConnID]map[string]any // what select_subprotocol has left for open
}

var (
	_ call.Runtime   = (*Runtime)(nil)
	_ call.Owner     = (*Runtime)(nil)
	_ call.Describer = (*Runtime)(nil)
)

// New returns a Runtime whose Run has not been called. Its error says of each
// function in opt that cannot be one why not.
func New(opt Options) (*Runtime, error) {
	r := &Runtime{
		functions:    maps.Clone(opt.Functions),
		modules:      map[string]bool{},
		evaluate:     opt.Evaluate,
		leaveTimeout: opt.LeaveTimeout,
		log:          opt.Log,
		begun:        make(chan struct{}),
		kept:         map[parley.ConnID]map[string]any{},
	}
	if r.leaveTimeout <= 0 {
		r.leaveTimeout = 2 * time.Second
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.functions)) {
		if err := checkFunction(name, r.functions[name]); err != nil {
			errs = append(errs, fmt.Errorf("function %q: %w", name, err))
			continue
		}
		r.modules[name[:strings.LastIndexByte(name, '.')]] = true
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

var functionName = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)+$`)

// CheckName says why no function can be named name.
func CheckName(name string) error {
	first, _, _ := strings.Cut(name, ".")
	switch {
	case !functionName.MatchString(name):
		return errors.New("its name should read module.function")
	case first == "parley":
		return errors.New("names under parley. are those of built-ins")
	}
	return nil
}

func checkFunction(name string, f Function) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if (f.Run == nil) == (f.Answer == nil) {
		return errors.New("it should have Run or Answer, and not both")
	}
	return nil
}

// Owns implements call.Owner.
func (r *Runtime) Owns(module string) string {
	if r.modules[module] {
		return "Go functions"
	}
	return ""
}

// Run lets functions run until ctx ends. Then it ends their contexts and waits
// for those that still run, at most Options.LeaveTimeout. Its error is the
// cause of ctx, or says how many were left running. Whoever stops the server
// closes the connections first. It must be called once.
func (r *Runtime) Run(ctx context.Context) error {
	r.life = ctx
	close(r.begun)
	<-ctx.Done()
	patience := time.NewTimer(r.leaveTimeout)
	defer patience.Stop()
	select {
	case <-r.group.Idle():
		return context.Cause(ctx)
	case <-patience.C:
		return fmt.Errorf("stopping Go functions: %d goroutines still run after %v", r.group.Running(), r.leaveTimeout)
	}
}

// Ready implements call.Runtime, as do the methods below. Built-ins are always
// ready, other functions while Run runs.
func (r *Runtime) Ready(ctx context.Context, _ call.Info, compiled call.Hooks) error {
	if compiled.(*hooks).builtins {
		return nil
	}
	select {
	case <-r.begun:
	case <-ctx.Done():
		return fmt.Errorf("functions in Go do not run yet: %w", parley.ErrUnavailable)
	}
	if r.life.Err() != nil {
		return fmt.Errorf("functions in Go do not run any more: %w", parley.ErrUnavailable)
	}
	return nil
}

// Traits implements call.Describer.
func (r *Runtime) Traits(compiled call.Hooks) call.Traits {
	h := compiled.(*hooks)
	return call.Traits{NoSession: h.builtins && !h.session, Prompt: h.builtins}
}

// Open begins a connection. Ready must have said that it can.
func (r *Runtime) Open(info call.Info, compiled call.Hooks, effects call.Effects) call.Stream {
	h := compiled.(*hooks)
	if h.builtins {
		return openBuiltins(info, h, effects)
	}
	return r.openStream(info, h, effects)
}

// Stats of a Runtime at one moment.
type Stats struct {
	Running int // goroutines of connections and calls
}

// Stats returns the present numbers.
func (r *Runtime) Stats() Stats { return Stats{Running: r.group.Running()} }
