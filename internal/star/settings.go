package star

import (
	"go.starlark.net/starlark"
)

// settings is a dictionary whose keys are attributes, too:
// handler.kwargs.limit. It is frozen.
type settings struct {
	dict *starlark.Dict
	of   string // its type, for people: "settings", "user"
}

var (
	_ starlark.HasAttrs        = (*settings)(nil)
	_ starlark.IterableMapping = (*settings)(nil)
	_ starlark.Sequence        = (*settings)(nil)
)

// settingsOf makes settings, of a type, of a frozen value's dictionaries.
func settingsOf(value starlark.Value, of string) starlark.Value {
	switch v := value.(type) {
	case *starlark.Dict:
		dict := &starlark.Dict{}
		for _, item := range v.Items() {
			_ = dict.SetKey(item[0], settingsOf(item[1], of)) // it is not frozen yet
		}
		dict.Freeze()
		return &settings{dict, of}
	case *starlark.List:
		list := make([]starlark.Value, v.Len())
		for i := range list {
			list[i] = settingsOf(v.Index(i), of)
		}
		made := starlark.NewList(list)
		made.Freeze()
		return made
	}
	return value
}

func (s *settings) String() string             { return s.dict.String() }
func (s *settings) Type() string               { return s.of }
func (s *settings) Freeze()                    {}
func (s *settings) Truth() starlark.Bool       { return s.dict.Truth() }
func (s *settings) Hash() (uint32, error)      { return s.dict.Hash() }
func (s *settings) Iterate() starlark.Iterator { return s.dict.Iterate() }
func (s *settings) Items() []starlark.Tuple    { return s.dict.Items() }
func (s *settings) Len() int                   { return s.dict.Len() }
func (s *settings) AttrNames() []string        { return s.dict.AttrNames() }

func (s *settings) Get(key starlark.Value) (starlark.Value, bool, error) { return s.dict.Get(key) }

func (s *settings) Attr(name string) (starlark.Value, error) {
	if value, found, _ := s.dict.Get(starlark.String(name)); found {
		return value, nil
	}
	return s.dict.Attr(name)
}
