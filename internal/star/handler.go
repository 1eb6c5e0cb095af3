package star

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// errClosed is what a function gets that writes to a socket that is closed. It
// is no failure if the peer has left.
var errClosed = errors.New("the socket is closed")

// A handler is what functions see of their connection or request: the same
// object for all functions of a connection. They run one at a time, and own it
// but for what says otherwise.
type handler struct {
	runtime *Runtime      // set when it is made, then read-only, as are the next six
	hooks   *hooks        //
	id      parley.ConnID //
	kind    kind          //
	effects call.Effects  //
	session parley.SharedSession
	user    parley.User // by token or ticket
	stream  *stream     // nil for a request, and before open

	over atomic.Bool // nobody waits for an answer any more; safe for every goroutine
	gone bool        // the connection has closed, and on_close has begun
	left bool        // it has closed, or a function has closed it: nothing more is sent

	request     call.Request
	pathArgs    starlark.Value
	pathKwargs  starlark.Value
	subprotocol starlark.Value
	closeCode   starlark.Value
	closeReason starlark.Value

	// Made when functions look at them.
	state   *starlark.Dict
	values  *sessionValue
	parsed  *requestValue
	args    starlark.Value
	status  int // of a page's answer; 0 for none
	headers [][2]string
	timers  map[*timer]struct{}
}

// A kind of handler says what can be done with it.
type kind uint8

const (
	looksOnly kind = iota // for what judges or computes: it can be looked at
	ofPage                // of a request that its function answers
	ofSocket
)

// kindAt is the kind of the handler for Call.
func kindAt(hook call.Hook) kind {
	switch {
	case hook == call.SelectSubprotocol:
		return ofSocket
	case hook.Judges():
		return looksOnly
	}
	return ofPage
}

var (
	_ starlark.HasAttrs    = (*handler)(nil)
	_ starlark.HasSetField = (*handler)(nil)
)

func newHandler(r *Runtime, h *hooks, info call.Info, effects call.Effects, kind kind) *handler {
	made := &handler{
		runtime: r, hooks: h, id: info.Conn, kind: kind, effects: effects, session: info.Session, user: info.User,
		request:   call.NewRequest(info.Request, info.Body),
		closeCode: starlark.None, closeReason: starlark.None, subprotocol: starlark.None,
		pathArgs: emptyList(), pathKwargs: emptyDict(),
	}
	if len(info.PathArgs) > 0 {
		list := make([]starlark.Value, len(info.PathArgs))
		for i, arg := range info.PathArgs {
			list[i] = optional(arg)
		}
		made.pathArgs = starlark.NewList(list)
	}
	if len(info.PathKwargs) > 0 {
		dict := &starlark.Dict{}
		for _, name := range slices.Sorted(maps.Keys(info.PathKwargs)) {
			_ = dict.SetKey(starlark.String(name), optional(info.PathKwargs[name])) // it is not frozen
		}
		made.pathKwargs = dict
	}
	return made
}

func emptyList() starlark.Value { return starlark.NewList(nil) }
func emptyDict() starlark.Value { return &starlark.Dict{} }

func optional(text *string) starlark.Value {
	if text == nil {
		return starlark.None
	}
	return starlark.String(*text)
}

func (h *handler) String() string {
	return fmt.Sprintf("<handler %s %s>", h.hooks.endpoint, h.id)
}
func (h *handler) Type() string          { return "handler" }
func (h *handler) Freeze()               {}
func (h *handler) Truth() starlark.Bool  { return true }
func (h *handler) Hash() (uint32, error) { return uint32(h.id), nil }

// A method of the handler, or an attribute that is computed.
type (
	method    func(h *handler, thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)
	attribute func(h *handler) (starlark.Value, error)
)

// attributes are those of every handler, sockets' methods and pages' methods
// those of each kind. The others' are there, too, and say why they don't work.
var (
	attributes = map[string]attribute{
		"id":           func(h *handler) (starlark.Value, error) { return starlark.String(h.id.String()), nil },
		"name":         func(h *handler) (starlark.Value, error) { return starlark.String(h.hooks.endpoint), nil },
		"kwargs":       func(h *handler) (starlark.Value, error) { return h.hooks.kwargs, nil },
		"conf":         (*handler).conf,
		"current_user": (*handler).currentUser,
		"session":      (*handler).sessionValue,
		"state":        (*handler).stateValue,
		"request":      (*handler).requestValue,
		"args":         (*handler).argsValue,
		"path_args":    func(h *handler) (starlark.Value, error) { return h.pathArgs, nil },
		"path_kwargs":  func(h *handler) (starlark.Value, error) { return h.pathKwargs, nil },

		"selected_subprotocol": func(h *handler) (starlark.Value, error) { return h.subprotocol, nil },
		"close_code":           func(h *handler) (starlark.Value, error) { return h.closeCode, nil },
		"close_reason":         func(h *handler) (starlark.Value, error) { return h.closeReason, nil },
	}
	commonMethods = builtins(map[string]method{
		"get_arg": getArg, "get_argument": getArgument, "get_arguments": getArguments, "get_cookie": getCookie,
	})
	socketMethods = builtins(map[string]method{
		writeMessageName: writeMessage, "close": closeSocket, "ping": ping, "set_nodelay": nothing,
	})
	pageMethods = builtins(map[string]method{
		"set_status": setStatus, "set_header": setHeader, "add_header": addHeader, "redirect": redirect,
	})

	writeMessageMethod = socketMethods[writeMessageName]
)

// builtins are methods that act on their receiver, a handler.
func builtins(methods map[string]method) map[string]*starlark.Builtin {
	made := map[string]*starlark.Builtin{}
	for name, m := range methods {
		made[name] = starlark.NewBuiltin(name, func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return m(b.Receiver().(*handler), thread, b, args, kwargs)
		})
	}
	return made
}

// Attr implements starlark.HasAttrs.
func (h *handler) Attr(name string) (starlark.Value, error) {
	if name == writeMessageName && h.kind == ofSocket {
		return writeMessageMethod.BindReceiver(h), nil
	}
	if get := attributes[name]; get != nil {
		return get(h)
	}
	m := commonMethods[name]
	switch {
	case m != nil:
	case h.kind == ofSocket && socketMethods[name] != nil:
		m = socketMethods[name]
	case h.kind == ofPage && pageMethods[name] != nil:
		m = pageMethods[name]
	case h.kind == ofSocket && pageMethods[name] != nil:
		return nil, fmt.Errorf("%s: a WebSocket has no HTTP response to change", name)
	case pageMethods[name] != nil:
		return nil, fmt.Errorf("%s: this function does not make the response", name)
	case socketMethods[name] != nil:
		return nil, fmt.Errorf("%s: this is no WebSocket", name)
	default:
		return nil, nil // Starlark says it
	}
	return m.BindReceiver(h), nil
}

const writeMessageName = "write_message"

// AttrNames implements starlark.HasAttrs.
func (h *handler) AttrNames() []string {
	names := append(slices.Collect(maps.Keys(attributes)), slices.Collect(maps.Keys(commonMethods))...)
	switch h.kind {
	case ofSocket:
		names = append(names, slices.Collect(maps.Keys(socketMethods))...)
	case ofPage:
		names = append(names, slices.Collect(maps.Keys(pageMethods))...)
	}
	slices.Sort(names)
	return names
}

// SetField refuses: the handler has the attributes that it has.
func (h *handler) SetField(name string, _ starlark.Value) error {
	return starlark.NoSuchAttrError(fmt.Sprintf("handler.%s cannot be set: keep it as handler.state[%q]", name, name))
}

func (h *handler) conf() (starlark.Value, error) {
	dict := &starlark.Dict{}
	_ = dict.SetKey(starlark.String("name"), starlark.String(h.hooks.endpoint)) // it is not frozen
	_ = dict.SetKey(starlark.String("kwargs"), h.hooks.kwargs)
	dict.Freeze()
	return settingsOf(dict, "settings"), nil
}

func (h *handler) stateValue() (starlark.Value, error) {
	if h.state == nil {
		h.state = &starlark.Dict{}
	}
	return h.state, nil
}

// encodeMessage returns what is sent for a value: text for str and dict, and
// for bytes unless they are to be binary.
// The bytes are good until run's next.
func encodeMessage(run *runner, what string, value starlark.Value, binary bool) (kind parley.Kind, data []byte, err error) {
	kind = parley.Text
	switch v := value.(type) {
	case starlark.String:
		data = run.octets(string(v))
	case starlark.Bytes:
		data = run.octets(string(v))
		if !binary && !utf8.Valid(data) {
			return 0, nil, fmt.Errorf("%s: these bytes are no UTF-8 text; use binary=True", what)
		}
	case *starlark.Dict, *settings, *sessionValue:
		if data, err = pythonJSON(value); err != nil {
			return 0, nil, fmt.Errorf("%s: %w", what, err)
		}
		data = []byte(strings.ReplaceAll(string(data), "</", `<\/`))
	default:
		return 0, nil, fmt.Errorf("%s: message must be str, bytes or dict, not %s", what, value.Type())
	}
	if binary {
		return parley.Binary, data, nil
	}
	if !utf8.Valid(data) {
		return 0, nil, fmt.Errorf("%s: %s is not UTF-8 and cannot be sent as text", what, shown(string(data)))
	}
	return kind, data, nil
}

func writeMessage(h *handler, thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value starlark.Value
	binary := false
	if len(args) == 1 && len(kwargs) == 0 {
		value = args[0]
	} else if err := starlark.UnpackArgs(b.Name(), args, kwargs, "message", &value, "binary?", &binary); err != nil {
		return nil, err
	}
	kind, data, err := encodeMessage(runnerOf(thread), b.Name(), value, binary)
	if err != nil {
		return nil, err
	}
	if h.left || h.stream == nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), errClosed)
	}
	_ = h.effects.Write(kind, data)
	return starlark.None, nil
}

// maxReason is how long a close frame's reason may be (RFC 6455 §5.5.1), and
// maxPing a ping.
const (
	maxReason = 123
	maxPing   = 125
)

func closeSocket(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var code, reason starlark.Value = starlark.None, starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "code?", &code, "reason?", &reason); err != nil {
		return nil, err
	}
	number := 0
	if code != starlark.None {
		var err error
		if number, err = starlark.AsInt32(code); err != nil || number < 0 || number > 65535 || !parley.CloseCode(number).Sendable() {
			return nil, fmt.Errorf("close: %v is no close code: use 1000 or 3000 to 4999", code)
		}
	}
	text := ""
	if reason != starlark.None {
		var ok bool
		if text, ok = starlark.AsString(reason); !ok || !utf8.ValidString(text) {
			return nil, fmt.Errorf("close: the reason must be a text, not %v", reason)
		}
		if number == 0 {
			number = int(parley.CloseNormal)
		}
	}
	if len(text) > maxReason {
		return nil, fmt.Errorf("close: the reason has %d octets; at most %d can be sent", len(text), maxReason)
	}
	if h.stream != nil && !h.left {
		h.left, h.stream.skip = true, true
		h.effects.Close(parley.CloseCode(number), text)
	}
	return starlark.None, nil
}

func ping(h *handler, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var data starlark.Value = starlark.Bytes("")
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "data?", &data); err != nil {
		return nil, err
	}
	var octets []byte
	switch d := data.(type) {
	case starlark.String:
		octets = []byte(d)
	case starlark.Bytes:
		octets = []byte(d)
	default:
		return nil, fmt.Errorf("ping: data must be str or bytes, not %s", data.Type())
	}
	if len(octets) > maxPing {
		return nil, fmt.Errorf("ping: %d octets are too many: at most %d can be sent", len(octets), maxPing)
	}
	if h.left || h.stream == nil {
		return nil, fmt.Errorf("ping: %w", errClosed)
	}
	_ = h.effects.Ping(octets)
	return starlark.None, nil
}

// nothing is set_nodelay: messages are never delayed.
func nothing(*handler, *starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return starlark.None, nil
}
