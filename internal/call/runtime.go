package call

import (
	"context"
	"net/http"
	"strconv"

	"parley.example/parley"
)

// A Runtime runs functions of one kind: Go, Starlark or Python. All methods
// are safe for concurrent use.
type Runtime interface {
	// Compile makes an endpoint's functions ready to be opened. It decides
	// from their text alone and waits for nothing; what only shows when the
	// code is loaded (a module that does not import) shows in Ready.
	// Its error names each function that does not fit, with its place.
	Compile(f Functions) (Hooks, error)

	// Ready waits until hooks can run for the connection or request of info, at
	// most until ctx ends. Its error wraps parley.ErrUnavailable if trying again
	// later may help. It never runs on a loop.
	Ready(ctx context.Context, info Info, hooks Hooks) error

	// Open starts a connection's life in the runtime and returns at once; the
	// open function runs later. Effects of the stream may be emitted from
	// other goroutines before Open has returned. A runtime that cannot serve
	// the connection any more says so through Effects (Close, then Ended).
	Open(info Info, hooks Hooks, effects Effects) Stream

	// Call runs one hook that must be answered, SelectSubprotocol, Function or
	// one that judges, whose Value is a Verdict, and waits for its value, at
	// most until ctx ends; what the function does after that is ignored. Its
	// error is a *FunctionError if the function raised, and wraps
	// parley.ErrUnavailable if it did not run. It never runs on a loop. A
	// handler made by SelectSubprotocol is the one that a later Open of the
	// same info.Conn gets; if that never comes, Forget drops it. One made for a
	// hook that judges sees the request and has no socket, and is gone when its
	// function has returned.
	Call(ctx context.Context, info Info, hooks Hooks, hook Hook, effects Effects) (Value, error)

	// Forget drops what Call(SelectSubprotocol) kept for a handshake that came
	// to nothing. Unknown connections are ignored.
	Forget(conn parley.ConnID)
}

// A Homed runtime wants some connections to live in a certain place, such as
// the loop that its worker's link lives on.
type Homed interface {
	// Home is where a connection about to be opened should live, in terms of
	// who gave the runtime its places; nil means anywhere.
	Home(info Info) any
}

// Traits are what a runtime may tell of an endpoint's functions, so that their
// connections cost less. Each is false if nothing is known.
type Traits struct {
	// NoSession says that they cannot look at their session. Info.Session may
	// be nil then.
	NoSession bool

	// Prompt says that Stream.Message has run its function when it returns, and
	// never calls Effects.Done.
	Prompt bool
}

// A Describer is a runtime that knows something of its functions.
type Describer interface {
	Traits(hooks Hooks) Traits
}

// An Owner is a runtime to which modules of the app belong: functions are
// registered with it by name, or the module is a file that it reads.
type Owner interface {
	// Owns says what makes module the runtime's own, in a few words, such as the
	// name of its file; "" if it is not.
	Owns(module string) string
}

// A Judge is a runtime that does not take every expression.
type Judge interface {
	// Judge says why an expression cannot be run whose variables are names, and
	// where in its text that shows; an *UndefinedError if it uses a name that is
	// nothing here. It returns the modules of the app that it uses. It decides
	// from the text alone.
	Judge(names []string, step Step) (modules []string, err error)
}

// An UndefinedError says that an expression uses a name that is no variable, no
// built-in and no module.
type UndefinedError struct {
	Name  string
	Where string // in the expression: "column 5"
}

func (e *UndefinedError) Error() string { return e.Where + ": undefined: " + e.Name }

// Hooks are the functions of one endpoint after Compile, in the runtime's own
// form. Only the runtime that made them looks inside.
type Hooks any

// Info is what a runtime learns about a connection or request at its start. A
// runtime that needs a part later copies it: Request is only valid until Open
// or Call returns.
type Info struct {
	Conn     parley.ConnID
	Endpoint string

	// Request is the handshake or HTTP request. RemoteAddr is the client's
	// address as trusted proxies tell it, URL.Scheme is "http" or "https".
	// Its Body has been read, into Body.
	Request *http.Request
	Body    []byte

	Session parley.SharedSession // nil only with Traits.NoSession

	// User is who a token or ticket says is there. nil leaves it to the session:
	// CurrentUser.
	User parley.User

	// Groups of the endpoint's pattern; a nil value took no part in the
	// match. PathKwargs is used instead of PathArgs if any group has a name.
	PathArgs   []*string
	PathKwargs map[string]*string

	Subprotocols []string // those the client offered
	Subprotocol  string   // the selected one, "" for none
}

// A Stream is one connection inside a runtime. The runtime runs the
// connection's functions one at a time: open, then for each call below the
// function it belongs to, in the order of the calls. No method blocks. They
// are called one after the other, and nothing is called after Close.
//
// Each Message is answered by Effects.Done when its function has finished (an
// awaitable has been awaited), also if the function raised or none is
// configured; but see Traits.Prompt. A runtime may tell of several messages
// behind the effects of the last, a few milliseconds later. Close is answered
// by Effects.Ended.
type Stream interface {
	// Message hands over one whole message. data is only valid until Message
	// returns: a runtime that needs it later copies it.
	Message(kind parley.Kind, data []byte)

	// Pong hands over the data of a pong frame, valid as those of Message.
	Pong(data []byte)

	// Close says that the connection has ended, with the code and reason that
	// on_close sees: CloseNoStatus if the peer gave none, CloseAbnormal if it vanished.
	Close(code parley.CloseCode, reason string)
}

// Effects is the only way out of a stream. Its methods never block, are safe
// for concurrent use, copy the bytes they are given, and take effect in the
// order in which a runtime calls them. After the connection has ended they do
// nothing, except SetSession, Log and Publish, which work until Ended, and
// Done and Ended themselves.
type Effects interface {
	// Write sends one message to the peer. Its error, as that of Ping, is
	// parley.ErrClosed if there is no peer, or none any more, and
	// parley.ErrSlow if it reads too slowly; a runtime may leave it at that.
	Write(kind parley.Kind, data []byte) error

	// Close starts the close handshake; 0 means CloseNormal. What was written
	// before goes out first.
	Close(code parley.CloseCode, reason string)

	// Ping sends a ping with up to 125 bytes of data.
	Ping(data []byte) error

	// Subscribe makes the connection a member of channel until Unsubscribe or
	// its end. Twice is once.
	Subscribe(channel string)
	Unsubscribe(channel string)

	// Publish sends m to every member of channel, on all nodes. A connection
	// sees its own writes and publications in program order.
	Publish(channel string, m parley.Message)

	// SetSession changes the connection's session. by is told of the change as
	// its own (see parley.SharedSession).
	SetSession(change parley.SessionChange, by parley.SessionWatcher)

	// Log writes one line that the app printed, with endpoint and connection.
	Log(line string)

	// Done says that the function of one message of n bytes has finished.
	Done(n int)

	// Fail says that a function raised. The endpoint logs it once and closes
	// the connection with CloseInternal; on_close runs as after any close.
	// What has no Hook, a timer or task that a function started, is only
	// logged.
	Fail(err *FunctionError)

	// WhenDrained calls fn once, when the connection's outbox is under half
	// its limit or the connection has ended; at once if it is so now. fn must
	// not block.
	WhenDrained(fn func())

	// Ended is the last word of a stream: on_close has run, or never will.
	Ended()
}

// Value is what a Call returned.
type Value struct {
	Kind   ValueKind
	Data   []byte
	Status int         // HTTP status the function asked for; 0 for none
	Header http.Header // headers the function set; may be nil
}

// ValueKind says what a function returned.
type ValueKind uint8

// None is the function's None; JSON is a dict, list, number or bool, as the
// runtime's language prints it.
const (
	None ValueKind = iota
	Text
	Binary
	JSON
)

// Verdict is the Value of a function that judges.
func Verdict(ok bool) Value { return Value{Kind: JSON, Data: strconv.AppendBool(nil, ok)} }

// Passes reports whether v is a Verdict of true.
func (v Value) Passes() bool { return v.Kind == JSON && string(v.Data) == "true" }

// A FunctionError is an exception of user code.
type FunctionError struct {
	Hook      Hook   // "" if a timer or task raised
	Message   string // one line: "TypeError: can only concatenate str …"
	Traceback string // several lines, ending with Message; "" if there is none
	Bytes     int    // size of the message it worked on; 0 if it had none
}

// Error returns the hook, if there is one, and the one-line message.
func (e *FunctionError) Error() string {
	if e.Hook == "" {
		return e.Message
	}
	return string(e.Hook) + ": " + e.Message
}
