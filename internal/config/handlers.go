package config

import (
	"os"
	"strings"
	"time"
)

func (b *builder) webSocket(kwargs *node, endpoint, path string) *WebSocket {
	w := defaultWebSocket()
	f := b.fields(kwargs, webSocketHandler, endpoint, path)
	hook := func(name string) *Function {
		if e := f[name]; e != nil {
			return b.function(e.value, endpoint, join(path, name))
		}
		return nil
	}
	w.Open = hook("open")
	w.OnMessage = hook("on_message")
	w.OnClose = hook("on_close")
	w.OnPong = hook("on_pong")
	w.SelectSubprotocol = hook("select_subprotocol")

	if e := f["origins"]; e != nil {
		w.OriginsSet = true
		w.Origins = b.origins(e.value, join(path, "origins"))
	}
	b.size(&w.MaxMessageSize, f["max_message_size"], join(path, "max_message_size"), 1, maxMessageSize)
	b.duration(&w.PingInterval, f["ping_interval"], join(path, "ping_interval"), time.Second)
	b.duration(&w.PingTimeout, f["ping_timeout"], join(path, "ping_timeout"), time.Second)
	if w.PingTimeout <= w.PingInterval && !b.partial {
		at, name := f["ping_timeout"], "ping_timeout"
		if at == nil {
			at, name = f["ping_interval"], "ping_interval"
		}
		b.r.addf(rulePing, at.value.pos, join(path, name), "ping_timeout (%v) must be longer than ping_interval (%v)",
			w.PingTimeout, w.PingInterval)
	}
	b.duration(&w.IdleTimeout, f["idle_timeout"], join(path, "idle_timeout"), time.Second)
	b.choice(&w.Slow, f["slow"], join(path, "slow"), "disconnect", "drop_oldest", "drop_newest")
	b.size(&w.Outbox, f["outbox"], join(path, "outbox"), minOutbox, maxOutbox)
	w.Compression = b.compression(f["compression"], endpoint, join(path, "compression"))
	w.Rate = b.rate(f["rate"], endpoint, join(path, "rate"))
	w.Headers = b.headers(f["headers"], join(path, "headers"))
	w.Token = b.cfg.App.Token
	if e := f["token"]; e != nil {
		w.Token = b.token(e, endpoint, join(path, "token"))
	}
	return &w
}

// anyOrigin stands for all of them.
const anyOrigin = "*"

func (b *builder) origins(n *node, path string) []Origin {
	if n.kind == list && len(n.items) == 0 {
		b.r.addf(ruleOrigins, n.pos, path, "names no origin; name some, or remove the key")
	}
	var list []Origin
	items, paths := oneOrMany(n, path)
	for i, v := range items {
		switch {
		case v.kind == broken:
		case v.kind == null || v.kind == text && strings.TrimSpace(v.text) == "":
			b.r.addf(ruleOrigins, v.pos, paths[i], "is empty; name a host such as example.com, or remove the entry")
		case v.kind != text:
			b.r.addf(ruleType, v.pos, paths[i], "must be text, not %s", v.kind)
		case v.text == anyOrigin && len(items) > 1:
			b.r.addf(ruleOrigins, v.pos, paths[i], "allows all; write it alone, or remove it")
		case v.text == anyOrigin:
			list = append(list, Origin{Text: v.text, Pos: v.pos})
		default:
			if check := b.l.opt.CheckOrigin; check != nil {
				if err := check(v.text); err != nil {
					b.r.addf(ruleOrigin, v.pos, paths[i], "%s: %v", v.shown(), err)
					continue
				}
			}
			list = append(list, Origin{Text: v.text, Pos: v.pos})
		}
	}
	return list
}

func (b *builder) functionHandler(at *entry, kwargs *node, endpoint, path string) *FunctionHandler {
	h := &FunctionHandler{}
	f := b.fields(kwargs, functionHandler, endpoint, path)
	if e := f["function"]; e != nil {
		h.Function = b.call(e, f, endpoint, path)
	} else if b.partial {
		b.arguments(&Step{}, f, path)
	} else if !hasKey(kwargs, "function") && kwargs.kind == mapping {
		b.r.addf(ruleMissing, at.pos, join(path, "function"), "missing; it says what to run, such as  function: page.show")
	}
	h.Headers = b.headers(f["headers"], join(path, "headers"))
	return h
}

func (b *builder) fileHandler(at *entry, kwargs *node, endpoint, path string) *File {
	h := &File{}
	f := b.fields(kwargs, fileHandler, endpoint, path)
	if !b.partial && !hasKey(kwargs, "path") && kwargs.kind == mapping {
		b.r.addf(ruleMissing, at.pos, join(path, "path"), "missing; it says which file or folder to serve, such as  path: pages")
	}
	if p := f["path"]; p != nil {
		switch v := p.value; {
		case v.kind == list || v.kind == mapping || v.kind == text && strings.Contains(v.text, "*"):
			b.r.addf(ruleGramex, v.pos, join(path, "path"), "not supported yet in this form: name one file or folder")
		case b.text(&h.Path, p, join(path, "path")):
			h.Path = b.absolute(h.Path)
			if _, err := os.Stat(h.Path); err != nil {
				b.r.warnf(ruleWarnNoPath, v.pos, join(path, "path"), "no such file or folder in the app's folder: %s", v.shown())
			}
		}
	}
	if d := f["default_filename"]; d != nil && d.value.kind == list {
		b.r.addf(ruleGramex, d.value.pos, join(path, "default_filename"), "not supported yet as a list: name one file")
	} else if b.text(&h.DefaultFilename, d, join(path, "default_filename")) && strings.ContainsAny(h.DefaultFilename, `/\`) {
		b.r.addf(ruleFilename, d.value.pos, join(path, "default_filename"), "must be the name of a file, without a folder")
	}
	h.Ignore = b.globs(f["ignore"], join(path, "ignore"))
	h.Allow = b.globs(f["allow"], join(path, "allow"))
	for _, g := range h.Allow {
		if hidden := b.l.opt.Hidden; hidden != nil && hidden(example(g.Text)) {
			b.r.warnf(ruleWarnAllow, g.Pos, join(path, "allow"), "%s has no effect: code, settings and secrets are never served", g.shown)
		}
	}
	b.fileHeaders(h, f["headers"], join(path, "headers"))
	return h
}
