package python

import (
	"fmt"
	"log/slog"

	"parley.example/parley/internal/call"
)

// A post is what one worker after the other serves, with the sessions that
// belong to it. It knows the present one, and what the last said of the app.
type post struct {
	runtime *Runtime     // set by newPost, then read-only, as are the next three
	name    string       // "w1": of each of its workers
	log     *slog.Logger // with the name
	loop    Loop         // of their links

	saved chan struct{} // of one place: files were saved, do not wait to restart

	// Guarded by Runtime.mu, and changed by Runtime.update.
	live     *worker      // the process that runs; nil between two
	ready    bool         // live has loaded the app
	over     bool         // no worker will come any more
	tried    bool         // the first worker has loaded the app or died
	faults   []call.Fault // replaced, never changed
	modules  map[string]string
	restarts int
}

// newPost returns the post of number i, counted from 0.
func newPost(r *Runtime, i int) *post {
	p := &post{runtime: r, name: fmt.Sprintf("w%d", i+1), loop: pump{}, saved: make(chan struct{}, 1)}
	p.log = r.log.With("worker", p.name)
	if loops := r.opt.Loops; len(loops) > 0 {
		p.loop = loops[i%len(loops)]
	}
	return p
}

// worker returns the worker that takes new connections and calls.
func (p *post) worker() (w *worker, ok bool) {
	p.runtime.mu.Lock()
	defer p.runtime.mu.Unlock()
	return p.live, p.ready
}

// end says that no worker will come any more.
func (p *post) end() {
	p.runtime.update(func() { p.over, p.tried = true, true })
}

// Stats of one worker at one moment.
type Stats struct {
	Worker      string // its name in the log
	Ready       bool   // it takes connections
	Connections int    // open in it
	QueuedBytes int    // on their way to it, in the server
	Sent        uint64 // rows to the present process
	Received    uint64 // rows from it
	Restarts    int    // since Start
}

// Stats returns the present numbers of each worker.
func (r *Runtime) Stats() []Stats {
	all := make([]Stats, len(r.posts))
	for i, p := range r.posts {
		all[i] = p.stats()
	}
	return all
}

func (p *post) stats() Stats {
	p.runtime.mu.Lock()
	s := Stats{Worker: p.name, Ready: p.ready, Restarts: p.restarts}
	w := p.live
	p.runtime.mu.Unlock()
	if w != nil {
		s.Connections = w.connections()
		s.QueuedBytes, s.Sent = w.link.queued()
		s.Received = w.link.received.Load()
	}
	return s
}
