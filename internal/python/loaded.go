package python

import (
	"encoding/json"
	"maps"
	"slices"

	"parley.example/parley/internal/call"
)

// loaded takes over what a worker says of the app's modules, and logs what is
// new in it: what several workers say is logged once. The faults that the
// workers begin with are left to whoever started the runtime.
func (p *post) loaded(w *worker, l loadedJSON, first bool) {
	w.loaded.Store(true)
	r := p.runtime
	var before, now []call.Fault
	var failed []string
	initial := false
	r.update(func() {
		before, initial = r.allFaults(), !r.allTried()
		p.faults, p.modules = l.Faults, l.Modules
		p.tried = true
		p.ready = p.ready || p.live == w
		now = r.allFaults()
		for _, module := range slices.Sorted(maps.Keys(l.Failed)) {
			if r.failed[module] != l.Failed[module] {
				r.failed[module] = l.Failed[module]
				failed = append(failed, module)
			}
		}
	})
	switch {
	case first:
		p.log.Info("worker started", "pid", l.PID, "python", l.Python,
			"modules", slices.Sorted(maps.Keys(l.Modules)))
	case len(l.Reloaded) > 0:
		p.log.Info("reloaded", "modules", l.Reloaded)
	}
	for _, module := range failed {
		p.log.Error("module not reloaded: its old code goes on", "module", module, "traceback", l.Failed[module])
	}
	if !initial {
		call.LogFaults(p.log, before, now)
	}
}

// allFaults returns each function that cannot run in some worker once, as the
// first of them has it; r.mu is held.
func (r *Runtime) allFaults() []call.Fault {
	var all []call.Fault
	for _, p := range r.posts {
		earlier := all // of other workers
		for _, fault := range p.faults {
			if !slices.ContainsFunc(earlier, func(other call.Fault) bool {
				return other.Endpoint == fault.Endpoint && other.Hook == fault.Hook && other.Where == fault.Where
			}) {
				all = append(all, fault)
			}
		}
	}
	return all
}

// Faults returns the functions that cannot run at present, in one worker or
// in all.
func (r *Runtime) Faults() []call.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.allFaults()
}

// Modules returns the app's modules that functions name, with their files.
func (r *Runtime) Modules() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]string{}
	for _, p := range r.posts {
		maps.Copy(all, p.modules)
	}
	return all
}

// Changed tells the workers that files of the app were saved, created or
// removed. What comes of it is logged. It does not wait.
func (r *Runtime) Changed(paths []string) {
	text, _ := json.Marshal(struct { // strings cannot fail
		Paths []string `json:"paths"`
	}{append([]string{}, paths...)})
	r.mu.Lock()
	clear(r.failed)
	r.mu.Unlock()
	for _, p := range r.posts {
		p.reload(text)
	}
}

// reload sends a RELOAD. A worker that is yet to come reads the new files, and
// may do better.
func (p *post) reload(paths []byte) {
	p.runtime.mu.Lock()
	w := p.live
	p.runtime.mu.Unlock()
	if w == nil {
		select {
		case p.saved <- struct{}{}:
		default:
		}
		return
	}
	w.link.send(toReload, 0, paths)
}
