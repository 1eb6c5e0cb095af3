package star

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.starlark.net/starlark"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// Call runs the functions of hook on a goroutine of their own. The last value is
// the answer.
func (r *Runtime) Call(ctx context.Context, info call.Info, compiled call.Hooks, hook call.Hook, effects call.Effects) (call.Value, error) {
	endpoint := compiled.(*hooks)
	fn := endpoint.functions[hook]
	if fn == nil {
		return call.Value{}, fmt.Errorf("%s of %s: no function answers it", hook, info.Endpoint)
	}
	h := newHandler(r, endpoint, info, effects, kindAt(hook))
	run := r.runners.Get().(*runner)
	vars := run.room(fn.all)
	vars[0] = h
	if hook == call.SelectSubprotocol {
		offered := make([]starlark.Value, len(info.Subprotocols))
		for i, name := range info.Subprotocols {
			offered[i] = starlark.String(name)
		}
		vars[1] = starlark.NewList(offered)
	}
	type answer struct {
		value call.Value
		err   error
	}
	answers := make(chan answer, 1)
	r.group.Begin()
	go func() {
		defer r.group.End()
		var a answer
		value, err := h.value(run, ctx.Done(), fn.run, vars)
		switch {
		case err != nil:
		case hook.Judges():
			a.value = call.Verdict(bool(value.Truth()))
		default:
			a.value, err = h.answer(value)
		}
		if err != nil {
			a.value, a.err = h.refusal(hook, err)
		}
		answers <- a
	}()
	select {
	case a := <-answers:
		if hook == call.SelectSubprotocol && a.err == nil {
			r.keep(h)
		}
		return a.value, a.err
	case <-ctx.Done():
		h.over.Store(true)
		return call.Value{}, fmt.Errorf("%s of %s did not answer in time: %w: %w", hook, info.Endpoint, parley.ErrUnavailable, context.Cause(ctx))
	}
}

// answer makes what a function has returned an answer.
func (h *handler) answer(value starlark.Value) (call.Value, error) {
	v := call.Value{Status: h.status}
	if len(h.headers) > 0 {
		v.Header = http.Header{}
		for _, pair := range h.headers {
			v.Header.Add(pair[0], pair[1])
		}
	}
	var err error
	switch value := value.(type) {
	case starlark.NoneType:
	case starlark.String:
		v.Kind, v.Data = call.Text, []byte(value)
	case starlark.Bytes:
		v.Kind, v.Data = call.Binary, []byte(value)
	default:
		v.Kind = call.JSON
		v.Data, err = pythonJSON(value)
	}
	return v, err
}

// refusal is what err means to the client: a page that lacks an argument is
// refused, all else is a failure.
func (h *handler) refusal(hook call.Hook, err error) (call.Value, error) {
	var missing *missingArgumentError
	if errors.As(err, &missing) && hook == call.Function {
		text := fmt.Sprintf("400 Bad Request: the argument %s is missing", missing.name)
		return call.Value{Kind: call.Text, Data: []byte(text), Status: http.StatusBadRequest}, nil
	}
	return call.Value{}, failure(hook, 0, err)
}
