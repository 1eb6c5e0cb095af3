package config

// handlerDefaults reads handlers:, the kwargs that all endpoints of a handler
// have unless they say otherwise: those under its own name, over those of
// BaseHandler that it knows. They are checked where they stand, whether there
// are such endpoints or not.
func (b *builder) handlerDefaults(n *node) {
	b.defaults = map[string]*node{}
	f := b.fields(n, "handlers", "", "handlers")
	if n != nil {
		for _, e := range n.entries {
			if f[e.key] == nil { // it was reported, but not what it would have protected
				b.accessOnly(e.value, "", join("handlers", e.key))
			}
		}
	}
	b.partial = true
	defer func() { b.partial = false }()

	base := b.mappingOf(f[baseHandler], "handlers."+baseHandler)
	for _, e := range base.entries {
		if !knownToAny(e.key) {
			b.r.unknownKey(e, baseHandler, "", join("handlers."+baseHandler, e.key))
		}
	}
	for _, handler := range handlers {
		path := "handlers." + handler
		own := b.mappingOf(f[handler], path)
		b.readKwargs(&Endpoint{}, handler, nil, own, path)
		shared := knownOnly(base, handler)
		b.readKwargs(&Endpoint{}, handler, nil, shared, "handlers."+baseHandler)
		b.defaults[handler] = overlay(knownOnly(own, handler), shared)
	}
}

// knownOnly returns what a handler knows of the mapping n.
func knownOnly(n *node, handler string) *node {
	out := &node{kind: mapping, pos: n.pos}
	for _, e := range n.entries {
		if known(handler, e.key) || opensAccess(e) {
			out.entries = append(out.entries, e)
		}
	}
	return out
}

func knownToAny(name string) bool {
	for _, handler := range handlers {
		if known(handler, name) {
			return true
		}
	}
	return false
}

// overlay returns the mapping over with the entries of under that it lacks, and
// these first. Where both have a mapping, the two are put together likewise.
func overlay(over, under *node) *node {
	if under == nil || len(under.entries) == 0 {
		return over
	}
	out := &node{kind: mapping, pos: over.pos}
	for _, e := range under.entries {
		if over.get(e.key) == nil {
			out.entries = append(out.entries, e)
		}
	}
	for _, e := range over.entries {
		if below := under.get(e.key); below != nil && e.value.kind == mapping && below.value.kind == mapping {
			e = &entry{key: e.key, pos: e.pos, value: overlay(e.value, below.value)}
		}
		out.entries = append(out.entries, e)
	}
	return out
}
