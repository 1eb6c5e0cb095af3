package star

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.starlark.net/starlark"
)

// An app is what all connections of this process share.
type app struct {
	mu     sync.Mutex // guards what follows
	values map[string]shared
	last   uint64 // version
}

// A shared value is frozen. Its version changes each time it is set.
type shared struct {
	value   starlark.Value
	version uint64
}

func newApp() *app { return &app{values: map[string]shared{}} }

func (a *app) get(key string) (shared, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, found := a.values[key]
	return s, found
}

// swap sets a value that was before, and reports false if it is not any more.
func (a *app) swap(key string, before shared, value starlark.Value) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.values[key].version != before.version {
		return false
	}
	a.last++
	a.values[key] = shared{value, a.last}
	return true
}

func (a *app) set(key string, value starlark.Value) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	a.values[key] = shared{value, a.last}
}

// remove leaves none. What is set later has another version: versions count up
// for all keys together.
func (a *app) remove(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.values, key)
}

func (a *app) keys() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.values))
}

// appValue is app, and stateValue app.state. They are the same for all; which
// Runtime's they are, the thread knows.
type (
	appValue   struct{}
	stateValue struct{}
)

var (
	_ starlark.HasAttrs = appValue{}
	_ starlark.HasAttrs = stateValue{}
)

func (appValue) String() string        { return "<app>" }
func (appValue) Type() string          { return "app" }
func (appValue) Freeze()               {}
func (appValue) Truth() starlark.Bool  { return true }
func (appValue) Hash() (uint32, error) { return 0, errors.New("unhashable: app") }
func (appValue) AttrNames() []string   { return []string{"state"} }

func (appValue) Attr(name string) (starlark.Value, error) {
	if name == "state" {
		return stateValue{}, nil
	}
	return nil, nil
}

func (stateValue) String() string        { return "<app.state>" }
func (stateValue) Type() string          { return "app.state" }
func (stateValue) Freeze()               {}
func (stateValue) Truth() starlark.Bool  { return true }
func (stateValue) Hash() (uint32, error) { return 0, errors.New("unhashable: app.state") }
func (stateValue) AttrNames() []string   { return slices.Sorted(maps.Keys(stateMethods)) }

// Attr implements starlark.HasAttrs.
func (stateValue) Attr(name string) (starlark.Value, error) {
	method := stateMethods[name]
	if method == nil {
		return nil, nil
	}
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return method(runnerOf(thread).runtime.app, thread, b, args, kwargs)
	}), nil
}

type stateMethod func(a *app, thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

var stateMethods = map[string]stateMethod{
	"get": stateGet, "set": stateSet, "setdefault": stateSetDefault, "incr": stateIncr, "update": stateUpdate,
	"delete": stateDelete, "keys": stateKeys,
}

func stateGet(a *app, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key string
	var otherwise starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "default?", &otherwise); err != nil {
		return nil, err
	}
	if s, found := a.get(key); found {
		return s.value, nil
	}
	return otherwise, nil
}

func stateSet(a *app, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key string
	var value starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "value", &value); err != nil {
		return nil, err
	}
	frozen, err := frozenCopy(key, value)
	if err != nil {
		return nil, err
	}
	a.set(key, frozen)
	return starlark.None, nil
}

func stateSetDefault(a *app, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key string
	var value starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "default?", &value); err != nil {
		return nil, err
	}
	frozen, err := frozenCopy(key, value)
	if err != nil {
		return nil, err
	}
	for {
		s, found := a.get(key)
		if found {
			return s.value, nil
		}
		if a.swap(key, s, frozen) {
			return frozen, nil
		}
	}
}

func stateIncr(a *app, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key string
	var by starlark.Value = starlark.MakeInt(1)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "by?", &by); err != nil {
		return nil, err
	}
	for {
		s, found := a.get(key)
		if !found {
			s.value = starlark.MakeInt(0)
		}
		sum, err := starlark.Binary(plusToken, s.value, by)
		if err != nil {
			return nil, fmt.Errorf("incr: %q is %s: %w", key, s.value, err)
		}
		if _, ok := starlark.AsFloat(sum); !ok {
			return nil, fmt.Errorf("incr: %q is a %s, not a number", key, s.value.Type())
		}
		if a.swap(key, s, sum) {
			return sum, nil
		}
	}
}

// stateUpdate sets what fn returns for a copy of the value. If another has set
// it meanwhile fn is called again.
func stateUpdate(a *app, thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key string
	var fn starlark.Callable
	var otherwise starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "fn", &fn, "default?", &otherwise); err != nil {
		return nil, err
	}
	for {
		s, found := a.get(key)
		if !found {
			s.value = otherwise
		}
		mine, err := copied(s.value, 0)
		if err != nil {
			return nil, fmt.Errorf("app.state key %q: %w", key, err)
		}
		value, err := starlark.Call(thread, fn, starlark.Tuple{mine}, nil)
		if err != nil {
			return nil, err
		}
		frozen, err := frozenCopy(key, value)
		if err != nil {
			return nil, err
		}
		if a.swap(key, s, frozen) {
			return frozen, nil
		}
	}
}

func stateDelete(a *app, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key); err != nil {
		return nil, err
	}
	a.remove(key)
	return starlark.None, nil
}

func stateKeys(a *app, _ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	list := starlark.NewList(nil)
	for _, key := range a.keys() {
		_ = list.Append(starlark.String(key)) // it is not frozen
	}
	return list, nil
}

func frozenCopy(key string, value starlark.Value) (starlark.Value, error) {
	made, err := copied(value, 0)
	if err != nil {
		return nil, fmt.Errorf("app.state key %q: %w", key, err)
	}
	made.Freeze()
	return made, nil
}

// copied is a deep copy of what can be shared: texts, numbers, lists and the
// like. Functions and handlers belong to their connection.
func copied(value starlark.Value, depth int) (starlark.Value, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply, or in itself")
	}
	switch v := value.(type) {
	case starlark.NoneType, starlark.Bool, starlark.Int, starlark.Float, starlark.String, starlark.Bytes:
		return value, nil
	case *starlark.List:
		items, err := copiedItems(v, depth)
		return starlark.NewList(items), err
	case starlark.Tuple:
		items, err := copiedItems(v, depth)
		return starlark.Tuple(items), err
	case *starlark.Dict:
		made := starlark.NewDict(v.Len())
		for _, item := range v.Items() {
			pair, err := copiedItems(item, depth)
			if err != nil {
				return nil, err
			}
			if err := made.SetKey(pair[0], pair[1]); err != nil {
				return nil, err
			}
		}
		return made, nil
	case *starlark.Set:
		made := starlark.NewSet(v.Len())
		for item := range v.Elements() {
			one, err := copied(item, depth+1)
			if err != nil {
				return nil, err
			}
			if err := made.Insert(one); err != nil {
				return nil, err
			}
		}
		return made, nil
	}
	return nil, fmt.Errorf("a %s cannot be shared", value.Type())
}

func copiedItems(list starlark.Indexable, depth int) ([]starlark.Value, error) {
	items := make([]starlark.Value, list.Len())
	for i := range items {
		var err error
		if items[i], err = copied(list.Index(i), depth+1); err != nil {
			return nil, err
		}
	}
	return items, nil
}
