package config

import "strings"

// headers reads a mapping of names to values.
func (b *builder) headers(e *entry, path string) []Header {
	var list []Header
	for _, h := range b.mappingOf(e, path).entries {
		list = append(list, b.header(h, join(path, h.key)))
	}
	return list
}

// fileHeaders reads the headers of a FileHandler: where a mapping stands for
// the value, it has the headers of the files that its key matches.
func (b *builder) fileHeaders(to *File, e *entry, path string) {
	for _, h := range b.mappingOf(e, path).entries {
		at := join(path, h.key)
		if h.value.kind != mapping {
			to.Headers = append(to.Headers, b.header(h, at))
			continue
		}
		list := b.headers(h, at)
		if g, ok := b.glob(h.key, h.pos, at); ok {
			to.FilesHeaders = append(to.FilesHeaders, FilesHeaders{Files: g, Headers: list})
		}
	}
}

func (b *builder) header(e *entry, path string) Header {
	h := Header{Name: e.key, Value: strings.TrimSpace(e.value.text), Pos: e.pos}
	switch {
	case e.value.kind == broken:
	case strings.Contains(e.key, "*"): // which RFC 9110 allows, and nobody means
		b.r.addf(ruleHeader, e.pos, path, "cannot be a header's name; a pattern of files takes a mapping, in the headers of a FileHandler")
	case !isToken(e.key):
		b.r.addf(ruleHeader, e.pos, path, "cannot be a header's name")
	case ownHeader(e.key):
		b.r.addf(ruleHeader, e.pos, path, "is Parley's own to set: it belongs to the connection or the handshake; remove it")
	case e.value.kind == boolean && e.value.value == false:
		h.Value, h.Off = "", true
	case e.value.kind == list || e.value.kind == mapping || e.value.kind == null:
		b.r.addf(ruleType, e.value.pos, path, "must be text, not %s", e.value.kind)
	case strings.ContainsFunc(h.Value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
		b.r.addf(ruleHeader, e.value.pos, path, "has a line break or control character, which no header can carry")
	}
	return h
}

// ownHeader reports whether a header is about the connection and what is sent
// over it (RFC 9110 §7.6.1 and §8.6) or about a WebSocket's handshake (RFC 6455
// §4.2.2).
func ownHeader(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade":
		return true
	}
	return strings.HasPrefix(name, "sec-websocket-")
}
