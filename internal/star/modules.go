package star

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"parley.example/parley/internal/call"
)

// suffix is what the names of modules' files end with.
const suffix = ".star"

// A module is one file, loaded. It does not change.
type module struct {
	file    string // as problems call it
	globals starlark.StringDict
	loads   []string // paths of what it has loaded
	err     error    // why it could not be loaded
}

// A generation is all modules that are loaded. It does not change once it is the
// Runtime's.
type generation struct {
	modules map[string]*module // by path
	names   map[string]*module // those that functions name, by these names
}

// Owns implements call.Owner: it says which file of the app is module, if there
// is one.
func (r *Runtime) Owns(module string) string {
	if r.find(module) == "" {
		return ""
	}
	return strings.ReplaceAll(module, ".", "/") + suffix
}

// find returns the path of a module's file; "" if there is none.
func (r *Runtime) find(module string) string {
	name := filepath.Join(strings.Split(module, ".")...) + suffix
	for _, dir := range r.opt.Dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// Load loads the modules that the compiled functions name. What is wrong with
// them is among the Faults.
func (r *Runtime) Load() { r.load(nil) }

// Changed loads modules again whose files were saved, and those that load them.
// What comes of it is logged. One that does not load any more goes on with its
// old code.
func (r *Runtime) Changed(paths []string) {
	saved := map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, suffix) {
			saved[path] = true
		}
	}
	if len(saved) == 0 {
		return
	}
	before := r.Faults()
	if read := r.load(saved); len(read) > 0 {
		r.log.Info("reloaded", "modules", read)
	}
	call.LogFaults(r.log, before, r.Faults())
}

// load makes a new generation, in which the saved files are read again, and all
// that could not be read before. It returns the names of files that were.
func (r *Runtime) load(saved map[string]bool) (read []string) {
	old := r.code.Load()
	if old == nil {
		old = &generation{}
	}
	l := &loader{runtime: r, old: old, next: &generation{map[string]*module{}, map[string]*module{}}, stale: old.stale(saved)}
	r.mu.Lock()
	endpoints := slices.Clone(r.endpoints)
	r.mu.Unlock()
	faults := map[*hooks][]call.Fault{}
	for _, h := range endpoints {
		faults[h] = l.faults(h)
	}
	r.code.Store(l.next)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
	for _, h := range r.endpoints {
		r.faults = append(r.faults, faults[h]...)
	}
	slices.Sort(l.read)
	return l.read
}

// stale returns the paths of modules that must be loaded again because of the
// saved ones.
func (g *generation) stale(saved map[string]bool) map[string]bool {
	stale := maps.Clone(saved)
	if stale == nil {
		stale = map[string]bool{}
	}
	for grown := true; grown; {
		grown = false
		for path, m := range g.modules {
			if !stale[path] && slices.ContainsFunc(m.loads, func(other string) bool { return stale[other] }) {
				stale[path], grown = true, true
			}
		}
	}
	return stale
}

// A loader makes one generation.
type loader struct {
	runtime *Runtime
	old     *generation
	next    *generation
	stale   map[string]bool
	stack   []string // paths of modules that are being loaded
	read    []string // files that were
}

// get returns the module at path, and loads it if need be.
func (l *loader) get(path string) *module {
	if m := l.next.modules[path]; m != nil {
		return m
	}
	before := l.old.modules[path]
	if before != nil && before.err == nil && !l.stale[path] {
		l.next.modules[path] = before
		for _, other := range before.loads {
			l.get(other)
		}
		return before
	}
	m := l.exec(path)
	if m.err != nil && before != nil && before.err == nil {
		l.runtime.log.Error("module not reloaded: its old code goes on", "module", m.file, "traceback", explain(m.err))
		m = before
	} else if m.err == nil {
		l.read = append(l.read, m.file)
	}
	l.next.modules[path] = m
	return m
}

// exec runs a file.
func (l *loader) exec(path string) *module {
	m := &module{file: l.name(path)}
	text, err := os.ReadFile(path)
	if err != nil {
		m.err = fmt.Errorf("%s cannot be read: %w", m.file, err)
		return m
	}
	l.stack = append(l.stack, path)
	defer func() { l.stack = l.stack[:len(l.stack)-1] }()
	run := newRunner(l.runtime)
	run.thread.Load = func(_ *starlark.Thread, label string) (starlark.StringDict, error) {
		other, err := l.resolve(path, label)
		if err != nil {
			return nil, err
		}
		m.loads = append(m.loads, other)
		loaded := l.get(other)
		return loaded.globals, loaded.err
	}
	_, m.err = run.do(nil, nil, l.runtime.opt.MaxSteps, func(thread *starlark.Thread, _ []starlark.Value) (starlark.Value, error) {
		m.globals, err = starlark.ExecFileOptions(dialect, thread, m.file, text, predeclared)
		return starlark.None, err
	}, nil)
	return m
}

// resolve returns the path of what a module loads by label, which is relative to
// the module's folder and stays within the app's.
func (l *loader) resolve(from, label string) (string, error) {
	if !strings.HasSuffix(label, suffix) {
		return "", fmt.Errorf("load: %q does not end in %s", label, suffix)
	}
	path := filepath.Join(filepath.Dir(from), filepath.FromSlash(label))
	inside := slices.ContainsFunc(l.runtime.opt.Dirs, func(dir string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel)
	})
	switch {
	case filepath.IsAbs(label) || !inside:
		return "", fmt.Errorf("load: %q is outside the app's folder", label)
	case slices.Contains(l.stack, path):
		return "", fmt.Errorf("load: %q loads itself", label)
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("load: there is no %q", label)
	}
	return path, nil
}

// name is how a file is called: by its path below the app's folder.
func (l *loader) name(path string) string {
	for _, dir := range l.runtime.opt.Dirs {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path
}

// faults says what is wrong with what h's functions name.
func (l *loader) faults(h *hooks) (faults []call.Fault) {
	for hook, fn := range h.functions {
		for _, s := range fn.steps {
			for _, ref := range s.modules {
				if message, traceback := l.fault(ref); message != "" {
					faults = append(faults, call.Fault{
						Endpoint: h.endpoint, Hook: hook, Where: s.where, Message: message, Traceback: traceback,
					})
				}
			}
		}
	}
	slices.SortFunc(faults, func(a, b call.Fault) int { return strings.Compare(string(a.Hook), string(b.Hook)) })
	return faults
}

func (l *loader) fault(ref reference) (message, traceback string) {
	path := l.runtime.find(ref.module)
	if path == "" {
		return fmt.Sprintf("module %s: its file is gone", ref.module), ""
	}
	m := l.get(path)
	l.next.names[ref.module] = m
	if m.err != nil {
		return fmt.Sprintf("module %s: %s", ref.module, oneLine(bare(m.err))), explain(m.err)
	}
	if ref.name != "" && m.globals[ref.name] == nil {
		return fmt.Sprintf("module %s (%s) has no %s%s", ref.module, m.file, ref.name, near(ref.name, m.globals.Keys())), ""
	}
	return "", ""
}

// bare is an error in one line, with its place.
func bare(err error) string {
	var evaluated *starlark.EvalError
	if !errors.As(err, &evaluated) {
		return err.Error()
	}
	for _, frame := range slices.Backward(evaluated.CallStack) {
		if frame.Pos.Filename() != "<builtin>" {
			return fmt.Sprintf("%s: %s", frame.Pos, evaluated.Msg)
		}
	}
	return evaluated.Msg
}

// explain is an error with all that is known of it.
func explain(err error) string {
	var evaluated *starlark.EvalError
	var resolving resolve.ErrorList
	var parsing syntax.Error
	switch {
	case errors.As(err, &evaluated):
		return tracebackOf("", evaluated.CallStack) + evaluated.Msg
	case errors.As(err, &resolving):
		var lines []string
		for _, one := range resolving {
			lines = append(lines, one.Error())
		}
		return strings.Join(lines, "\n")
	case errors.As(err, &parsing):
		return parsing.Error()
	}
	return err.Error()
}

// near suggests which of names may have been meant.
func near(name string, names []string) string {
	for _, other := range names {
		if d := levenshtein.ComputeDistance(name, other); d <= 2 && d < len(other) {
			return fmt.Sprintf(" (did you mean %s?)", other)
		}
	}
	return ""
}

// A moduleValue is a module as expressions see it: as it is when they run.
type moduleValue struct {
	runtime *Runtime
	name    string
}

var _ starlark.HasAttrs = moduleValue{}

func (m moduleValue) String() string        { return fmt.Sprintf("<module %s>", m.name) }
func (m moduleValue) Type() string          { return "module" }
func (m moduleValue) Freeze()               {}
func (m moduleValue) Truth() starlark.Bool  { return true }
func (m moduleValue) Hash() (uint32, error) { return 0, errors.New("unhashable: module") }

func (m moduleValue) globals() (starlark.StringDict, error) {
	loaded := m.runtime.code.Load().names[m.name]
	switch {
	case loaded == nil:
		return nil, fmt.Errorf("module %s is not loaded", m.name)
	case loaded.err != nil:
		return nil, fmt.Errorf("module %s: %s", m.name, bare(loaded.err))
	}
	return loaded.globals, nil
}

func (m moduleValue) Attr(name string) (starlark.Value, error) {
	globals, err := m.globals()
	return globals[name], err // nil if there is none
}

func (m moduleValue) AttrNames() []string {
	globals, _ := m.globals()
	return globals.Keys()
}
