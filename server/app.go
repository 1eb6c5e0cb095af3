package server

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/gofunc"
)

// An App is a Go program's own: its functions, by the names that a gramex.yaml
// says, and its endpoints. Set it up, then call Run or Start, once. Mistakes,
// such as a name that is given twice, are told by these, all at once.
type App struct {
	Options // of its server; change them before Run or Start

	path   string
	places map[string]config.Pos // of the calls that registered functions
	program

	server atomic.Pointer[Server] // nil until it runs
}

// New returns an app with the gramex.yaml at path, or in the folder path. With
// "" it has none, and no pages: only endpoints that the program adds.
func New(path string) *App {
	return &App{path: path, places: map[string]config.Pos{}, program: program{functions: map[string]gofunc.Function{}}}
}

// A Mark says something of a function that is registered.
type Mark int

// NeverWaits marks a function that never blocks: not on locks that others hold
// for long, nor on channels, files or the network. It runs on the loop that reads
// its socket and thousands of others, without a goroutine of its own. The data of
// a message is only valid until such a function returns, and runtime.Goexit ends
// the loop.
const NeverWaits Mark = 1

// Handle registers a function for open: and on_close:. The name is a module and
// a function, as "chat.open".
func (a *App) Handle(name string, f parley.Func, marks ...Mark) {
	a.register("Handle", name, f == nil, gofunc.NewFunc(f), marks)
}

// HandleMessage registers a function for on_message: and on_pong:.
func (a *App) HandleMessage(name string, f parley.MessageFunc, marks ...Mark) {
	a.register("HandleMessage", name, f == nil, gofunc.NewMessageFunc(f), marks)
}

// HandleClose registers a function for on_close: that is told why.
func (a *App) HandleClose(name string, f parley.CloseFunc, marks ...Mark) {
	a.register("HandleClose", name, f == nil, gofunc.NewCloseFunc(f), marks)
}

// HandleSubprotocol registers a function for select_subprotocol:.
func (a *App) HandleSubprotocol(name string, f parley.SubprotocolFunc) {
	a.register("HandleSubprotocol", name, f == nil, gofunc.NewSubprotocolFunc(f), nil)
}

// HandleCondition registers a function for condition: of auth: and for validate:.
func (a *App) HandleCondition(name string, f parley.ConditionFunc) {
	a.register("HandleCondition", name, f == nil, gofunc.NewConditionFunc(f), nil)
}

// HandleRequest registers a function for function: of a FunctionHandler.
func (a *App) HandleRequest(name string, f parley.RequestFunc) {
	a.register("HandleRequest", name, f == nil, gofunc.NewRequestFunc(f), nil)
}

func (a *App) register(method, name string, none bool, f gofunc.Function, marks []Mark) {
	at := caller()
	wrong := func(text string) { a.addProblem(at, fmt.Sprintf("%s(%q): %s", method, name, text)) }
	if err := gofunc.CheckName(name); err != nil {
		wrong(err.Error())
		return
	}
	if first, twice := a.places[name]; twice {
		wrong(fmt.Sprintf("there is a function of this name already, from %s", first))
		return
	}
	if none {
		wrong("the function is nil")
	}
	a.places[name] = at
	f.NeverWaits = slices.Contains(marks, NeverWaits)
	a.functions[name] = f
}

func (a *App) addProblem(at config.Pos, text string) {
	a.problems = append(a.problems, config.Problem{File: at.File, Line: at.Line, Text: text})
}

// A WebSocket is a WebSocketHandler without YAML. All its functions are
// optional.
type WebSocket struct {
	Open              parley.Func
	Message           parley.MessageFunc
	Pong              parley.MessageFunc
	Close             parley.CloseFunc
	SelectSubprotocol parley.SubprotocolFunc

	// NeverWaits marks Open, Message, Pong and Close with NeverWaits.
	NeverWaits bool

	// Settings are kwargs that a gramex.yaml would have, such as "origins" and
	// "max_message_size". A time.Duration is a duration.
	Settings map[string]any
}

// WebSocket adds an endpoint for the paths that match pattern, which is what
// pattern: is in a gramex.yaml: a path, or a regular expression. Which endpoint
// answers a path that several match is as there; of equals, the gramex.yaml's.
func (a *App) WebSocket(pattern string, socket WebSocket) {
	at := caller()
	s := config.Socket{Pattern: pattern, Pos: at, Kwargs: maps.Clone(socket.Settings)}
	if s.Kwargs == nil {
		s.Kwargs = map[string]any{}
	}
	hook := func(hook call.Hook, field string, given bool, f gofunc.Function) {
		if !given {
			return
		}
		if _, too := s.Kwargs[string(hook)]; too {
			a.addProblem(at, fmt.Sprintf("WebSocket(%q): %s and Settings[%q] say the same: remove one of them", pattern, field, hook))
			return
		}
		// The name is none that a gramex.yaml or a person sees: that is f.Name.
		name := fmt.Sprintf("_socket%d.%s", len(a.sockets), hook)
		f.Name, f.NeverWaits = field+" of "+pattern, socket.NeverWaits
		a.functions[name] = f
		s.Kwargs[string(hook)] = name
	}
	hook(call.Open, "Open", socket.Open != nil, gofunc.NewFunc(socket.Open))
	hook(call.OnMessage, "Message", socket.Message != nil, gofunc.NewMessageFunc(socket.Message))
	hook(call.OnPong, "Pong", socket.Pong != nil, gofunc.NewMessageFunc(socket.Pong))
	hook(call.OnClose, "Close", socket.Close != nil, gofunc.NewCloseFunc(socket.Close))
	hook(call.SelectSubprotocol, "SelectSubprotocol", socket.SelectSubprotocol != nil,
		gofunc.NewSubprotocolFunc(socket.SelectSubprotocol))
	a.sockets = append(a.sockets, s)
}

// Publish sends m, copying its data, to every member of channel, on behalf of no
// connection. It never waits and is safe for every goroutine. Its error is
// parley.ErrUnavailable while the app does not run.
func (a *App) Publish(channel string, m parley.Message) error {
	s := a.server.Load()
	if s == nil {
		return fmt.Errorf("publish to %q: the app does not run: %w", channel, parley.ErrUnavailable)
	}
	if err := gofunc.CheckPublication(channel, m); err != nil {
		return fmt.Errorf("publish to %q: %w", channel, err)
	}
	m.Data = bytes.Clone(m.Data)
	s.hub.Publish(channel, m, nil)
	return nil
}

// Run serves the app until ctx ends, then stops: it accepts nothing new, closes
// the sockets with 1001, waits for every function of on_close and saves the
// sessions, all within app.shutdown_timeout. Its error is nil if it served and
// stopped in order; a *ConfigError means that the app cannot be served as it is.
func (a *App) Run(ctx context.Context) error {
	s, err := load(a.path, a.Options, a.program)
	if err != nil {
		return err
	}
	return a.run(ctx, s, s.serve)
}

func (a *App) run(ctx context.Context, s *Server, serve func(context.Context) error) error {
	a.server.Store(s)
	defer a.server.Store(nil)
	return s.run(ctx, serve)
}

// own is what the names of this package's functions begin with.
var own = reflect.TypeFor[App]().PkgPath() + "."

// caller is the line of the program that called into this package.
func caller() config.Pos {
	pcs := make([]uintptr, 8)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); !strings.HasPrefix(frame.Function, own) {
			return config.Pos{File: filepath.Base(frame.File), Line: frame.Line}
		}
	}
	return config.Pos{File: "the program"}
}
