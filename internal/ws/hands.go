package ws

import "sync"

// maxIdleHands is how many hands without work are kept.
const maxIdleHands = 16

// hands are goroutines whose stacks are large already. What a young goroutine,
// or one that waits most of the time, would have to grow its stack for, they do
// for it. There are as many as have something to do at once. The zero value is
// ready.
type hands struct {
	mu     sync.Mutex // guards what follows
	idle   []hand     // the last one has worked last
	closed bool       // none is kept any more
}

// A hand is one such goroutine.
type hand struct {
	work chan func() // closed to end it
	done chan any    // what work panicked with, or nil
}

// do has one of them call fn, and waits for it. A panic of fn is its own.
func (h *hands) do(fn func()) {
	one := h.take()
	one.work <- fn
	cause := <-one.done
	h.mu.Lock()
	keep := !h.closed && len(h.idle) < maxIdleHands
	if keep {
		h.idle = append(h.idle, one)
	}
	h.mu.Unlock()
	if !keep {
		close(one.work)
	}
	if cause != nil {
		panic(cause)
	}
}

func (h *hands) take() hand {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.idle); n > 0 {
		one := h.idle[n-1]
		h.idle = h.idle[:n-1]
		return one
	}
	one := hand{work: make(chan func()), done: make(chan any)}
	go one.workLoop()
	return one
}

func (h hand) workLoop() {
	for fn := range h.work {
		h.done <- try(fn)
	}
}

// try calls fn and returns what it panics with.
func try(fn func()) (cause any) {
	defer func() { cause = recover() }()
	fn()
	return nil
}

// close ends those that are idle, and the others once they have done their
// work.
func (h *hands) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, one := range h.idle {
		close(one.work)
	}
	h.idle = nil
}
