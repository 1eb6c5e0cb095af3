package star

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.starlark.net/starlark"

	"parley.example/parley"
)

// A sessionValue is handler.session: a dictionary of what is kept for this
// browser. A function sees it as it was when the function first looked, with
// its own changes. They are sent when it ends: keys that were set or deleted,
// and those whose lists and dictionaries were changed in place.
type sessionValue struct {
	session parley.SharedSession // set when it is made, then read-only

	// Of the function that runs.
	looked  bool
	texts   map[string]json.RawMessage
	given   map[string]*givenValue // what it was given, or has set
	deleted map[string]bool
}

// A givenValue is a value that a function has got, or has set.
type givenValue struct {
	value starlark.Value
	text  string // what it was as JSON when it was got; "" if it was set
}

var (
	_ starlark.HasSetKey       = (*sessionValue)(nil)
	_ starlark.IterableMapping = (*sessionValue)(nil)
	_ starlark.Sequence        = (*sessionValue)(nil)
	_ starlark.HasAttrs        = (*sessionValue)(nil)
)

func (h *handler) sessionValue() (starlark.Value, error) {
	if h.session == nil {
		return nil, errors.New("there is no session")
	}
	if h.values == nil {
		h.values = &sessionValue{session: h.session}
	}
	return h.values, nil
}

func (v *sessionValue) look() {
	if !v.looked {
		v.looked, v.texts = true, v.session.Values()
		v.given, v.deleted = map[string]*givenValue{}, map[string]bool{}
	}
}

// changes returns what the function that ends has changed, and forgets what it
// saw. Its error says which value cannot be kept; the others are.
func (v *sessionValue) changes() (change parley.SessionChange, changed bool, err error) {
	if !v.looked {
		return change, false, nil
	}
	change.Set = map[string]json.RawMessage{}
	for _, key := range slices.Sorted(maps.Keys(v.given)) {
		given := v.given[key]
		text, failed := encode(given.value)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("session key %q: %w", key, failed))
		} else if string(text) != given.text {
			change.Set[key] = text
		}
	}
	change.Delete = slices.Sorted(maps.Keys(v.deleted))
	v.looked, v.texts, v.given, v.deleted = false, nil, nil, nil
	return change, len(change.Set)+len(change.Delete) > 0, err
}

func keyOf(key starlark.Value) (string, error) {
	name, ok := starlark.AsString(key)
	if !ok {
		return "", fmt.Errorf("session key %v: keys are str, not %s", key, key.Type())
	}
	return name, nil
}

// Get implements starlark.Mapping.
func (v *sessionValue) Get(key starlark.Value) (starlark.Value, bool, error) {
	name, ok := starlark.AsString(key)
	if !ok {
		return nil, false, nil
	}
	if name == "id" {
		return starlark.String(v.session.ID()), true, nil
	}
	v.look()
	if given := v.given[name]; given != nil {
		return given.value, true, nil
	}
	text, found := v.texts[name]
	if !found || v.deleted[name] {
		return nil, false, nil
	}
	value, err := decode(text)
	if err != nil {
		return nil, false, fmt.Errorf("session key %q: %w", name, err)
	}
	again, err := encode(value)
	if err != nil {
		return nil, false, fmt.Errorf("session key %q: %w", name, err)
	}
	v.given[name] = &givenValue{value, string(again)}
	return value, true, nil
}

// textOf returns the value of a key as JSON, as the function would get it now;
// nil if there is none. The function is not given it: that a value is looked at
// here costs nothing when the function ends.
func (v *sessionValue) textOf(name string) (json.RawMessage, error) {
	v.look()
	if given := v.given[name]; given != nil {
		text, err := encode(given.value)
		if err != nil {
			return nil, fmt.Errorf("session key %q: %w", name, err)
		}
		return text, nil
	}
	if v.deleted[name] {
		return nil, nil
	}
	return v.texts[name], nil
}

// SetKey implements starlark.HasSetKey.
func (v *sessionValue) SetKey(key, value starlark.Value) error {
	name, err := v.changeable(key)
	if err != nil {
		return err
	}
	if _, err := encode(value); err != nil {
		return fmt.Errorf("session key %q: %w", name, err)
	}
	v.look()
	v.given[name] = &givenValue{value: value}
	delete(v.deleted, name)
	return nil
}

func (v *sessionValue) changeable(key starlark.Value) (string, error) {
	name, err := keyOf(key)
	if name == "id" {
		err = errors.New("session key 'id': the session's id cannot be changed")
	}
	return name, err
}

// remove deletes a key, if it is there.
func (v *sessionValue) remove(name string) {
	v.look()
	delete(v.given, name)
	v.deleted[name] = true
}

func (v *sessionValue) keys() []string {
	v.look()
	keys := map[string]bool{"id": true}
	for name := range v.texts {
		keys[name] = !v.deleted[name]
	}
	for name := range v.given {
		keys[name] = true
	}
	maps.DeleteFunc(keys, func(_ string, there bool) bool { return !there })
	return slices.Sorted(maps.Keys(keys))
}

func (v *sessionValue) items() ([]starlark.Tuple, error) {
	var items []starlark.Tuple
	for _, name := range v.keys() {
		value, _, err := v.Get(starlark.String(name))
		if err != nil {
			return nil, err
		}
		items = append(items, starlark.Tuple{starlark.String(name), value})
	}
	return items, nil
}

// Items implements starlark.IterableMapping. What cannot be read is left out.
func (v *sessionValue) Items() []starlark.Tuple {
	items, _ := v.items()
	return items
}

func (v *sessionValue) list() *starlark.List {
	var keys []starlark.Value
	for _, name := range v.keys() {
		keys = append(keys, starlark.String(name))
	}
	return starlark.NewList(keys)
}

func (v *sessionValue) String() string {
	dict := &starlark.Dict{}
	for _, item := range v.Items() {
		_ = dict.SetKey(item[0], item[1]) // it is not frozen
	}
	return dict.String()
}

func (v *sessionValue) Type() string               { return "session" }
func (v *sessionValue) Freeze()                    {}
func (v *sessionValue) Truth() starlark.Bool       { return true }
func (v *sessionValue) Hash() (uint32, error)      { return 0, errors.New("unhashable: session") }
func (v *sessionValue) Len() int                   { return len(v.keys()) }
func (v *sessionValue) Iterate() starlark.Iterator { return v.list().Iterate() }

// AttrNames implements starlark.HasAttrs.
func (v *sessionValue) AttrNames() []string {
	return []string{"clear", "get", "items", "keys", "pop", "setdefault", "update", "values"}
}

// Attr implements starlark.HasAttrs: the methods of a dictionary.
func (v *sessionValue) Attr(name string) (starlark.Value, error) {
	methods := map[string]func(*starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error){
		"clear": v.clearMethod, "items": v.itemsMethod, "keys": v.keysMethod, "values": v.valuesMethod,
		"pop": v.popMethod, "setdefault": v.setDefaultMethod, "update": v.updateMethod,
	}
	if name == "get" {
		return getMethod(v), nil
	}
	method := methods[name]
	if method == nil {
		return nil, nil
	}
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return method(b, args, kwargs)
	}), nil
}

func (v *sessionValue) itemsMethod(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	items, err := v.items()
	list := starlark.NewList(nil)
	for _, item := range items {
		_ = list.Append(item) // it is not frozen
	}
	return list, err
}

func (v *sessionValue) keysMethod(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return v.list(), starlark.UnpackArgs(b.Name(), args, kwargs)
}

func (v *sessionValue) valuesMethod(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	items, err := v.items()
	list := starlark.NewList(nil)
	for _, item := range items {
		_ = list.Append(item[1]) // it is not frozen
	}
	return list, err
}

func (v *sessionValue) popMethod(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key, otherwise starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "default?", &otherwise); err != nil {
		return nil, err
	}
	name, err := v.changeable(key)
	if err != nil {
		return nil, err
	}
	value, found, err := v.Get(key)
	switch {
	case err != nil:
		return nil, err
	case found:
		v.remove(name)
		return value, nil
	case otherwise != nil:
		return otherwise, nil
	}
	return nil, fmt.Errorf("pop: the session has no key %q", name)
}

// clearMethod removes all but the id.
func (v *sessionValue) clearMethod(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	for _, name := range v.keys() {
		if name != "id" {
			v.remove(name)
		}
	}
	return starlark.None, starlark.UnpackArgs(b.Name(), args, kwargs)
}

func (v *sessionValue) setDefaultMethod(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key, otherwise starlark.Value = nil, starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key, "default?", &otherwise); err != nil {
		return nil, err
	}
	if value, found, err := v.Get(key); found || err != nil {
		return value, err
	}
	return otherwise, v.SetKey(key, otherwise)
}

func (v *sessionValue) updateMethod(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var from starlark.IterableMapping = &starlark.Dict{}
	if err := starlark.UnpackArgs(b.Name(), args, nil, "pairs?", &from); err != nil {
		return nil, err
	}
	for _, item := range append(from.Items(), kwargs...) {
		if err := v.SetKey(item[0], item[1]); err != nil {
			return nil, err
		}
	}
	return starlark.None, nil
}
