package star

import (
	"errors"
	"fmt"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Built-ins of Python's that Starlark lacks. They do what Python's do, but that
// map and filter return lists, as Starlark's zip and enumerate do.

func sum(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var items starlark.Iterable
	var total starlark.Value = starlark.MakeInt(0)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "iterable", &items, "start?", &total); err != nil {
		return nil, err
	}
	switch total.(type) {
	case starlark.String, starlark.Bytes:
		return nil, errors.New("sum: texts are joined with ''.join(list)")
	}
	for item := range starlark.Elements(items) {
		if err := spend(thread); err != nil {
			return nil, err
		}
		if yes, ok := item.(starlark.Bool); ok { // which Python counts
			item = number(yes)
		}
		var err error
		if total, err = starlark.Binary(syntax.PLUS, total, item); err != nil {
			return nil, fmt.Errorf("sum: %w", err)
		}
	}
	return total, nil
}

// number is what a bool is in sums.
func number(b starlark.Bool) starlark.Int {
	if b {
		return starlark.MakeInt(1)
	}
	return starlark.MakeInt(0)
}

// mapped is map(fn, iterable, …): it ends with the shortest.
func mapped(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(kwargs) > 0 || len(args) < 2 {
		return nil, errors.New("map: want a function and what it is to be called with, as map(fn, list)")
	}
	var sources []starlark.Iterator
	defer func() {
		for _, source := range sources {
			source.Done()
		}
	}()
	for _, arg := range args[1:] {
		source := starlark.Iterate(arg)
		if source == nil {
			return nil, fmt.Errorf("map: a %s is not iterable", arg.Type())
		}
		sources = append(sources, source)
	}
	var results []starlark.Value
	for {
		if err := spend(thread); err != nil {
			return nil, err
		}
		values := make(starlark.Tuple, len(sources))
		for i, source := range sources {
			if !source.Next(&values[i]) {
				return starlark.NewList(results), nil
			}
		}
		result, err := starlark.Call(thread, args[0], values, nil)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
}

// filter is filter(fn, iterable); without fn, what is true stays.
func filter(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var fn starlark.Value
	var items starlark.Iterable
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &fn, &items); err != nil {
		return nil, err
	}
	var kept []starlark.Value
	for item := range starlark.Elements(items) {
		if err := spend(thread); err != nil {
			return nil, err
		}
		verdict := item
		if fn != starlark.None {
			var err error
			if verdict, err = starlark.Call(thread, fn, starlark.Tuple{item}, nil); err != nil {
				return nil, err
			}
		}
		if verdict.Truth() {
			kept = append(kept, item)
		}
	}
	return starlark.NewList(kept), nil
}

// extreme is max or min, with default.
func extreme(name string) *starlark.Builtin {
	own := starlark.Universe[name]
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		otherwise, kwargs := takeKeyword(kwargs, "default")
		if otherwise == nil {
			return starlark.Call(thread, own, args, kwargs)
		}
		if len(args) != 1 {
			return nil, fmt.Errorf("%s: default goes with one list", name)
		}
		items := starlark.Iterate(args[0])
		if items == nil {
			return nil, fmt.Errorf("%s: a %s is not iterable", name, args[0].Type())
		}
		var first starlark.Value
		some := items.Next(&first)
		items.Done()
		if !some {
			return otherwise, nil
		}
		return starlark.Call(thread, own, args, kwargs)
	})
}

// enumerated is enumerate, whose start may be named.
func enumerated(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	start, kwargs := takeKeyword(kwargs, "start")
	if start != nil {
		args = append(slices.Clone(args), start)
	}
	return starlark.Call(thread, starlark.Universe["enumerate"], args, kwargs)
}

// takeKeyword returns the value of a keyword, nil if it is not there, and the
// others.
func takeKeyword(kwargs []starlark.Tuple, name string) (value starlark.Value, others []starlark.Tuple) {
	for _, pair := range kwargs {
		if pair[0] == starlark.String(name) {
			value = pair[1]
		} else {
			others = append(others, pair)
		}
	}
	return value, others
}

// isInstance takes the types that Starlark has names for: str, int, float,
// bool, bytes, list, tuple, dict and set, or a tuple of them.
func isInstance(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value, class starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &value, &class); err != nil {
		return nil, err
	}
	classes, ok := class.(starlark.Tuple)
	if !ok {
		classes = starlark.Tuple{class}
	}
	names := namesOfType(value)
	found := false
	for _, one := range classes {
		kind, ok := one.(*starlark.Builtin)
		if !ok || !slices.Contains(typeNames, kind.Name()) || starlark.Universe[kind.Name()] != one {
			return nil, fmt.Errorf("isinstance: %v is no type, nor a tuple of them", one)
		}
		found = found || slices.Contains(names, kind.Name())
	}
	return starlark.Bool(found), nil
}

var typeNames = []string{"str", "int", "float", "bool", "bytes", "list", "tuple", "dict", "set"}

// namesOfType are the names of a value's types, as Python has them.
func namesOfType(value starlark.Value) []string {
	switch value.(type) {
	case starlark.String:
		return []string{"str"}
	case starlark.Bool:
		return []string{"bool", "int"}
	case *settings, *sessionValue:
		return []string{"dict"}
	}
	return []string{value.Type()}
}
