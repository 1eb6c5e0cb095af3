package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"parley.example/parley/internal/call"
)

// fewSteps bounds what is evaluated on a loop.
const fewSteps = 10_000

// Expression makes an expression ready whose only variable is handler, and
// whose value is a text. It is for what others evaluate at a handshake: it may
// be called on a loop, takes few steps, and cannot do anything but look.
func (r *Runtime) Expression(s call.Step) (func(call.Info) (string, error), error) {
	e, err := r.parse([]string{"handler"}, s)
	if err != nil {
		return nil, err
	}
	evaluate, err := r.evaluate(e)
	if err != nil {
		return nil, err
	}
	return func(info call.Info) (string, error) {
		h := newHandler(r, &hooks{endpoint: info.Endpoint, kwargs: starlark.None}, info, nil, looksOnly)
		run := r.runners.Get().(*runner)
		defer r.runners.Put(run)
		value, err := run.do(nil, nil, fewSteps, evaluate, []starlark.Value{h})
		if err != nil {
			return "", err
		}
		text, ok := starlark.AsString(value)
		if !ok {
			return "", fmt.Errorf("it is a %s, not a text", value.Type())
		}
		return text, nil
	}, nil
}
