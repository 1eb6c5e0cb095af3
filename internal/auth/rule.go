package auth

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"parley.example/parley"
)

// A Rule is an endpoint's auth:, but for its condition. It does not change.
type Rule struct {
	LoginURL string // where pages send those who have not logged in; "" sends nobody
	Query    string // the key of LoginURL's query for the way back

	// Membership is any of these groups; nil admits every user, an empty list
	// none.
	Membership []Group

	Methods []string // only these need a user; none given: all do
}

// A Verdict is what a Rule says of a user.
type Verdict int

// The verdicts. The zero value lets nobody in.
const (
	Unknown   Verdict = iota // nobody has logged in: status 401
	Forbidden                // a user, but not one of those who may: status 403
	Admitted
)

// String is for logs.
func (v Verdict) String() string {
	switch v {
	case Unknown:
		return "unknown"
	case Forbidden:
		return "forbidden"
	case Admitted:
		return "admitted"
	}
	return "no verdict"
}

// Applies reports whether requests of this method need a user. HEAD goes with
// GET. Upper and lower case are one here: "get" is another method than GET
// (RFC 9110 §9.1), but not a way around a rule.
func (r *Rule) Applies(method string) bool {
	return len(r.Methods) == 0 || slices.ContainsFunc(r.Methods, func(m string) bool {
		return strings.EqualFold(m, method) || strings.EqualFold(m, "GET") && strings.EqualFold(method, "HEAD")
	})
}

// Admits says whether u may in. Who needs no user (Applies) is not asked.
func (r *Rule) Admits(u parley.User) Verdict {
	switch {
	case len(u) == 0:
		return Unknown
	case r.Membership == nil:
		return Admitted
	case slices.ContainsFunc(r.Membership, func(g Group) bool { return g.Has(u) }):
		return Admitted
	}
	return Forbidden
}

// A Group is the users whose attributes have one of the values, for each of
// the paths. A path is the name of an attribute, or names with dots between
// them that lead into objects; where both could be meant, as in
// {"a.b": 1, "a": {"b": 2}}, the longer name wins. A path without values has
// no users, a Group without paths all.
//
// Values are compared as text: numbers and booleans as JSON writes them. Of an
// attribute that is a list, one element is enough. null, objects and lists in
// lists are like nothing.
type Group map[string][]string

// Has reports whether u is of the group.
func (g Group) Has(u parley.User) bool {
	for path, accepted := range g {
		value, found := lookUp(u, path)
		if !found || !slices.ContainsFunc(texts(value), func(text string) bool { return slices.Contains(accepted, text) }) {
			return false
		}
	}
	return true
}

// lookUp follows path into object: by the longest name that there is, then on
// from there.
func lookUp(object map[string]json.RawMessage, path string) (json.RawMessage, bool) {
	for end := len(path); end >= 0; end = strings.LastIndexByte(path[:end], '.') {
		value, found := object[path[:end]]
		if !found {
			continue
		}
		if end == len(path) {
			return value, true
		}
		var inner map[string]json.RawMessage
		if json.Unmarshal(value, &inner) != nil {
			return nil, false
		}
		return lookUp(inner, path[end+1:])
	}
	return nil, false
}

// texts returns what a value is compared as.
func texts(value json.RawMessage) []string {
	if text, ok := scalar(value); ok {
		return []string{text}
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil
	}
	var all []string
	for _, element := range list {
		if text, ok := scalar(element); ok {
			all = append(all, text)
		}
	}
	return all
}

// scalar returns the text of a value that is a text, number or boolean.
func scalar(value json.RawMessage) (text string, ok bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return "", false
	}
	switch value[0] {
	case '"':
		return text, json.Unmarshal(value, &text) == nil
	case 't', 'f':
		return string(value), true
	case '{', '[', 'n':
		return "", false
	}
	if !bytes.ContainsAny(value, ".eE") {
		return string(value), true // not through a float: ids may be long
	}
	var number float64
	if json.Unmarshal(value, &number) != nil {
		return "", false
	}
	short, err := json.Marshal(number)
	return string(short), err == nil
}
