package star

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"parley.example/parley/internal/call"
)

const (
	stepsAtOnce = 100_000 // after so many the clock is looked at: some milliseconds
	maxCalls    = 5000    // that lie in each other: Go's own stack must not end
)

// A runner is a Starlark thread, which runs one call after the other. One
// goroutine uses it at a time.
type runner struct {
	runtime *Runtime // set by newRunner, then read-only
	thread  starlark.Thread

	vars []starlark.Value // room for the variables of a call
	text []byte           // and for what it writes

	// The call that runs.
	handler *handler        // nil if it is none of a connection
	done    <-chan struct{} // ends it early when it is closed; nil for never
	began   time.Time
	most    uint64 // steps that it may take
	left    uint64 // likewise, after this stretch
	until   uint64 // steps at which this stretch ends
	stopped string // why the call was stopped; "" if it was not
}

const runnerKey = "parley"

func newRunner(r *Runtime) *runner {
	run := &runner{runtime: r}
	run.thread.SetLocal(runnerKey, run)
	run.thread.Print = func(_ *starlark.Thread, text string) { run.print(text) }
	run.thread.OnMaxSteps = func(*starlark.Thread) { run.stretch() }
	return run
}

// runnerOf returns the runner whose thread calls a built-in.
func runnerOf(thread *starlark.Thread) *runner { return thread.Local(runnerKey).(*runner) }

// room returns n variables that are not set, until do has returned.
func (run *runner) room(n int) []starlark.Value {
	if cap(run.vars) < n {
		run.vars = make([]starlark.Value, n)
	}
	run.vars = run.vars[:n]
	return run.vars
}

// octets returns the bytes of text, until it is called again.
func (run *runner) octets(text string) []byte {
	const kept = 64 << 10 // in a runner that waits for its next call
	if len(text) > kept {
		return []byte(text)
	}
	run.text = append(run.text[:0], text...)
	return run.text
}

// do runs one call, fn with vars, of at most so many steps. h is nil if it is no function of a
// connection; done ends it early when it is closed. What fn panics with, which is our
// fault, is an error.
func (run *runner) do(done <-chan struct{}, h *handler, steps uint64, fn evaluation, vars []starlark.Value) (value starlark.Value, err error) {
	run.handler, run.done, run.began, run.most = h, done, time.Time{}, steps
	run.thread.Steps = 0
	run.thread.Uncancel()
	run.left, run.stopped = steps, ""
	run.more(min(stepsAtOnce, steps))
	defer func() {
		run.handler, run.done = nil, nil
		clear(run.vars)
		if cause := recover(); cause != nil {
			run.runtime.log.Error("a built-in of Starlark panicked", "err", fmt.Sprint(cause), "traceback", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", cause)
		}
	}()
	return fn(&run.thread, vars)
}

// stretch lets the call go on for some steps more, unless it has had enough.
func (run *runner) stretch() {
	if run.began.IsZero() {
		run.began = time.Now()
	}
	switch {
	case run.runtime.over.Load():
		run.stop("the server is stopping")
	case run.isDone():
		run.stop("nobody waits for its answer any more")
	case run.thread.CallStackDepth() > maxCalls:
		run.stop(fmt.Sprintf("its calls lie too deep in each other: more than %d", maxCalls))
	case run.left == 0:
		run.stop(fmt.Sprintf("it took more than %d steps (starlark.max_steps)", run.most))
	case time.Since(run.began) > run.runtime.opt.Timeout:
		run.stop(fmt.Sprintf("it took longer than %v (starlark.timeout)", run.runtime.opt.Timeout))
	}
	run.more(min(stepsAtOnce, run.left))
}

// more begins a stretch of n steps.
func (run *runner) more(n uint64) {
	run.left -= n
	run.until = run.thread.Steps + max(n, 1)
	run.thread.SetMaxExecutionSteps(run.until)
}

func (run *runner) stop(why string) {
	run.stopped = why
	run.thread.Cancel(why)
}

// spend counts a step of a built-in that may go through many items. Its error
// says that the call has to end.
func spend(thread *starlark.Thread) error {
	run := runnerOf(thread)
	if thread.Steps++; thread.Steps >= run.until {
		run.stretch()
	}
	if run.stopped != "" {
		return fmt.Errorf("Starlark computation cancelled: %s", run.stopped) //nolint:staticcheck // as Starlark says it
	}
	return nil
}

func (run *runner) isDone() bool {
	select {
	case <-run.done:
		return true
	default:
		return false
	}
}

func (run *runner) print(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if run.handler != nil {
			run.handler.effects.Log(line)
		} else {
			run.runtime.log.Info(line)
		}
	}
}

// failure is what err, of a call at hook, means to others.
func failure(hook call.Hook, size int, err error) *call.FunctionError {
	message := oneLine(err.Error())
	traceback := ""
	var evaluated *starlark.EvalError
	if errors.As(err, &evaluated) {
		message = oneLine(evaluated.Msg)
		traceback = tracebackOf(hook, evaluated.CallStack) + message
	}
	return &call.FunctionError{Hook: hook, Message: message, Traceback: traceback, Bytes: size}
}

// tracebackOf lists the calls of a stack, a line each, the innermost last.
func tracebackOf(hook call.Hook, stack starlark.CallStack) string {
	var b strings.Builder
	b.WriteString("Traceback (most recent call last):\n")
	for i, frame := range stack {
		name := frame.Name
		if i == 0 && name == "lambda" && hook != "" {
			name = string(hook) // which the expression was made a function for
		}
		if frame.Pos.Filename() == "<builtin>" {
			continue // its error names it
		}
		fmt.Fprintf(&b, "  %s:%d:%d: in %s\n", frame.Pos.Filename(), frame.Pos.Line, frame.Pos.Col, name)
	}
	return b.String()
}
