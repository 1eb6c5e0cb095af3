package call

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The runtimes that functions can run in, by the names that runtime: takes.
const (
	Go     = "go"
	Python = "python"

	starlark = "starlark" // known, and not supported yet
)

// A Chooser decides from the text of an endpoint's functions which runtime
// runs them. It is safe for concurrent use.
type Chooser struct {
	runtimes map[string]Runtime // set by New, then read-only
}

// New returns a Chooser among runtimes, by name.
func New(runtimes map[string]Runtime) *Chooser { return &Chooser{runtimes: runtimes} }

// A Program is the functions of one endpoint, ready to be opened in the
// runtime that was chosen for them. It does not change.
type Program struct {
	Runtime Runtime
	Name    string // of the runtime: Go or Python
	Hooks   Hooks

	// Why says for each configured hook what its function is, for people:
	// "built-in", "Go function", "module pingbot", "expression", "pipeline of 2".
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

// Compile chooses the runtime of an endpoint and compiles its functions there:
// functions under parley. are built-ins and run in Go, as do all names in a
// module with which functions are registered in Go; all others run in Python.
// All functions of one endpoint run in one runtime. Compile waits for nothing
// and runs nothing: a Python module of the same name as one in Go is not seen,
// and its functions cannot be named. Its error is Problems, with every problem
// of the endpoint.
func (c *Chooser) Compile(f Functions) (*Program, error) {
	name, problems := c.choose(f)
	if len(problems) > 0 {
		return nil, problems
	}
	runtime := c.runtimes[name]
	if runtime == nil {
		return nil, f.refuse(fmt.Sprintf("nothing here runs %s functions", name))
	}
	hooks, err := runtime.Compile(f)
	if err != nil {
		if !errors.As(err, &problems) {
			problems = Problems{{Text: err.Error()}}
		}
		problems.sort()
		return nil, problems
	}
	p := &Program{Runtime: runtime, Name: name, Hooks: hooks, Why: map[Hook]string{}}
	for hook, pipeline := range f.Hooks {
		p.Why[hook] = c.describe(hook, pipeline)
	}
	return p, nil
}

// A placed step is a step with the hook it belongs to.
type placed struct {
	Step
	hook Hook
}

// steps returns all steps in file order.
func (f Functions) steps() []placed {
	var steps []placed
	for hook, pipeline := range f.Hooks {
		for _, step := range pipeline {
			steps = append(steps, placed{step, hook})
		}
	}
	slices.SortStableFunc(steps, func(a, b placed) int { return comparePlaces(a.Where, b.Where) })
	return steps
}

// refuse is one problem with the endpoint as a whole, told at its first
// function.
func (f Functions) refuse(text string) Problems {
	steps := f.steps()
	if len(steps) == 0 {
		return Problems{{Text: fmt.Sprintf("url.%s: %s", f.Endpoint, text)}}
	}
	return Problems{steps[0].problem(f.Endpoint, text)}
}

func (s placed) problem(endpoint, text string) Problem {
	return Problem{Where: s.Where, Endpoint: endpoint, Hook: s.hook, Text: text}
}

// inGo reports whether text names a function in a module of Go's.
func (c *Chooser) inGo(hook Hook, text string) bool {
	owner, ok := c.runtimes[Go].(Owner)
	if !ok {
		return false
	}
	module := moduleOf(hook, text, true)
	return module != "" && owner.Owns(module)
}

// describe says in a few words what a hook's function is.
func (c *Chooser) describe(hook Hook, pipeline Pipeline) string {
	if len(pipeline) != 1 {
		return fmt.Sprintf("pipeline of %d", len(pipeline))
	}
	text := pipeline[0].Function
	switch module := moduleOf(hook, text, false); {
	case IsBuiltin(text):
		return "built-in"
	case c.inGo(hook, text):
		return "Go function"
	case module != "":
		return "module " + module
	}
	return "expression"
}

// choose names the runtime for f, or says what does not fit.
func (c *Chooser) choose(f Functions) (string, Problems) {
	switch f.Runtime {
	case "", Go, Python:
	case starlark:
		return "", f.refuse("runtime: starlark is not supported yet; use python or go")
	default:
		return "", f.refuse(fmt.Sprintf("runtime: %s is unknown; use python or go", f.Runtime))
	}

	var problems Problems
	var inGo, others []placed
	for _, step := range f.steps() {
		switch {
		case strings.TrimSpace(step.Function) == "":
			problems = append(problems, step.problem(f.Endpoint, "empty function"))
		case IsBuiltin(step.Function), c.inGo(step.hook, step.Function):
			inGo = append(inGo, step)
		default:
			others = append(others, step)
		}
	}
	switch {
	case f.Runtime == Go:
		for _, step := range others {
			problems = append(problems, step.problem(f.Endpoint, fmt.Sprintf(
				"%s cannot run with runtime: go, where only built-ins (parley.*) and Go functions do",
				short(step.Function))))
		}
	case f.Runtime == Python:
		for _, step := range inGo {
			problems = append(problems, step.problem(f.Endpoint, fmt.Sprintf(
				"%s is a %s and cannot run with runtime: python", short(step.Function), kindInGo(step))))
		}
	case len(others) > 0:
		for _, step := range inGo {
			problems = append(problems, step.problem(f.Endpoint, fmt.Sprintf(
				"%s is a %s and runs in Go, but %s (%s) runs in Python: all functions of one endpoint run in one runtime",
				short(step.Function), kindInGo(step), short(others[0].Function), others[0].Where)))
		}
	}
	if len(problems) > 0 {
		problems.sort()
		return "", problems
	}
	if f.Runtime != "" {
		return f.Runtime, nil
	}
	if len(others) > 0 {
		return Python, nil
	}
	return Go, nil
}

// kindInGo says what a step that runs in Go is.
func kindInGo(step placed) string {
	if IsBuiltin(step.Function) {
		return "built-in"
	}
	return "Go function"
}
