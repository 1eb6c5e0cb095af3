package gofunc

import (
	"context"
	"slices"
	"strings"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A Function is a Go function that a YAML may name. It has Run or Answer,
// never both. The New functions make one of what programs write.
type Function struct {
	// Run is for open, on_message, on_pong and on_close. Functions of one
	// connection run one at a time, in the order of what happened.
	//
	// ctx ends when the connection has closed, and when the server stops
	// waiting for functions; messages that came before the close are run also
	// after it. That of on_close ends 30 s after that has begun, instead.
	//
	// An error or a panic is a failure: it is logged, the connection closes
	// with CloseInternal, messages that are behind it are not run, and on_close
	// is. The error of a ctx that has ended is no failure, but for on_close.
	Run func(ctx context.Context, c Call) error

	// Answer is for select_subprotocol, function and what judges, whose value is
	// the JSON true or false. ctx ends when nobody waits for the value any more;
	// what it does after that is ignored.
	Answer func(ctx context.Context, c Call) (call.Value, error)

	// Hooks are those that it is for; nil means each that Run is for, or
	// select_subprotocol and function. call.Condition stands for all that judge.
	Hooks []call.Hook

	// Name is what failures call it; "" is the name that it is registered by.
	Name string

	// NeverWaits says that Run never blocks: not on locks that others hold for
	// long, nor on channels, files or the network. It may then run on a loop
	// that serves thousands of connections. Call.Data is only valid until such
	// a function returns, and it must not call runtime.Goexit, which would end
	// the loop.
	NeverWaits bool
}

// A Call is what a function is called with: its connection, whose methods act
// on it, and what has happened.
type Call struct {
	*Conn
	Hook call.Hook

	Kind parley.Kind // of on_message; Binary for on_pong
	Data []byte      // of on_message and on_pong; the function's own, unless it never waits

	Code   parley.CloseCode // of on_close; CloseNoStatus if the peer gave none, CloseAbnormal if it vanished
	Reason string           // likewise

	Offered []string // of select_subprotocol
}

// The hooks that Run and Answer are for, if Hooks does not say.
var (
	runs    = []call.Hook{call.Open, call.OnMessage, call.OnPong, call.OnClose}
	answers = []call.Hook{call.SelectSubprotocol, call.Function}
)

// hooks are those that f is for.
func (f Function) hooks() []call.Hook {
	switch {
	case f.Hooks != nil:
		return f.Hooks
	case f.Run != nil:
		return runs
	}
	return answers
}

// fits reports whether f is for hook, and for which it is.
func (f Function) fits(hook call.Hook) (ok bool, hooks string) {
	if hook.Judges() {
		hook = call.Condition
	}
	var names []string
	for _, hook := range f.hooks() {
		if hook.Judges() {
			names = append(names, "condition of auth, validate")
			continue
		}
		names = append(names, string(hook))
	}
	return slices.Contains(f.hooks(), hook), strings.Join(names, ", ")
}

// What programs write is run by methods, and not by functions without a name:
// tracebacks end where the methods of this package begin.
type (
	plainFunc       parley.Func
	messageFunc     parley.MessageFunc
	closeFunc       parley.CloseFunc
	subprotocolFunc parley.SubprotocolFunc
	conditionFunc   parley.ConditionFunc
	requestFunc     parley.RequestFunc
)

// NewFunc returns what runs f.
func NewFunc(f parley.Func) Function {
	return Function{Hooks: []call.Hook{call.Open, call.OnClose}, Run: plainFunc(f).run}
}

func (f plainFunc) run(ctx context.Context, c Call) error { return f(ctx, c.Conn) }

// NewMessageFunc returns what runs f.
func NewMessageFunc(f parley.MessageFunc) Function {
	return Function{Hooks: []call.Hook{call.OnMessage, call.OnPong}, Run: messageFunc(f).run}
}

func (f messageFunc) run(ctx context.Context, c Call) error {
	return f(ctx, c.Conn, parley.Message{Kind: c.Kind, Data: c.Data})
}

// NewCloseFunc returns what runs f.
func NewCloseFunc(f parley.CloseFunc) Function {
	return Function{Hooks: []call.Hook{call.OnClose}, Run: closeFunc(f).run}
}

func (f closeFunc) run(ctx context.Context, c Call) error { return f(ctx, c.Conn, c.Code, c.Reason) }

// NewSubprotocolFunc returns what runs f.
func NewSubprotocolFunc(f parley.SubprotocolFunc) Function {
	return Function{Hooks: []call.Hook{call.SelectSubprotocol}, Answer: subprotocolFunc(f).answer}
}

func (f subprotocolFunc) answer(ctx context.Context, c Call) (call.Value, error) {
	chosen, err := f(ctx, c.Conn, c.Offered)
	if err != nil || chosen == "" {
		return call.Value{}, err
	}
	return call.Value{Kind: call.Text, Data: []byte(chosen)}, nil
}

// NewConditionFunc returns what runs f.
func NewConditionFunc(f parley.ConditionFunc) Function {
	return Function{Hooks: []call.Hook{call.Condition}, Answer: conditionFunc(f).answer}
}

func (f conditionFunc) answer(ctx context.Context, c Call) (call.Value, error) {
	ok, err := f(ctx, c.Conn)
	return call.Verdict(ok), err
}

// NewRequestFunc returns what runs f.
func NewRequestFunc(f parley.RequestFunc) Function {
	return Function{Hooks: []call.Hook{call.Function}, Answer: requestFunc(f).answer}
}

func (f requestFunc) answer(ctx context.Context, c Call) (call.Value, error) {
	w := &response{}
	err := f(ctx, c.Conn, w)
	return w.value(), err
}
