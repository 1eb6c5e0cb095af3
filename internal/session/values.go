package session

import (
	"encoding/json"
	"maps"
	"slices"
)

// maxFew is how many keys are looked for one by one.
const maxFew = 8

// values are the keys of a session and their JSON texts. Most sessions have
// few: as a map those would take several times the room.
type values struct {
	few  []pair                     // in no order
	many map[string]json.RawMessage // nil until there were more than maxFew; then few is empty
}

type pair struct {
	key   string
	value json.RawMessage
}

// valuesOf takes over a map.
func valuesOf(m map[string]json.RawMessage) values {
	if len(m) > maxFew {
		return values{many: m}
	}
	v := values{few: make([]pair, 0, len(m))}
	for key, value := range m {
		v.few = append(v.few, pair{key, value})
	}
	return v
}

// copy is never nil.
func (v *values) copy() map[string]json.RawMessage {
	if v.many != nil {
		return maps.Clone(v.many)
	}
	m := make(map[string]json.RawMessage, len(v.few))
	for _, p := range v.few {
		m[p.key] = p.value
	}
	return m
}

func (v *values) keys() []string {
	keys := slices.Collect(maps.Keys(v.many))
	for _, p := range v.few {
		keys = append(keys, p.key)
	}
	return keys
}

// find returns the place of key among the few, or -1.
func (v *values) find(key string) int {
	for i := range v.few {
		if v.few[i].key == key {
			return i
		}
	}
	return -1
}

// get returns nil if there is no such key.
func (v *values) get(key string) json.RawMessage {
	if v.many != nil {
		return v.many[key]
	}
	if i := v.find(key); i >= 0 {
		return v.few[i].value
	}
	return nil
}

func (v *values) set(key string, value json.RawMessage) {
	switch i := v.find(key); {
	case v.many != nil:
		v.many[key] = value
	case i >= 0:
		v.few[i].value = value
	case len(v.few) < maxFew:
		v.few = append(v.few, pair{key, value})
	default:
		v.many = v.copy()
		v.many[key] = value
		v.few = nil
	}
}

func (v *values) delete(key string) {
	if v.many != nil {
		delete(v.many, key)
		return
	}
	if i := v.find(key); i >= 0 {
		last := len(v.few) - 1
		v.few[i] = v.few[last]
		v.few[last] = pair{} // holds on to nothing
		v.few = v.few[:last]
	}
}
