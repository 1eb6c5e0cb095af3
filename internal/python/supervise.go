package python

import (
	"context"
	"errors"
	"sync"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

const (
	restartReason = "worker restarted"
	stopReason    = "server is stopping"

	drainTime = 1 * time.Second // for the link to end after its worker has
)

// Between two workers.
const (
	healthyTime   = 5 * time.Second // a worker that lived so long begins a new count
	firstPause    = 100 * time.Millisecond
	maxPause      = 1 * time.Second  // after workers that had loaded the app: handshakes wait 2 s
	maxStartPause = 10 * time.Second // after workers that died before
)

// An ending is how one worker's life went.
type ending struct {
	loaded bool // it had imported the app
	lived  time.Duration
	hung   bool
	open   int    // connections that it took along
	status string // "signal: killed"
	err    error  // why it did not start, or what was wrong with its rows
}

// backoff is how long to wait before the next worker.
type backoff struct{ next time.Duration }

// after returns the pause after a life: none the first time, then doubling.
func (b *backoff) after(e ending) time.Duration {
	limit := maxStartPause
	if e.loaded {
		limit = maxPause
		if e.lived >= healthyTime {
			b.next = 0
		}
	}
	pause := min(b.next, limit)
	b.next = min(max(firstPause, 2*pause), limit)
	return pause
}

// supervise starts one worker after the other until ctx ends.
func (p *post) supervise(ctx context.Context) {
	defer p.end()
	var wait backoff
	for {
		e := p.runWorker(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := wait.after(e)
		p.logEnding(e, pause)
		p.runtime.update(func() {
			p.restarts++
			if !p.tried {
				p.tried = true
				p.faults = p.runtime.faultsOfAll(e)
			}
		})
		if !p.sleep(ctx, pause) {
			return
		}
	}
}

// sleep waits, but not on after a file was saved. It reports false if ctx
// ended.
func (p *post) sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.saved:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// runWorker runs one worker until it dies or ctx ends. When it returns the
// process has been reaped and nothing of its link is left.
func (p *post) runWorker(ctx context.Context) ending {
	proc, err := p.runtime.launcher.Launch(p.name)
	if err != nil {
		return ending{err: err}
	}
	began := time.Now()
	var w *worker
	w = newWorker(p.name, p.log, p.runtime.out, func(report loadedJSON, first bool) { p.loaded(w, report, first) })
	problem := w.start(p.runtime.config(p.name))            // before anybody else can send
	p.runtime.update(func() { p.live, p.ready = w, false }) // before the answer can come
	l := w.link
	if err := l.start(p.loop, proc.Link()); err != nil {
		problem = err
		close(l.ended)
	}

	var beats sync.WaitGroup
	beating, stopBeat := context.WithCancel(ctx)
	defer stopBeat()
	beats.Go(func() { w.beat(beating, proc, p.runtime.opt.HangTimeout) })

	code, reason := parley.CloseRestart, restartReason
	if problem == nil {
		select {
		case <-l.ended:
		case <-proc.Done():
			drained := time.AfterFunc(drainTime, l.close) // a child of it may hold the link
			defer drained.Stop()
		case <-ctx.Done():
			code, reason = parley.CloseGoingAway, stopReason
			l.close()
		}
		<-l.ended
		problem = l.broken
	}
	stopBeat()
	e := ending{lived: time.Since(began), err: problem}
	p.runtime.update(func() {
		e.loaded = p.ready
		p.live, p.ready = nil, false
	})
	e.open = w.die(code, reason)
	l.close()
	<-l.ended
	if problem != nil {
		proc.Kill()
	}
	p.reap(proc)
	beats.Wait()
	e.hung, e.status = w.hung.Load(), proc.Exit()
	return e
}

// reap waits for the end of a process whose link has been closed, and brings
// it about if need be.
func (p *post) reap(proc process) {
	timer := time.NewTimer(p.runtime.opt.LeaveTimeout)
	defer timer.Stop()
	select {
	case <-proc.Done():
		return
	case <-timer.C:
	}
	p.log.Warn("worker did not leave when its link ended: killed")
	proc.Kill()
	<-proc.Done()
}

// config is the first row of a worker.
func (r *Runtime) config(name string) configJSON {
	r.mu.Lock()
	defer r.mu.Unlock()
	return configJSON{
		Version:   linkVersion,
		Name:      name,
		Dirs:      append([]string{}, r.opt.Dirs...),
		Path:      append([]string{}, r.opt.Path...),
		Endpoints: r.endpoints,
	}
}

func (p *post) logEnding(e ending, pause time.Duration) {
	log := p.log.With("restart_in", pause)
	var protocol *rowError
	switch {
	case e.status == "":
		log.Error("worker did not start", "err", e.err)
	case e.hung:
		log.Error("worker hung and was killed: its connections close with 1012, without on_close",
			"silent", p.runtime.opt.HangTimeout, "connections", e.open)
	case errors.As(e.err, &protocol):
		log.Error("worker sent what is no row and was killed: its connections close with 1012, without on_close",
			"err", e.err, "connections", e.open)
	default:
		log.Error("worker died: its connections close with 1012, without on_close",
			"status", e.status, "connections", e.open)
	}
}

// faultsOfAll says of every function that the first worker of a post died
// before it had loaded it; r.mu is held.
func (r *Runtime) faultsOfAll(e ending) []call.Fault {
	why := "the worker died while it imported the app: " + e.status
	switch {
	case e.status == "":
		why = "the worker did not start: " + e.err.Error()
	case e.hung:
		why = "the worker hung while it imported the app"
	}
	var faults []call.Fault
	for _, endpoint := range r.endpoints {
		for hook, steps := range endpoint.Hooks {
			for _, step := range steps {
				faults = append(faults, call.Fault{Endpoint: endpoint.Name, Hook: hook, Where: step.Where, Message: why})
			}
		}
	}
	return faults
}
