package python

import (
	"encoding/json"
	"maps"
	"slices"

	"parley.example/parley/internal/call"
)

// loaded takes over what a worker says of the app's modules, and logs what is
// new in it. The faults of the very first worker are left to whoever started
// the runtime.
func (r *Runtime) loaded(w *worker, l loadedJSON, first bool) {
	w.loaded.Store(true)
	var before []call.Fault
	initial := false
	r.update(func() {
		before, initial = r.faults, !r.tried
		r.faults, r.modules = l.Faults, l.Modules
		r.tried = true
		r.ready = r.ready || r.live == w
	})
	switch {
	case first:
		w.log.Info("worker started", "pid", l.PID, "python", l.Python,
			"modules", slices.Sorted(maps.Keys(l.Modules)))
	case len(l.Reloaded) > 0:
		w.log.Info("reloaded", "modules", l.Reloaded)
	}
	for _, module := range slices.Sorted(maps.Keys(l.Failed)) {
		w.log.Error("module not reloaded: its old code goes on", "module", module, "traceback", l.Failed[module])
	}
	if !initial {
		call.LogFaults(w.log, before, l.Faults)
	}
}

// Changed tells the worker that files of the app were saved, created or
// removed. What comes of it is logged. It does not wait.
func (r *Runtime) Changed(paths []string) {
	r.mu.Lock()
	w := r.live
	r.mu.Unlock()
	if w == nil { // the next one reads the new files, and may do better
		select {
		case r.saved <- struct{}{}:
		default:
		}
		return
	}
	text, _ := json.Marshal(struct { // strings cannot fail
		Paths []string `json:"paths"`
	}{append([]string{}, paths...)})
	w.link.send(toReload, 0, text)
}
