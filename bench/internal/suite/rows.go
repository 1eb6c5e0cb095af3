package suite

import (
	"context"
	"fmt"

	"parley.example/parley/bench/internal/load"
	"parley.example/parley/bench/internal/report"
)

// A row is one load and the servers that bear it.
type row struct {
	id, title, unit string
	load            load.Options
	rounds          int // in a full run
	measure         measurement
	series          []series
	notes           []string
}

// A measurement runs one round of one series of a row.
type measurement func(context.Context, *Suite, row, series) (report.Figures, error)

// A series is one server in a row.
type series struct {
	id, label string
	server    server
	path      string
	prefix    string // what it puts before an answer
	visitors  int    // how many sessions there are, whose cookies connections bring
}

// A server is one that can be started: a Parley app, or a peer.
type server struct {
	app       string   // folder under apps
	args      []string // further settings of Parley
	peer      string   // folder under peers
	tls       bool
	everyCore bool // not only the servers' own
	against   bool // the other Parley binary
	visitors  int  // serves with their sessions
}

const (
	idleConns = 19_000
	tlsConns  = 2_000
	visits    = 10_000 // sessions in the handshake row
)

const pingbotPrefix = "Got message: "

func parley(path string) series {
	return series{id: "parley", label: "Parley", server: server{app: "engine"}, path: path}
}

func parleyPython(path string) series {
	return series{id: "parley-python", label: "Parley, Python", server: server{app: "python"}, path: path}
}

// with returns a further series of Parley, with settings.
func (s series) with(id, label string, args ...string) series {
	s.id, s.label, s.server.args = id, label, args
	return s
}

// visited returns a further series of Parley, with n sessions.
func (s series) visited(id, label string, n int) series {
	s.id, s.label, s.visitors, s.server.visitors = id, label, n, n
	return s
}

func peer(id, label, path string) series {
	return series{id: id, label: label, server: server{peer: id}, path: path}
}

func all(first series, more ...series) []series { return append([]series{first}, more...) }

// rows returns the benchmark, for processes that may open so many files.
func rows(files uint64) []row {
	tornado := func(path string) series { return peer("tornado", "Tornado", path) }
	bot := func(s series) series { s.prefix = pingbotPrefix; return s }
	goroutine := parley("/echo").with("parley-goroutine", "Parley, driver: goroutine", "--listen.driver=goroutine")
	twoLoops := parley("/echo").with("parley-2", "Parley, 2 loops on 2 cores", "--listen.loops=2")
	twoLoops.server.everyCore = true
	parleyTLS := parley("/echo").with("parley-tls", "Parley, TLS", "--listen.tls.cert={cert}", "--listen.tls.key={key}")
	gwsTLS := peer("gws", "gws, TLS", "/echo")
	parleyTLS.server.tls, gwsTLS.server.tls = true, true
	peers := []series{
		peer("gws", "gws", "/echo"),
		peer("gorilla", "gorilla/websocket", "/echo"),
		peer("coder", "coder/websocket", "/echo"),
		peer("ws", "ws (Node.js)", "/echo"),
	}
	idle := min(idleConns, int(files)-800)
	room := fmt.Sprintf("--limits.connections=%d", idle+400) // or Parley keeps a tenth of the files that it may open
	idler := func(s series) series { return s.with(s.id, s.label, append(s.server.args, room)...) }

	idleTitle := fmt.Sprintf("%d,%03d idle connections, after one message each", idle/1000, idle%1000)

	echo := under(load.Echo, "echo")
	return []row{
		{
			id: "echo-1", title: "Echo of 64 B, 100 connections, 1 message in flight on each", unit: "message", rounds: 15,
			load: load.Options{Conns: 100, Window: 1, Size: 64}, measure: echo,
			series: append(all(parley("/echo"), peers...), tornado("/echo")),
			notes:  []string{"Tornado runs on asyncio's own event loop, as it does unless told otherwise."},
		},
		{
			id: "echo-16", title: "Echo of 64 B, 100 connections, 16 messages in flight on each", unit: "message", rounds: 5,
			load: load.Options{Conns: 100, Window: 16, Size: 64}, measure: echo,
			series: append(all(parley("/echo"), peers...), tornado("/echo")),
		},
		{
			id: "loops-1", title: "One loop and two, 1 in flight", unit: "message", rounds: 5,
			load: load.Options{Conns: 100, Window: 1, Size: 64}, measure: echo,
			series: all(parley("/echo"), twoLoops),
		},
		{
			id: "loops-16", title: "One loop and two, 16 in flight", unit: "message", rounds: 5,
			load: load.Options{Conns: 100, Window: 16, Size: 64}, measure: echo,
			series: all(parley("/echo"), twoLoops),
		},
		{
			id: "echo-1k", title: "Echo of 1 KiB, 1,000 connections, 1 message in flight on each", unit: "message", rounds: 5,
			load: load.Options{Conns: 1000, Window: 1, Size: 1024}, measure: echo,
			series: all(parley("/echo"), peers...),
		},
		{
			id: "room", title: "A room of 1,000 members, one publishes, 16 publications of 64 B in flight", unit: "delivery", rounds: 5,
			load: load.Options{Conns: 1000, Window: 16, Size: 64}, measure: under(load.Room, "fanout"),
			series: all(parley("/room"), peer("gws", "gws", "/room"), peer("ws", "ws (Node.js)", "/room")),
		},
		{
			id: "idle", title: idleTitle, unit: "connection", rounds: 3,
			load: load.Options{Conns: idle, Size: 64}, measure: idleMemory,
			series: append(append(all(
				idler(parley("/echo")),
				idler(parley("/echo").visited("parley-cookie", "Parley, a session each", idle)),
				idler(goroutine),
				idler(parleyPython("/echo"))), peers...), tornado("/echo")),
		},
		{
			id: "idle-tls", title: "2,000 idle connections over TLS, after one message each", unit: "connection", rounds: 3,
			load: load.Options{Conns: tlsConns, Size: 64}, measure: idleMemoryTLS,
			series: all(parleyTLS, gwsTLS),
		},
		{
			id: "handshake", title: "Handshakes, 32 under way", unit: "handshake", rounds: 9,
			load: load.Options{Conns: 32}, measure: under(load.Handshakes, "connect"),
			series: append(all(
				parley("/echo"),
				parley("/echo").visited("parley-cookie", "Parley, a session each", visits)), peers...),
		},
		{
			id: "python-1", title: "A bot in Python, 100 connections, 1 message of 64 B in flight on each", unit: "message", rounds: 5,
			load: load.Options{Conns: 100, Window: 1, Size: 64, Text: true}, measure: echo,
			series: all(bot(parleyPython("/pingbot")), bot(tornado("/pingbot"))),
		},
		{
			id: "python-16", title: "A bot in Python, 100 connections, 16 messages of 64 B in flight on each", unit: "message", rounds: 5,
			load: load.Options{Conns: 100, Window: 16, Size: 64, Text: true}, measure: echo,
			series: all(bot(parleyPython("/pingbot")), bot(tornado("/pingbot"))),
		},
		{
			id: "python-room", title: "A room in Python of 1,000 members, one publishes, 16 publications of 64 B in flight", unit: "delivery", rounds: 5,
			load: load.Options{Conns: 1000, Window: 16, Size: 64, Text: true}, measure: under(load.Room, ""),
			series: all(parleyPython("/room"), tornado("/room")),
		},
		{
			id: "python-one", title: "A bot in Python, one connection, one message of 64 B in flight", unit: "message", rounds: 5,
			load: load.Options{Conns: 1, Window: 1, Size: 64, Text: true}, measure: echo,
			series: all(bot(parleyPython("/pingbot")), bot(tornado("/pingbot"))),
			notes: []string{
				"A round trip wakes three times: the loop for the socket, the worker for its link, the loop for the " +
					"worker's answer. `strace -c` counts 2 reads, 2 writes and 3 waits for it in Parley, and one of each " +
					"in the worker; both sleep each time (2.1 and 1.1 voluntary switches for each message, in " +
					"`/proc/PID/task/*/status`). Tornado is one process: it reads and writes once, waits at every fourth " +
					"message, and sleeps at one in 25.",
			},
		},
		{
			id: "code", title: "Go benchmarks of one echoed message, peer included", unit: "message", rounds: 5,
			measure: goBenchmarks,
			series: []series{
				{id: "bare", label: "engine alone", path: "BenchmarkBareEcho"},
				{id: "endpoint", label: "engine, endpoint and parley.echo", path: "BenchmarkEndpointEcho"},
			},
			notes: []string{
				"`go test -bench` in `internal/endpoint`. That the engine allocates nothing for a message is a test, too: " +
					"`TestAllocations` in `internal/ws`.",
			},
		},
	}
}
