package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

func (b *builder) limits(n *node) {
	to := &b.cfg.App.Limits
	f := b.fields(n, "app.limits", "", "app.limits")
	b.number(&to.Connections, f["connections"], "app.limits.connections", 1, maxConnections)
	b.number(&to.ConnectionsPerAddress, f["connections_per_address"], "app.limits.connections_per_address", 1, maxConnections)
	b.number(&to.Handshakes, f["handshakes"], "app.limits.handshakes", 1, maxConnections)
}

// drain wants a time, or none at all, that fits into what open sockets have at
// a stop: DrainTime.
func (b *builder) drain(n *node) {
	const path = "app.drain.over"
	to := &b.cfg.App.Drain.Over
	*to = b.cfg.App.ShutdownTimeout / 2
	e := b.fields(n, "app.drain", "", "app.drain")["over"]
	if e == nil {
		return
	}
	b.durationOrNone(to, e, path)
	if *to >= b.cfg.App.DrainTime() {
		b.r.addf(ruleDrain, e.value.pos, path,
			"%v must be less than %v, which is the share that open sockets have of app.shutdown_timeout (%v)",
			*to, b.cfg.App.DrainTime(), b.cfg.App.ShutdownTimeout)
	}
}

// compression returns nil for false. true is all defaults.
func (b *builder) compression(e *entry, endpoint, path string) *Compression {
	if e == nil {
		return nil
	}
	to := &Compression{}
	if e.value.kind != mapping {
		if on := false; !b.boolean(&on, e, path) || !on {
			return nil
		}
		return to
	}
	f := b.fields(e.value, compressionKwarg, endpoint, path)
	b.size(&to.Threshold, f["threshold"], join(path, "threshold"), 1, maxMessageSize)
	b.number(&to.Level, f["level"], join(path, "level"), 1, 9)
	b.boolean(&to.ContextTakeover, f["context_takeover"], join(path, "context_takeover"))
	return to
}

// rate returns nil if there is none.
func (b *builder) rate(e *entry, endpoint, path string) *Rate {
	if e == nil || e.value.kind == broken {
		return nil
	}
	to := defaultRate()
	f := b.fields(e.value, rateKwarg, endpoint, path)
	if e.value.kind == mapping && !hasKey(e.value, "messages") && !hasKey(e.value, "bytes") {
		b.r.addf(ruleRate, e.pos, path, "limits nothing; write  messages: 100/s  or  bytes: 1MiB/s, or both")
	}
	b.perSecond(&to.Messages, f["messages"], join(path, "messages"), "100/s, 6000/m or 10/h", func(s string) (float64, bool) {
		n, err := strconv.ParseFloat(s, 64)
		return n, err == nil
	})
	b.perSecond(&to.Bytes, f["bytes"], join(path, "bytes"), "1MiB/s, 64KB/m or 65536/h", parseSize)
	b.duration(&to.Burst, f["burst"], join(path, "burst"), time.Second)
	b.choice(&to.Over, f["over"], join(path, "over"), "wait", "close")
	return &to
}

// perSecond wants an amount, which parse reads, by second, minute or hour.
func (b *builder) perSecond(to *float64, e *entry, path, examples string, parse func(string) (float64, bool)) {
	if e == nil || !b.scalar(e.value, path, "a rate") {
		return
	}
	amount, unit, _ := strings.Cut(e.value.text, "/")
	n, ok := parse(strings.TrimSpace(amount))
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[strings.TrimSpace(unit)]
	if !ok || seconds == 0 || n/seconds <= 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		b.r.addf(ruleRate, e.value.pos, path, "%s is not a rate above 0: write %s", e.value.shown(), examples)
		return
	}
	*to = n / seconds
}
