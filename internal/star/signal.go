package star

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A signalValue is signal(name): the channel of that name, as code for blinker
// has it.
type signalValue struct{ name string }

var _ starlark.HasAttrs = signalValue{}

func newSignal(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	if err := call.CheckChannel(name); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return signalValue{name}, nil
}

func (s signalValue) String() string        { return fmt.Sprintf("<signal %q>", s.name) }
func (s signalValue) Type() string          { return "signal" }
func (s signalValue) Freeze()               {}
func (s signalValue) Truth() starlark.Bool  { return true }
func (s signalValue) Hash() (uint32, error) { return starlark.String(s.name).Hash() }
func (s signalValue) AttrNames() []string   { return []string{"connect", "disconnect", "name", "send"} }

// Attr implements starlark.HasAttrs.
func (s signalValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(s.name), nil
	case "connect":
		return s.member(name, func(h *handler) {
			if !h.left { // a closed one is as good as gone
				h.effects.Subscribe(s.name)
			}
		}), nil
	case "disconnect":
		return s.member(name, func(h *handler) { h.effects.Unsubscribe(s.name) }), nil
	case "send":
		return starlark.NewBuiltin(name, s.send), nil
	}
	return nil, nil
}

// member is connect or disconnect, which take the handler's own write_message.
func (s signalValue) member(name string, do func(*handler)) starlark.Value {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var receiver starlark.Value
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "receiver", &receiver); err != nil {
			return nil, err
		}
		if write, ok := receiver.(*starlark.Builtin); ok && write.Name() == writeMessageName {
			if h, ok := write.Receiver().(*handler); ok && h.stream != nil {
				do(h)
				return receiver, nil
			}
		}
		return nil, fmt.Errorf("%s: what can be connected is handler.write_message of a socket, not %v", b.Name(), receiver)
	})
}

func (s signalValue) send(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "message", &value); err != nil {
		return nil, err
	}
	run := runnerOf(thread)
	h := run.handler
	if h == nil {
		return nil, errors.New("send: only functions can send, not a module's top level")
	}
	kind, data, err := encodeMessage(run, b.Name(), value, false)
	if octets, ok := value.(starlark.Bytes); ok && err != nil { // they are no text
		kind, data, err = parley.Binary, []byte(octets), nil
	}
	if err != nil {
		return nil, err
	}
	if !h.over.Load() {
		h.effects.Publish(s.name, parley.Message{Kind: kind, Data: data})
	}
	return starlark.None, nil
}
