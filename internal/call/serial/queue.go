// Package serial runs the calls of one connection one at a time, in the order
// in which they came, on a goroutine that is there only while there are some.
//
// It is what runtimes share that run functions in this process.
package serial

import (
	"sync"
	"sync/atomic"
)

// A Runner runs calls. It must not panic, but may end its goroutine
// (runtime.Goexit): another goes on.
type Runner[C any] interface {
	Run(c C)
}

// A Queue holds the calls of one connection that wait. The zero value is ready.
// It is unbounded: the endpoint's window bounds who fills it.
type Queue[C any] struct {
	working atomic.Bool // the goroutine is there, and runs all calls; changed under mu

	mu    sync.Mutex // guards what follows
	calls []C        // wait for those before them; nil if there are none
}

// Idle reports whether no call runs or waits. If nobody else brings calls
// meanwhile, whoever asks may run one right away, instead of Put.
func (q *Queue[C]) Idle() bool { return !q.working.Load() }

// Put has r run c after the calls before it, on a goroutine that g counts. It
// does not wait. r and g are the same for all calls of a Queue.
func (q *Queue[C]) Put(g *Group, r Runner[C], c C) {
	q.mu.Lock()
	q.calls = append(q.calls, c)
	start := !q.working.Swap(true)
	q.mu.Unlock()
	if start {
		g.Begin()
		go q.work(g, r)
	}
}

// next takes the first call. If there is none, the goroutine that asks is the
// Queue's no more.
func (q *Queue[C]) next() (c C, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.calls) == 0 {
		q.calls = nil
		q.working.Store(false)
		return c, false
	}
	var none C
	c = q.calls[0]
	q.calls[0] = none
	q.calls = q.calls[1:]
	return c, true
}

// work is the goroutine. If a call ends it, another goes on.
func (q *Queue[C]) work(g *Group, r Runner[C]) {
	over := false
	defer func() {
		if over {
			g.End()
		} else {
			go q.work(g, r)
		}
	}()
	for {
		c, ok := q.next()
		if !ok {
			over = true
			return
		}
		r.Run(c)
	}
}
