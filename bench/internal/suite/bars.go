package suite

import "parley.example/parley/bench/internal/report"

// Bars are what Parley is held to.
func Bars() []report.Bar {
	return []report.Bar{
		{Claim: "echo, 1 in flight: CPU per message beside gws", Row: "echo-1", Series: "parley", Peer: "gws", Figure: report.CPU, Limit: 0.87},
		{Claim: "the same beside ws (Node.js)", Row: "echo-1", Series: "parley", Peer: "ws", Figure: report.CPU, Limit: 0.60},
		{Claim: "echo, 16 in flight: CPU per message beside gws", Row: "echo-16", Series: "parley", Peer: "gws", Figure: report.CPU, Limit: 0.10},
		{Claim: "echo, 16 in flight: p99 beside p50", Row: "echo-16", Series: "parley", Figure: report.Tail, Limit: 8},
		{Claim: "two loops on two cores beside one, 1 in flight: CPU per message", Row: "loops-1", Series: "parley-2", Peer: "parley", Figure: report.CPU, Limit: 1.10},
		{Claim: "two loops on two cores beside one, 16 in flight: CPU per message", Row: "loops-16", Series: "parley-2", Peer: "parley", Figure: report.CPU, Limit: 1.10},
		{Claim: "echo of 1 KiB, 1,000 connections: CPU per message beside gws", Row: "echo-1k", Series: "parley", Peer: "gws", Figure: report.CPU, Limit: 0.75},
		{Claim: "room of 1,000: CPU per delivery beside gws", Row: "room", Series: "parley", Peer: "gws", Figure: report.CPU, Limit: 0.125},
		{Claim: "idle: memory per connection", Row: "idle", Series: "parley", Figure: report.Memory, Limit: 1200, Unit: "B"},
		{Claim: "idle, a session each: memory per connection", Row: "idle", Series: "parley-cookie", Figure: report.Memory, Limit: 2000, Unit: "B"},
		{Claim: "idle, Python, Go and worker together: memory per connection", Row: "idle", Series: "parley-python", Figure: report.Memory, Limit: 3500, Unit: "B"},
		{Claim: "idle, driver goroutine: memory per connection", Row: "idle", Series: "parley-goroutine", Figure: report.Memory, Limit: 6000, Unit: "B"},
		{Claim: "idle, TLS: memory per connection beside gws over TLS", Row: "idle-tls", Series: "parley-tls", Peer: "gws", Figure: report.Memory, None: true},
		{Claim: "handshake without a cookie: CPU beside gws", Row: "handshake", Series: "parley", Peer: "gws", Figure: report.CPU, Limit: 1.5},
		{Claim: "handshake with the cookie of one of 10,000 sessions in SQLite: CPU beside gws without", Row: "handshake", Series: "parley-cookie", Peer: "gws", Figure: report.CPU, Limit: 2.5},
		{Claim: "bot in Python, 1 in flight: messages per CPU second beside Tornado", Row: "python-1", Series: "parley-python", Peer: "tornado", Figure: report.CPU, Work: true, AtLeast: true, Limit: 3},
		{Claim: "bot in Python, 16 in flight: messages per CPU second beside Tornado", Row: "python-16", Series: "parley-python", Peer: "tornado", Figure: report.CPU, Work: true, AtLeast: true, Limit: 14},
		{Claim: "room in Python of 1,000: deliveries per CPU second beside Tornado", Row: "python-room", Series: "parley-python", Peer: "tornado", Figure: report.CPU, Work: true, AtLeast: true, Limit: 60},
		{Claim: "bot in Python, one connection: median round trip beside Tornado (an aim)", Row: "python-one", Series: "parley-python", Peer: "tornado", Figure: report.P50, Limit: 1.3},
		{Claim: "allocations per echoed message, built-in function", Row: "code", Series: "endpoint", Figure: report.Allocs, Limit: 0, Unit: "allocations"},
		{Claim: "what endpoint and built-in function add to the engine, per echoed message", Row: "code", Series: "endpoint", Peer: "bare", Minus: true, Figure: report.Time, Limit: 150, Unit: "ns"},
	}
}
