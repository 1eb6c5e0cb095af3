package gofunc

import (
	"context"
	"fmt"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// An answer is what a function of Runtime.Call comes to.
type answer struct {
	value call.Value
	err   error
}

// Call runs the functions of hook on a goroutine of their own. The last value
// is the answer.
func (r *Runtime) Call(ctx context.Context, info call.Info, compiled call.Hooks, hook call.Hook, effects call.Effects) (call.Value, error) {
	p := compiled.(*hooks).at(hook)
	if len(p.steps) == 0 {
		return call.Value{}, fmt.Errorf("%s of %s: no function answers it", hook, info.Endpoint)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(r.life, func() { cancel(context.Cause(r.life)) })
	defer stop()

	conn := &Conn{answers: hook != call.SelectSubprotocol}
	conn.set(ctx, info, effects)
	answers := make(chan answer, 1)
	r.group.Begin()
	go func() {
		defer r.group.End()
		a := &answer{}
		defer func() { // also if the function ends the goroutine
			late := conn.over.Load()
			if conn.answers {
				conn.over.Store(true) // who still has it holds a session that is given back
			}
			answers <- *a
			if late && a.err != nil && !told(ctx, a.err) {
				r.log.Error("function failed after nobody waited for it any more",
					"endpoint", info.Endpoint, "conn", info.Conn, "hook", hook, "err", a.err)
			}
		}()
		p.answer(ctx, info.Endpoint, Call{Conn: conn, Hook: hook, Offered: info.Subprotocols}, a)
	}()
	select {
	case a := <-answers:
		if hook == call.SelectSubprotocol && a.err == nil {
			r.keep(info.Conn, conn.state)
		}
		return a.value, a.err
	case <-ctx.Done():
		conn.over.Store(true)
		return call.Value{}, fmt.Errorf("%s of %s: %w", hook, info.Endpoint, context.Cause(ctx))
	}
}

// answer runs the functions one after the other, until one fails, and leaves
// the last value, or the failure, in a.
func (p *pipeline) answer(ctx context.Context, endpoint string, c Call, a *answer) {
	steps, running := p.steps, true
	defer func() {
		if running {
			a.err = steps[0].stopped(c.Hook, 0, recover())
		}
	}()
	var value call.Value
	var err error
	for ; len(steps) > 0; steps = steps[1:] {
		if value, err = steps[0].Answer(ctx, c); err != nil {
			break
		}
	}
	running = false
	switch {
	case err == nil:
		a.value = value
	case told(ctx, err):
		a.err = fmt.Errorf("%s of %s: %w", c.Hook, endpoint, err)
	default:
		a.err = steps[0].failed(c.Hook, 0, err)
	}
}

// keep holds what a handshake's function has left until takeKept or Forget.
func (r *Runtime) keep(conn parley.ConnID, state map[string]any) {
	if state == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[conn] = state
}

func (r *Runtime) takeKept(conn parley.ConnID) map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.kept[conn]
	delete(r.kept, conn)
	return state
}

// Forget drops what select_subprotocol has kept.
func (r *Runtime) Forget(conn parley.ConnID) { r.takeKept(conn) }
