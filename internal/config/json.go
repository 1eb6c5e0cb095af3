package config

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// json returns n as JSON, keys in order. What JSON cannot carry is reported
// under path.
func (r *report) json(n *node, path string) json.RawMessage {
	var b bytes.Buffer
	r.writeJSON(&b, n, path)
	return b.Bytes()
}

func (r *report) writeJSON(b *bytes.Buffer, n *node, path string) {
	switch n.kind {
	case null, broken:
		b.WriteString("null")
	case boolean, integer:
		fmt.Fprint(b, n.value)
	case float:
		s, ok := floatJSON(n.value.(float64))
		if !ok {
			r.addf(ruleJSON, n.pos, path, "%s is not a number that can be passed on", n.shown())
			s = "null"
		}
		b.WriteString(s)
	case text:
		writeJSONText(b, n.text)
	case list:
		b.WriteByte('[')
		for i, v := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			r.writeJSON(b, v, item(path, i))
		}
		b.WriteByte(']')
	case mapping:
		b.WriteByte('{')
		for i, e := range n.entries {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSONText(b, e.key)
			b.WriteByte(':')
			r.writeJSON(b, e.value, join(path, e.key))
		}
		b.WriteByte('}')
	}
}

// writeJSONText writes s without escaping <, > and &.
func writeJSONText(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes, into a buffer
	b.Truncate(b.Len() - 1)
}
