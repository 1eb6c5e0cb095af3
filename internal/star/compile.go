package star

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"parley.example/parley/internal/call"
)

// hooks are the compiled functions of one endpoint; read-only.
type hooks struct {
	endpoint  string
	kwargs    starlark.Value // handler.kwargs
	functions map[call.Hook]*function
	message   *function // of on_message; nil if there is none
}

// A function is what one hook runs.
type function struct {
	hook  call.Hook
	own   int // variables that the hook itself has
	all   int // those, and the values of named steps
	steps []step
	run   evaluation // of them all
}

// A step is one expression of a pipeline.
type step struct {
	where   string
	text    string
	keep    int         // the variable that gets its value; -1 for none
	modules []reference // what it names of the app's
	run     evaluation
}

// An evaluation computes a value from variables.
type evaluation func(thread *starlark.Thread, vars []starlark.Value) (starlark.Value, error)

// Judge implements call.Judge.
func (r *Runtime) Judge(names []string, s call.Step) (modules []string, err error) {
	if path := r.bare(names, s.Function); path != nil {
		module, _ := r.moduleOf(path)
		if module != "" {
			return []string{module}, nil
		}
		return nil, r.judgePath(path, s.Function)
	}
	e, err := r.parse(names, s)
	if err != nil {
		return nil, err
	}
	for _, used := range e.modules {
		modules = append(modules, used.module)
	}
	return modules, nil
}

// judgePath says what is not there of what a bare path names, if that shows
// without loading a module.
func (r *Runtime) judgePath(path []string, text string) error {
	if module, _ := r.moduleOf(path); module != "" {
		return nil
	}
	value, ok := lookup(path[0])
	if !ok {
		return &call.UndefinedError{Name: path[0], Where: "column 1"}
	}
	for _, name := range path[1:] {
		if !hasAttr(value, name) {
			return fmt.Errorf("column 1: %s has no %s in Starlark", text, name)
		}
		value, _ = value.(starlark.HasAttrs).Attr(name)
	}
	return nil
}

// bare returns the names of a text that is a path and no variable's; nil if it
// is something else.
func (r *Runtime) bare(names []string, text string) []string {
	body, err := dialect.ParseExpr("", text, 0)
	if err != nil {
		return nil
	}
	path, root := dotted(body)
	if root == nil || slices.Contains(names, path[0]) {
		return nil
	}
	return path
}

// moduleOf returns the app's module that a path begins with, and the names that
// follow.
func (r *Runtime) moduleOf(path []string) (module string, rest []string) {
	for n := len(path) - 1; n > 0; n-- {
		if module = strings.Join(path[:n], "."); r.Owns(module) != "" {
			return module, path[n:]
		}
	}
	return "", nil
}

// Compile makes an endpoint's functions ready. It loads no modules.
func (r *Runtime) Compile(f call.Functions) (call.Hooks, error) {
	h := &hooks{endpoint: f.Endpoint, functions: map[call.Hook]*function{}, kwargs: starlark.None}
	var problems call.Problems
	if value, err := decode(f.Kwargs); err == nil {
		value.Freeze()
		h.kwargs = settingsOf(value, "settings")
	}
	for hook, pipeline := range f.Hooks {
		names := hook.Vars()
		fn := &function{hook: hook, own: len(names)}
		for _, text := range pipeline {
			s, err := r.compile(names, fn.own, text)
			if err != nil {
				problems = append(problems, call.Problem{Where: text.Where, Endpoint: f.Endpoint, Hook: hook, Text: err.Error()})
				continue
			}
			if text.Name != "" {
				if s.keep = slices.Index(names, text.Name); s.keep < 0 {
					s.keep = len(names)
					names = append(names, text.Name)
				}
			}
			fn.steps = append(fn.steps, s)
		}
		fn.all, fn.run = len(names), fn.call
		if len(fn.steps) == 1 && fn.steps[0].keep < 0 {
			fn.run = fn.steps[0].run
		}
		h.functions[hook] = fn
		if hook == call.OnMessage {
			h.message = fn
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endpoints = append(r.endpoints, h)
	return h, nil
}

// compile makes one step whose variables are names, own of which are the
// hook's.
func (r *Runtime) compile(names []string, own int, text call.Step) (step, error) {
	s := step{where: text.Where, text: text.Function, keep: -1}
	if path := r.bare(names, text.Function); path != nil {
		if err := r.judgePath(path, text.Function); err != nil {
			return s, err
		}
		return s, r.compilePath(&s, path, names, own, text)
	}
	if text.Args != nil || text.Kwargs != nil {
		return s, errors.New("args: and kwargs: go with the bare name of a function, as module.function")
	}
	e, err := r.parse(names, text)
	if err != nil {
		return s, err
	}
	s.modules = e.modules
	s.run, err = r.evaluate(e)
	return s, err
}

// evaluate makes a parsed expression ready.
func (r *Runtime) evaluate(e *expression) (evaluation, error) {
	env := predeclared
	if len(e.modules) > 0 {
		env = maps.Clone(predeclared)
		for _, reference := range e.modules {
			env[reference.module] = moduleValue{r, reference.module}
		}
	}
	fn, err := starlark.EvalExprOptions(dialect, &starlark.Thread{}, e.lambda, env)
	if err != nil {
		return nil, err
	}
	n := len(e.lambda.Params)
	return func(thread *starlark.Thread, vars []starlark.Value) (starlark.Value, error) {
		return starlark.Call(thread, fn, starlark.Tuple(vars[:n]), nil)
	}, nil
}

// compilePath makes a step of a bare path: what it names is called with the
// hook's variables, or with args and kwargs, if it can be called.
func (r *Runtime) compilePath(s *step, path, names []string, own int, text call.Step) error {
	find := r.finder(s, path)
	if text.Args == nil && text.Kwargs == nil {
		s.run = func(thread *starlark.Thread, vars []starlark.Value) (starlark.Value, error) {
			value, err := find()
			if _, callable := value.(starlark.Callable); !callable || err != nil {
				return value, err
			}
			return starlark.Call(thread, value, starlark.Tuple(vars[:own]), nil)
		}
		return nil
	}
	args, kwargs, err := r.arguments(s, names, own, text)
	if err != nil {
		return err
	}
	s.run = func(thread *starlark.Thread, vars []starlark.Value) (starlark.Value, error) {
		value, err := find()
		if err != nil {
			return nil, err
		}
		values := make(starlark.Tuple, len(args))
		for i, arg := range args {
			if values[i], err = arg(thread, vars); err != nil {
				return nil, err
			}
		}
		named := make([]starlark.Tuple, len(kwargs))
		for i, arg := range kwargs {
			v, err := arg.value(thread, vars)
			if err != nil {
				return nil, err
			}
			named[i] = starlark.Tuple{starlark.String(arg.name), v}
		}
		return starlark.Call(thread, value, values, named)
	}
	return nil
}

// finder returns what looks up what a path names. It is looked up afresh each
// time: a saved module may have replaced it.
func (r *Runtime) finder(s *step, path []string) func() (starlark.Value, error) {
	module, rest := r.moduleOf(path)
	var root starlark.Value
	if module != "" {
		root = moduleValue{r, module}
		s.modules = append(s.modules, reference{module, rest[0]})
	} else {
		root, _ = lookup(path[0])
		rest = path[1:]
	}
	return func() (starlark.Value, error) {
		value := root
		for _, name := range rest {
			object, ok := value.(starlark.HasAttrs)
			if !ok {
				return nil, fmt.Errorf("%s: %s has no %s", s.text, value.Type(), name)
			}
			next, err := object.Attr(name)
			if err != nil || next == nil {
				return nil, errors.Join(err, fmt.Errorf("%s: there is no %s", s.text, name))
			}
			value = next
		}
		return value, nil
	}
}

// A named argument of a call.
type named struct {
	name  string
	value evaluation
}

// arguments makes args: and kwargs: ready.
func (r *Runtime) arguments(s *step, names []string, own int, text call.Step) ([]evaluation, []named, error) {
	var list []json.RawMessage
	var mapping map[string]json.RawMessage
	if text.Args == nil {
		for _, name := range names[:own] {
			list = append(list, json.RawMessage(`"=`+name+`"`))
		}
	} else if err := json.Unmarshal(text.Args, &list); err != nil {
		return nil, nil, fmt.Errorf("args: %w", err)
	}
	if text.Kwargs != nil {
		if err := json.Unmarshal(text.Kwargs, &mapping); err != nil {
			return nil, nil, fmt.Errorf("kwargs: %w", err)
		}
	}
	var args []evaluation
	for _, value := range list {
		arg, err := r.argument(s, names, text, value)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, arg)
	}
	var kwargs []named
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		arg, err := r.argument(s, names, text, mapping[name])
		if err != nil {
			return nil, nil, err
		}
		kwargs = append(kwargs, named{name, arg})
	}
	return args, kwargs, nil
}

// argument makes one: "=x" is an expression, "==x" the text "=x", anything else
// itself.
func (r *Runtime) argument(s *step, names []string, text call.Step, raw json.RawMessage) (evaluation, error) {
	var literal string
	if json.Unmarshal(raw, &literal) == nil && strings.HasPrefix(literal, "=") && !strings.HasPrefix(literal, "==") {
		expr := strings.TrimSpace(literal[1:])
		e, err := r.parse(names, call.Step{Function: expr, Where: text.Where})
		if err != nil {
			return nil, fmt.Errorf("%s is no variable here: there are %s (%w; =%s is the text)",
				literal, strings.Join(names, ", "), err, literal)
		}
		s.modules = append(s.modules, e.modules...)
		return r.evaluate(e)
	}
	value, err := decode(raw)
	if err != nil {
		return nil, err
	}
	if text, ok := value.(starlark.String); ok && strings.HasPrefix(string(text), "==") {
		value = text[1:]
	}
	value.Freeze()
	return func(*starlark.Thread, []starlark.Value) (starlark.Value, error) { return value, nil }, nil
}

// call runs the steps one after the other. vars has room for all variables.
func (fn *function) call(thread *starlark.Thread, vars []starlark.Value) (value starlark.Value, err error) {
	value = starlark.None
	for i := range fn.steps {
		s := &fn.steps[i]
		if value, err = s.run(thread, vars); err != nil {
			return nil, err
		}
		if s.keep >= 0 {
			vars[s.keep] = value
		}
	}
	return value, nil
}
