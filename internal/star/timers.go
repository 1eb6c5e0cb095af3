package star

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.starlark.net/starlark"
)

const (
	maxTimers   = 1000                  // of one connection
	leastPeriod = 10 * time.Millisecond // of every
)

// A timer calls a function of its connection, once or again and again, until
// the connection ends.
type timer struct {
	handler *handler // set by start, then read-only, as are the next four
	fn      starlark.Callable
	period  time.Duration
	jitter  float64 // by which share a period differs, up or down
	again   bool

	// Owned by the handler's functions.
	clock   *time.Timer
	stopped bool
}

var _ starlark.HasAttrs = (*timer)(nil)

// startEvery is every(seconds, fn, jitter=0): fn() is called again and again.
// The next period begins when a call has ended.
func startEvery(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return start(thread, b, args, kwargs, true)
}

// startAfter is after(seconds, fn): fn() is called once.
func startAfter(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return start(thread, b, args, kwargs, false)
}

func start(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple, again bool) (starlark.Value, error) {
	var span, jitter starlark.Value = nil, starlark.MakeInt(0)
	t := &timer{handler: runnerOf(thread).handler, again: again}
	params := []any{"seconds", &span, "fn", &t.fn}
	least := time.Duration(0)
	if again {
		params = append(params, "jitter?", &jitter)
		least = leastPeriod
	}
	err := starlark.UnpackArgs(b.Name(), args, kwargs, params...)
	if err != nil {
		return nil, err
	}
	if t.period, err = seconds(b.Name(), span, least); err != nil {
		return nil, err
	}
	share, ok := starlark.AsFloat(jitter)
	if !ok || !(share >= 0 && share <= 1) {
		return nil, fmt.Errorf("%s: jitter is %v, not a share from 0 to 1", b.Name(), jitter)
	}
	t.jitter = share
	h := t.handler
	switch {
	case h == nil || h.stream == nil:
		return nil, fmt.Errorf("%s: only functions of a socket can start timers", b.Name())
	case h.gone:
		return nil, fmt.Errorf("%s: %w: its timers have ended", b.Name(), errClosed)
	case len(h.timers) >= maxTimers:
		return nil, fmt.Errorf("%s: this connection has %d timers already", b.Name(), maxTimers)
	}
	if h.timers == nil {
		h.timers = map[*timer]struct{}{}
	}
	h.timers[t] = struct{}{}
	t.set()
	return t, nil
}

// set has the timer ring after its next period.
func (t *timer) set() {
	period := t.period
	if t.jitter > 0 {
		period += time.Duration(t.jitter * (rand.Float64() - 0.5) * float64(period))
	}
	t.clock = time.AfterFunc(period, func() { t.handler.stream.ring(t) })
}

// ring calls the function.
func (t *timer) ring(thread *starlark.Thread, _ []starlark.Value) (starlark.Value, error) {
	return starlark.Call(thread, t.fn, nil, nil)
}

func (t *timer) stop() {
	t.stopped = true
	t.clock.Stop()
	delete(t.handler.timers, t)
}

func (t *timer) String() string        { return fmt.Sprintf("<timer of %v>", t.period) }
func (t *timer) Type() string          { return "timer" }
func (t *timer) Freeze()               {}
func (t *timer) Truth() starlark.Bool  { return starlark.Bool(!t.stopped) }
func (t *timer) Hash() (uint32, error) { return 0, errors.New("unhashable: timer") }
func (t *timer) AttrNames() []string   { return []string{"stop"} }

// Attr implements starlark.HasAttrs.
func (t *timer) Attr(name string) (starlark.Value, error) {
	if name != "stop" {
		return nil, nil
	}
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		t.stop()
		return starlark.None, starlark.UnpackArgs(b.Name(), args, kwargs)
	}), nil
}
