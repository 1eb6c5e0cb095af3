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
	// "built-in", "module pingbot", "expression", "pipeline of 2".
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
// functions under parley. are built-ins and run in Go, all others in Python.
// All functions of one endpoint run in one runtime. Compile waits for nothing
// and runs nothing. Its error is Problems, with every problem of the endpoint.
func (c *Chooser) Compile(f Functions) (*Program, error) {
	name, problems := choose(f)
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
		p.Why[hook] = describe(hook, pipeline)
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

// choose names the runtime for f, or says what does not fit.
func choose(f Functions) (string, Problems) {
	switch f.Runtime {
	case "", Go, Python:
	case starlark:
		return "", f.refuse("runtime: starlark is not supported yet; use python or go")
	default:
		return "", f.refuse(fmt.Sprintf("runtime: %s is unknown; use python or go", f.Runtime))
	}

	var problems Problems
	var builtins, others []placed
	for _, step := range f.steps() {
		switch {
		case strings.TrimSpace(step.Function) == "":
			problems = append(problems, step.problem(f.Endpoint, "empty function"))
		case isBuiltin(step.Function):
			builtins = append(builtins, step)
		default:
			others = append(others, step)
		}
	}
	switch {
	case f.Runtime == Go:
		for _, step := range others {
			problems = append(problems, step.problem(f.Endpoint, fmt.Sprintf(
				"%s cannot run with runtime: go, where only built-ins (parley.*) do", short(step.Function))))
		}
	case f.Runtime == Python:
		for _, step := range builtins {
			problems = append(problems, step.problem(f.Endpoint, fmt.Sprintf(
				"%s is a built-in and cannot run with runtime: python", short(step.Function))))
		}
	case len(others) > 0:
		for _, step := range builtins {
			problems = append(problems, step.problem(f.Endpoint, fmt.Sprintf(
				"%s is a built-in and runs in Go, but %s (%s) runs in Python: all functions of one endpoint run in one runtime",
				short(step.Function), short(others[0].Function), others[0].Where)))
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
