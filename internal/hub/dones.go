package hub

import (
	"sync"

	"parley.example/parley"
)

// dones calls what was given to Publish as done, in the order of add, on one
// goroutine that lives while there is something to call. The zero value is
// ready.
type dones struct {
	mu      sync.Mutex
	queue   []answer
	running bool   // the goroutine lives
	added   uint64 // answers, ever
	called  uint64 // of those, the ones whose done has returned
	waiting []wait // for called to get that far
}

type answer struct {
	done func(parley.Position, error)
	at   parley.Position
	err  error
}

type wait struct {
	until uint64
	over  chan struct{}
}

// add leaves done, if there is one, to the goroutine.
func (d *dones) add(done func(parley.Position, error), at parley.Position, err error) {
	if done == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.added++
	d.queue = append(d.queue, answer{done, at, err})
	if !d.running {
		d.running = true
		go d.callLoop()
	}
}

// wait returns when everything that was added before has been called.
func (d *dones) wait() {
	d.mu.Lock()
	if d.called == d.added {
		d.mu.Unlock()
		return
	}
	w := wait{until: d.added, over: make(chan struct{})}
	d.waiting = append(d.waiting, w)
	d.mu.Unlock()
	<-w.over
}

func (d *dones) callLoop() {
	for batch := d.next(0); len(batch) > 0; batch = d.next(len(batch)) {
		for _, a := range batch {
			a.done(a.at, a.err)
		}
	}
}

// next takes the queue, after called answers of the last batch. An empty batch
// ends the goroutine.
func (d *dones) next(called int) []answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.called += uint64(called)
	for len(d.waiting) > 0 && d.waiting[0].until <= d.called {
		close(d.waiting[0].over)
		d.waiting = d.waiting[1:]
	}
	batch := d.queue
	d.queue = nil
	d.running = len(batch) > 0
	return batch
}
