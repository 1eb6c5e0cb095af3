package call

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The runtimes that functions can run in, by the names that runtime: takes.
const (
	Go       = "go"
	Starlark = "starlark"
	Python   = "python"
)

// titles are how people call the runtimes.
var titles = map[string]string{Go: "Go", Starlark: "Starlark", Python: "Python"}

// A Chooser decides from the text of an app's functions which runtime runs
// them. It is safe for concurrent use.
type Chooser struct {
	runtimes map[string]Runtime // set by New, then read-only
}

// New returns a Chooser among runtimes, by name.
func New(runtimes map[string]Runtime) *Chooser { return &Chooser{runtimes: runtimes} }

// A Program is the functions of one endpoint, or those of them that judge, ready
// to be opened or called in the runtime that was chosen for them. It does not
// change.
type Program struct {
	Runtime Runtime
	Name    string // of the runtime: Go, Starlark or Python
	Hooks   Hooks

	// Why says for each configured hook what its function is, for people:
	// "built-in", "Go function", "module chat.star", "expression", "pipeline of
	// 2", and why an expression runs in Python.
	Why map[Hook]string
}

// Has reports whether a function is configured for hook.
func (p *Program) Has(hook Hook) bool {
	_, ok := p.Why[hook]
	return ok
}

// Traits returns what the runtime knows of the functions.
func (p *Program) Traits() Traits {
	if r, ok := p.Runtime.(Describer); ok {
		return r.Traits(p.Hooks)
	}
	return Traits{}
}

// Compile chooses a runtime for each endpoint of an app and compiles its
// functions there. All functions of one endpoint run in one runtime, but for
// those that judge, which are Functions for themselves:
//
//   - names under parley. are built-ins and run in Go;
//   - a name in one of the app's own modules runs where that belongs: to Go if
//     functions of it are registered there, to Starlark or Python by its file;
//   - if a function of the app names a module that is not there, or is not
//     Starlark, the app is a Python app, and all other expressions run in Python;
//   - otherwise they run in Starlark.
//
// What runtime: says comes first. Compile waits for nothing and runs nothing.
// The programs are in the order of the endpoints; one that has a problem is nil.
// The error is Problems, with every problem of the app.
func (c *Chooser) Compile(app []Functions) ([]*Program, error) {
	var problems Problems
	endpoints := make([]*endpoint, len(app))
	for i, f := range app {
		e, wrong := c.look(f)
		problems = append(problems, wrong...)
		endpoints[i] = e
	}
	reason := c.pythonApp(endpoints)
	programs := make([]*Program, len(app))
	for i, e := range endpoints {
		if e == nil {
			continue
		}
		program, wrong := c.compile(e, reason)
		programs[i] = program
		problems = append(problems, wrong...)
	}
	if len(problems) > 0 {
		problems.sort()
		return programs, problems
	}
	return programs, nil
}

// An endpoint is its functions with what was found in their texts.
type endpoint struct {
	Functions
	steps []placed // in file order
}

// A placed step is a step with its hook and what its text is.
type placed struct {
	Step
	hook  Hook
	owner string // the runtime that it belongs to; "" for an expression
	what  string // "built-in", "Go function", "module chat.star", "expression"
	not   error  // why an expression is not Starlark; nil if it is

	// library says that it is in a module that the app has no file of: a
	// library's, or one that is missing.
	library bool
}

// look reads the texts of an endpoint. Without a problem it returns it.
func (c *Chooser) look(f Functions) (*endpoint, Problems) {
	e := &endpoint{Functions: f}
	var problems Problems
	for hook, pipeline := range f.Hooks {
		names := hook.Vars()
		for _, step := range pipeline {
			p := placed{Step: step, hook: hook}
			if err := c.read(&p, names); err != nil {
				problems = append(problems, p.problem(f.Endpoint, err.Error()))
			}
			if step.Name != "" && !slices.Contains(names, step.Name) {
				names = append(names, step.Name)
			}
			e.steps = append(e.steps, p)
		}
	}
	slices.SortStableFunc(e.steps, func(a, b placed) int { return comparePlaces(a.Where, b.Where) })
	if _, known := titles[f.Runtime]; f.Runtime != "" && !known {
		problems = append(problems, e.refuse(fmt.Sprintf("runtime: %s is unknown; use python, starlark or go", f.Runtime)))
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return e, nil
}

// read says what the text of p is, whose variables are names.
func (c *Chooser) read(p *placed, names []string) error {
	text := strings.TrimSpace(p.Function)
	switch {
	case text == "":
		return errors.New("empty function")
	case IsBuiltin(text):
		p.owner, p.what = Go, "built-in"
		return nil
	}
	path, called := pathOf(names, text)
	owner, file, err := c.owner(path)
	switch {
	case err != nil:
		return err
	case owner == Go:
		p.owner, p.what = Go, "Go function"
		return nil
	case owner != "" && !called:
		p.owner, p.what = owner, "module "+file
		return nil
	}
	p.what = "expression"
	judge, ok := c.runtimes[Starlark].(Judge)
	if !ok {
		p.owner = Python
		if path != nil && !called {
			p.what = "module " + strings.Join(path[:len(path)-1], ".")
		}
		return nil
	}
	modules, err := judge.Judge(names, p.Step)
	switch {
	case err == nil && len(modules) > 0:
		p.owner = Starlark
	case err == nil:
	case path != nil && !called:
		p.owner, p.what, p.library = Python, "module "+strings.Join(path[:len(path)-1], "."), true
	default:
		p.not = c.misfit(err)
	}
	return nil
}

// misfit is why an expression is not Starlark, in the words of the app.
func (c *Chooser) misfit(err error) error {
	var undefined *UndefinedError
	if errors.As(err, &undefined) {
		if owner, file, _ := c.owner([]string{undefined.Name, ""}); owner == Python {
			return fmt.Errorf("it uses module %s", file)
		}
	}
	return err
}

// owner returns the runtime that owns the longest module at the front of path,
// and the module's file.
func (c *Chooser) owner(path []string) (name, file string, err error) {
	for n := len(path) - 1; n > 0; n-- {
		module := strings.Join(path[:n], ".")
		for _, other := range []string{Go, Starlark, Python} {
			owner, ok := c.runtimes[other].(Owner)
			if !ok {
				continue
			}
			is := owner.Owns(module)
			switch {
			case is == "":
			case name != "":
				return "", "", fmt.Errorf("module %s is there twice, as %s (%s) and as %s (%s): rename one of them",
					module, file, titles[name], is, titles[other])
			default:
				name, file = other, is
			}
		}
		if name != "" {
			break
		}
	}
	return name, file, nil
}

// pythonApp returns the function that makes this a Python app; nil if none
// does.
func (c *Chooser) pythonApp(endpoints []*endpoint) *placed {
	var first *placed
	for _, e := range endpoints {
		if e == nil || e.Runtime == Go || e.Runtime == Starlark {
			continue
		}
		for i := range e.steps {
			p := &e.steps[i]
			if (p.owner == Python || p.not != nil) && (first == nil || comparePlaces(p.Where, first.Where) < 0) {
				first = p
			}
		}
	}
	return first
}

// compile chooses the runtime of e, and compiles it there.
func (c *Chooser) compile(e *endpoint, pythonApp *placed) (*Program, Problems) {
	name, problems := e.choose(pythonApp != nil || c.runtimes[Starlark] == nil)
	if len(problems) > 0 {
		return nil, problems
	}
	runtime := c.runtimes[name]
	if runtime == nil {
		return nil, Problems{e.refuse(fmt.Sprintf("nothing here runs %s functions", name))}
	}
	hooks, err := runtime.Compile(e.Functions)
	if err != nil {
		if !errors.As(err, &problems) {
			problems = Problems{{Text: err.Error()}}
		}
		return nil, problems
	}
	p := &Program{Runtime: runtime, Name: name, Hooks: hooks, Why: map[Hook]string{}}
	for hook := range e.Hooks {
		p.Why[hook] = e.why(hook, name, pythonApp)
	}
	return p, nil
}

// choose names the runtime for e, or says what does not fit.
func (e *endpoint) choose(pythonApp bool) (string, Problems) {
	if e.Runtime != "" {
		return e.Runtime, e.unfit(e.Runtime, func(p placed, why string) string {
			return fmt.Sprintf("%s %s; this endpoint has runtime: %s", short(p.Function), why, e.Runtime)
		})
	}
	decides := -1 // the step that others have to agree with
	for i, p := range e.steps {
		if p.owner != "" && (decides < 0 || e.steps[decides].owner == Go && p.owner != Go) {
			decides = i
		}
	}
	if decides < 0 {
		switch {
		case len(e.steps) == 0:
			return Go, nil
		case pythonApp:
			return Python, nil
		}
		return Starlark, nil
	}
	d := e.steps[decides]
	return d.owner, e.unfit(d.owner, func(p placed, why string) string {
		return fmt.Sprintf("%s %s, but %s (%s) runs in %s: all functions of one endpoint run in one runtime",
			short(p.Function), why, short(d.Function), d.Where, titles[d.owner])
	})
}

// unfit is a problem for each step that cannot run in a runtime.
func (e *endpoint) unfit(runtime string, text func(p placed, why string) string) (problems Problems) {
	for _, p := range e.steps {
		if why := p.unfit(runtime); why != "" {
			problems = append(problems, p.problem(e.Endpoint, text(p, why)))
		}
	}
	return problems
}

// unfit is why p cannot run in a runtime; "" if it can.
func (p placed) unfit(runtime string) string {
	module, inModule := strings.CutPrefix(p.what, "module ")
	switch {
	case p.owner == runtime, p.owner == "" && runtime == Python:
		return ""
	case p.library:
		return fmt.Sprintf("is in module %s, of which the app has no file, and so runs in Python", module)
	case inModule:
		return fmt.Sprintf("is in %s and runs in %s", module, titles[p.owner])
	case p.owner == Go:
		return fmt.Sprintf("is a %s and runs in Go", p.what)
	case p.owner != "":
		return "uses a module of its own in " + titles[p.owner]
	case runtime == Go:
		return "is an expression, and in Go only built-ins (parley.*) and Go functions run"
	case p.not != nil:
		return fmt.Sprintf("is not Starlark (%s)", p.not)
	}
	return ""
}

// refuse is one problem with the endpoint as a whole, told at its first
// function.
func (e *endpoint) refuse(text string) Problem {
	if len(e.steps) == 0 {
		return Problem{Text: fmt.Sprintf("url.%s: %s", e.Endpoint, text)}
	}
	return e.steps[0].problem(e.Endpoint, text)
}

func (p placed) problem(endpoint, text string) Problem {
	return Problem{Where: p.Where, Endpoint: endpoint, Hook: p.hook, Text: text}
}

// why says in a few words what a hook's function is, and why it runs in Python
// if that is not plain.
func (e *endpoint) why(hook Hook, runtime string, pythonApp *placed) string {
	var what, because string
	for _, p := range e.steps {
		if p.hook != hook {
			continue
		}
		what = p.what
		switch {
		case p.owner != "" || runtime != Python || e.Runtime != "":
		case p.not != nil:
			because = " (not Starlark: " + p.not.Error() + ")"
		case because == "" && pythonApp != nil:
			because = fmt.Sprintf(" (in a Python app: %s, %s)", short(pythonApp.Function), pythonApp.Where)
		}
	}
	if n := len(e.Hooks[hook]); n != 1 {
		what = fmt.Sprintf("pipeline of %d", n)
	}
	return what + because
}
