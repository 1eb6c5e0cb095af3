package endpoint

import (
	"sync"
	"sync/atomic"
)

// The window of one connection: what a runtime has been given and is not done
// with. Reading stops when either is reached and goes on under half of both.
const (
	windowMessages = 256
	windowBytes    = 256 << 10
)

// A socket is what a window needs of *ws.Conn.
type socket interface {
	Pause()
	Resume()
	Buffered() int
	OutboxLimit() int
}

// A window decides when a connection is not read: while too much of what it
// said is not done, and while too much of what it was sent is not taken. All
// methods are safe for every goroutine; s is always the connection's socket.
type window struct {
	// drains counts the calls of drained; it changes under mu. Who finds it
	// unchanged after having seen the outbox over half its limit knows that
	// drained is still to come.
	drains atomic.Uint64

	mu       sync.Mutex // guards what follows; not held while s or waiters are called
	messages int        // handed over and not done
	bytes    int        // of them
	full     bool       // since the window was full it was not under half
	slow     bool       // since the outbox was over half it was not under a quarter
	over     bool       // the connection has ended
	paused   bool       // what s was told last
	telling  bool       // somebody is telling s
	waiters  []func()   // to call when the outbox has drained
}

// take counts a message that is about to be handed over.
func (w *window) take(n int) {
	w.mu.Lock()
	w.messages++
	w.bytes += n
	w.mu.Unlock()
}

// taken stops reading if what was handed over has filled the window.
func (w *window) taken(s socket) {
	w.mu.Lock()
	if w.messages >= windowMessages || w.bytes >= windowBytes {
		w.full = true
	}
	w.tellAndUnlock(s)
}

// done counts a message as done, and reports whether there was one.
func (w *window) done(n int, s socket) bool {
	w.mu.Lock()
	counted := w.messages > 0
	w.messages = max(0, w.messages-1)
	w.bytes = max(0, w.bytes-n)
	if w.messages < windowMessages/2 && w.bytes < windowBytes/2 {
		w.full = false
	}
	w.tellAndUnlock(s)
	return counted
}

// wrote stops reading if what was sent has filled half of the outbox.
func (w *window) wrote(s socket) {
	drains := w.drains.Load()
	if s.Buffered() <= s.OutboxLimit()/2 {
		return
	}
	w.mu.Lock()
	if w.drains.Load() == drains {
		w.slow = true
	}
	w.tellAndUnlock(s)
}

// drained says that the outbox, after having been over half its limit, has
// fallen under a quarter of it.
func (w *window) drained(s socket) {
	w.mu.Lock()
	w.drains.Add(1)
	w.slow = false
	waiters := w.waiters
	w.waiters = nil
	w.tellAndUnlock(s)
	for _, fn := range waiters {
		fn()
	}
}

// whenDrained calls fn once: now if the outbox is not over half its limit or
// the connection has ended, else when it has drained or ended.
func (w *window) whenDrained(fn func(), s socket) {
	drains := w.drains.Load()
	if s.Buffered() <= s.OutboxLimit()/2 {
		fn()
		return
	}
	w.mu.Lock()
	if w.over || w.drains.Load() != drains {
		w.mu.Unlock()
		fn()
		return
	}
	w.waiters = append(w.waiters, fn)
	w.mu.Unlock()
}

// end says that the connection has ended: there is nothing left to pause.
func (w *window) end() {
	w.mu.Lock()
	w.over = true
	waiters := w.waiters
	w.waiters = nil
	w.mu.Unlock()
	for _, fn := range waiters {
		fn()
	}
}

// tellAndUnlock makes s read or not, as is right now. One goroutine at a time
// does so, and goes on until nothing has changed meanwhile: so s hears of
// changes in their order.
func (w *window) tellAndUnlock(s socket) {
	for !w.telling && !w.over && w.paused != (w.full || w.slow) {
		w.paused = !w.paused
		w.telling = true
		pause := w.paused
		w.mu.Unlock()
		if pause {
			s.Pause()
		} else {
			s.Resume()
		}
		w.mu.Lock()
		w.telling = false
	}
	w.mu.Unlock()
}
