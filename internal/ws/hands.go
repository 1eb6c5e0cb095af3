package ws

import "sync"

// maxIdleHands is how many hands without work are kept.
const maxIdleHands = 16

// hands are goroutines whose stacks are large already. What a goroutine that
// waits most of the time has to do now and then, they do for it, so that its
// own stack stays the smallest there is. There are as many as have something to
// do at once. The zero value is ready.
type hands struct {
	mu     sync.Mutex // guards what follows
	idle   []hand     // the last one has worked last
	closed bool       // none is kept any more
}

// A hand is one such goroutine.
type hand struct {
	work chan *goroutine // closed to end it
	done chan struct{}
}

// step has one of them call d.step, and waits for it.
func (h *hands) step(d *goroutine) {
	one := h.take()
	one.work <- d
	<-one.done
	h.mu.Lock()
	keep := !h.closed && len(h.idle) < maxIdleHands
	if keep {
		h.idle = append(h.idle, one)
	}
	h.mu.Unlock()
	if !keep {
		close(one.work)
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
	one := hand{work: make(chan *goroutine), done: make(chan struct{})}
	go one.workLoop()
	return one
}

func (h hand) workLoop() {
	for d := range h.work {
		d.step()
		h.done <- struct{}{}
	}
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
