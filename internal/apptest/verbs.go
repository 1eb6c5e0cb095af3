package apptest

import (
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"parley.example/parley"
	"parley.example/parley/internal/peer"
)

// fields are the values of one action, by key.
type fields map[string]*yaml.Node

// A verb is one thing that can be done.
type verb struct {
	name        string
	keys        []string // that may stand beside it
	needsSocket bool
	read        func(r *reader, value *yaml.Node, f fields) action
}

// takes reports whether a key may stand beside the verb.
func (v *verb) takes(key string) bool { return slices.Contains(v.keys, key) }

var verbs = []*verb{
	{"dial", []string{"origin", "headers", "cookies", "session", "subprotocols", "subprotocol", "status", "timeout"}, false, (*reader).dial},
	{"send", []string{"timeout"}, true, (*reader).send},
	{"expect", []string{"timeout"}, true, (*reader).expect},
	{"silence", nil, true, (*reader).silence},
	{"close", []string{"reason"}, true, (*reader).close},
	{"closed", []string{"reason", "timeout"}, true, (*reader).closed},
	{"get", []string{"origin", "headers", "cookies", "session", "status", "body", "timeout"}, false, (*reader).get},
}

func verbNames() []string {
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	return names
}

func isVerb(name string) bool { return slices.Contains(verbNames(), name) }

// verbOf returns the first verb among the keys, or nil.
func verbOf(entries []entry) *verb {
	for _, e := range entries {
		for _, v := range verbs {
			if v.name == e.key.Value {
				return v
			}
		}
	}
	return nil
}

func (r *reader) dial(value *yaml.Node, f fields) action {
	a := dial{request: r.request("dial", value, f)}
	if n := f["subprotocols"]; n != nil {
		a.options.Subprotocols = r.texts("subprotocols", n)
	}
	if n := f["subprotocol"]; n != nil {
		chosen := r.text("subprotocol", n)
		a.subprotocol = &chosen
	}
	if n := f["status"]; n != nil {
		a.status = r.number("status", n, 300, 599, "the status of a refusal, such as 403")
		if f["subprotocol"] != nil {
			r.addf(f["subprotocol"], "subprotocol: a refused socket has none; remove it, or status")
		}
	}
	return a
}

func (r *reader) get(value *yaml.Node, f fields) action {
	a := get{request: r.request("get", value, f), status: http.StatusOK}
	if n := f["status"]; n != nil {
		a.status = r.number("status", n, 200, 599, "a status such as 404")
	}
	if n := f["body"]; n != nil {
		a.body = r.want("body", n, "json", "has", "match")
	}
	return a
}

// request reads what dial and get have in common.
func (r *reader) request(key string, value *yaml.Node, f fields) request {
	q := request{path: r.text(key, value)}
	if value.Kind == yaml.ScalarNode && !isNull(value) && !strings.HasPrefix(q.path, "/") {
		r.addf(value, "%s: takes a path of the app, such as /chat", key)
	}
	if n := f["origin"]; n != nil {
		q.options.Origin = r.text("origin", n)
	}
	if n := f["headers"]; n != nil {
		q.options.Header = http.Header{}
		for _, e := range r.mapping("headers", n) {
			q.options.Header.Set(e.key.Value, r.text(e.key.Value, e.value))
		}
	}
	if n := f["cookies"]; n != nil {
		for _, e := range r.mapping("cookies", n) {
			c := &http.Cookie{Name: e.key.Value, Value: r.text(e.key.Value, e.value)}
			if err := c.Valid(); err != nil {
				r.addf(e.key, "cookies: %s: no cookie can be like that: %s", c.Name, strings.TrimPrefix(err.Error(), "http: "))
			}
			q.cookies = append(q.cookies, c)
		}
	}
	if n := f["session"]; n != nil && n.Kind == yaml.ScalarNode {
		q.sharedWith = &n.Value
	} else if n != nil {
		q.session = map[string]any{}
		for _, e := range r.mapping("session", n) {
			if e.key.Value == "id" {
				r.addf(e.key, "session: a session's id cannot be chosen")
			}
			q.session[e.key.Value] = r.json(e.value, false)
		}
	}
	return q
}

func (r *reader) send(value *yaml.Node, _ fields) action {
	if value.Kind != yaml.MappingNode {
		return send{parley.Message{Kind: parley.Text, Data: []byte(r.text("send", value))}}
	}
	word, n := r.oneOf("send", value, "json", "hex", "base64")
	switch word {
	case "json":
		m, err := peer.JSONMessage(r.json(n, false))
		if err != nil {
			r.addf(n, "send: %v", err)
		}
		return send{m}
	case "":
		return nil
	}
	return send{parley.Message{Kind: parley.Binary, Data: r.octets(word, n)}}
}

func (r *reader) expect(value *yaml.Node, _ fields) action {
	return expect{r.want("expect", value, "json", "has", "match", "hex", "base64")}
}

// want reads what a message or body is to be.
func (r *reader) want(key string, value *yaml.Node, words ...string) peer.Want {
	if value.Kind != yaml.MappingNode {
		return peer.Text(r.text(key, value))
	}
	switch word, n := r.oneOf(key, value, words...); word {
	case "json":
		return peer.JSON(r.json(n, true))
	case "has":
		if n.Kind != yaml.MappingNode {
			r.addf(n, "has: takes a mapping")
		}
		return peer.JSON(peer.Part{Value: r.json(n, true)})
	case "match":
		return peer.Match(r.expression(word, n))
	case "hex", "base64":
		return peer.Binary(r.octets(word, n))
	}
	return nil
}

func (r *reader) silence(value *yaml.Node, _ fields) action {
	return silence{r.duration("silence", value, 0)}
}

func (r *reader) close(value *yaml.Node, f fields) action {
	a := closing{code: parley.CloseNormal}
	if !isNull(value) {
		a.code = r.closeCode("close", value)
	}
	if n := f["reason"]; n != nil {
		a.reason = r.text("reason", n)
		if len(a.reason) > maxReason {
			r.addf(n, "reason: takes at most %d octets", maxReason)
		}
	}
	return a
}

// maxReason is how much a close frame has room for.
const maxReason = 123

func (r *reader) closed(value *yaml.Node, f fields) action {
	a := closed{}
	if !isNull(value) {
		a.code = r.closeCode("closed", value)
	}
	if n := f["reason"]; n != nil {
		reason := r.text("reason", n)
		a.reason = &reason
	}
	return a
}

// closeCode accepts what may stand in a close frame, and for closed what stands
// for the lack of one.
func (r *reader) closeCode(key string, n *yaml.Node) parley.CloseCode {
	const hint = "a close code such as 1000, 1011 or 4000"
	code := parley.CloseCode(r.number(key, n, 1000, 4999, hint))
	unsent := code == parley.CloseNoStatus || code == parley.CloseAbnormal
	if code != 0 && !code.Sendable() && !(key == "closed" && unsent) {
		r.addf(n, "%s: %d cannot stand in a close frame", key, code)
	}
	return code
}
