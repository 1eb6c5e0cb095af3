package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
)

// function reads what a hook runs: an expression, a mapping with function:, or
// a list of both. It returns nil if nothing of it can be used.
func (b *builder) function(n *node, endpoint, path string) *Function {
	switch n.kind {
	case broken:
		return nil
	case text:
		return b.single(n, "", path)
	case list:
		return b.pipeline(n, endpoint, path)
	case mapping:
		f := b.fields(n, "step", endpoint, path)
		if f["function"] == nil {
			if !hasKey(n, "function") {
				b.r.addf(ruleMissing, n.pos, join(path, "function"), "missing; it says what to run, such as  function: chat.open")
			}
			return nil
		}
		return b.call(f["function"], f, endpoint, path)
	}
	b.r.addf(ruleType, n.pos, path, "must be an expression, or a mapping with function:, not %s", n.kind)
	return nil
}

// call reads the entry of a function: key, with the name:, args: and kwargs:
// beside it.
func (b *builder) call(e *entry, beside map[string]*entry, endpoint, path string) *Function {
	at := join(path, "function")
	switch e.value.kind {
	case broken:
		return nil
	case list:
		for _, key := range []string{"args", "kwargs", "name"} {
			if other := beside[key]; other != nil {
				b.r.addf(ruleFunction, other.pos, join(path, key), "belongs in the steps of the pipeline, not beside it")
			}
		}
		return b.pipeline(e.value, endpoint, at)
	case text:
		name := b.stepName(beside["name"], join(path, "name"))
		fn := b.single(e.value, name, at)
		if fn != nil {
			b.arguments(&fn.Steps[0], beside, path)
		}
		return fn
	}
	b.r.addf(ruleType, e.value.pos, at, "must be an expression, in quotes if need be, or a list of them, not %s", e.value.kind)
	return nil
}

func (b *builder) single(n *node, name, path string) *Function {
	s := strings.TrimSpace(n.text)
	if s == "" {
		b.r.addf(ruleFunction, n.pos, path, "is empty; write an expression such as chat.open, or remove the key")
		return nil
	}
	return &Function{Pos: n.pos, Steps: []Step{{Name: name, Text: s, Pos: n.pos, Begin: cmp.Or(n.begin, n.pos)}}}
}

func (b *builder) pipeline(n *node, endpoint, path string) *Function {
	if len(n.items) == 0 {
		b.r.addf(ruleFunction, n.pos, path, "is empty; name a function, or remove the key")
		return nil
	}
	out := &Function{Pos: n.pos}
	for i, v := range n.items {
		if v.kind == list || v.kind == mapping && valueOf(v.get("function")) != nil && v.get("function").value.kind == list {
			b.r.addf(ruleFunction, v.pos, item(path, i), "a step of a pipeline cannot be a pipeline")
			continue
		}
		if step := b.function(v, endpoint, item(path, i)); step != nil {
			out.Steps = append(out.Steps, step.Steps...)
		}
	}
	if len(out.Steps) == 0 {
		return nil
	}
	return out
}

func (b *builder) stepName(e *entry, path string) string {
	var name string
	if b.text(&name, e, path) && !isName(name) {
		b.r.addf(ruleStepName, e.value.pos, path, "%s cannot be a variable: use letters, digits and _, and no digit first", e.value.shown())
	}
	return name
}

// arguments reads the args: and kwargs: that stand beside a function.
func (b *builder) arguments(to *Step, beside map[string]*entry, path string) {
	to.Args = b.args(beside["args"], join(path, "args"))
	to.Kwargs = b.kwargs(beside["kwargs"], join(path, "kwargs"))
}

// args returns a list; a single value is a list of one.
func (b *builder) args(e *entry, path string) json.RawMessage {
	switch {
	case e == nil || e.value.kind == broken:
		return nil
	case e.value.kind == mapping:
		b.r.addf(ruleType, e.value.pos, path, "must be a list, not a mapping; arguments with names stand in kwargs:")
		return nil
	case e.value.kind == list:
		return b.r.json(e.value, path)
	}
	return bytes.Join([][]byte{{'['}, b.r.json(e.value, path), {']'}}, nil)
}

func (b *builder) kwargs(e *entry, path string) json.RawMessage {
	switch {
	case e == nil || e.value.kind == broken:
		return nil
	case e.value.kind != mapping:
		b.r.addf(ruleType, e.value.pos, path, "must be a mapping of names to values, not %s", e.value.kind)
		return nil
	}
	return b.r.json(e.value, path)
}
