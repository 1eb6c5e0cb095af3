package python

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

// fakeProcess is a worker process that is a goroutine of the test's.
type fakeProcess struct {
	server, worker net.Conn
	name           string // of the worker
	life           int    // 1 for its first
	killed         chan struct{}
	done           chan struct{}
	exit           string

	mu    sync.Mutex
	dumps int
	dead  bool
}

func (p *fakeProcess) Link() net.Conn { return p.server }

func (p *fakeProcess) PID() int { return 4711 }

func (p *fakeProcess) Dump() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dumps++
}

func (p *fakeProcess) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		p.dead = true
		p.exit = "signal: killed"
		close(p.killed)
		p.worker.Close()
	}
}

func (p *fakeProcess) Done() <-chan struct{} { return p.done }

func (p *fakeProcess) Exit() string { return p.exit }

func (p *fakeProcess) send(typ rowType, number uint32, parts ...[]byte) {
	_, _ = p.worker.Write(appendRow(nil, typ, number, parts...)) // the server may be gone
}

// next returns the next row from the server; ok is false at the end.
func (p *fakeProcess) next() (r row, ok bool) {
	head := make([]byte, rowHeader)
	if _, err := io.ReadFull(p.worker, head); err != nil {
		return row{}, false
	}
	payload := make([]byte, binary.LittleEndian.Uint32(head)-rowOverhead)
	if _, err := io.ReadFull(p.worker, payload); err != nil {
		return row{}, false
	}
	return row{rowType(head[4]), binary.LittleEndian.Uint32(head[5:]), payload}, true
}

// loaded answers CONFIG.
func (p *fakeProcess) loaded(faults ...call.Fault) {
	report, err := json.Marshal(loadedJSON{
		Version: linkVersion, Python: "3.0", PID: p.PID(), Faults: faults,
		Modules: map[string]string{"bot": "/app/bot.py"},
	})
	if err != nil {
		panic(err)
	}
	p.send(fromLoaded, 0, report)
}

// echo is a worker that answers every message with itself, and does what some
// of them say.
func echo(p *fakeProcess) {
	for {
		r, ok := p.next()
		if !ok {
			return
		}
		switch r.typ {
		case toConfig:
			p.loaded()
		case toBeat:
			p.send(fromBeat, 0, r.payload)
		case toText:
			switch string(r.payload) {
			case "die":
				return
			case "hang":
				<-p.killed
			case "garbage":
				p.send(99, 0)
				<-p.killed
			case "early end":
				p.send(fromEnded, r.number)
			default:
				p.send(fromText, r.number, r.payload)
				p.send(fromDone, r.number, u32(uint32(len(r.payload))))
			}
		case toClose:
			p.send(fromEnded, r.number)
		}
	}
}

// fakeLauncher starts fakeProcesses.
type fakeLauncher struct {
	run func(*fakeProcess)
	err error // of Prepare

	mu    sync.Mutex
	lives []*fakeProcess
}

func (f *fakeLauncher) Prepare(context.Context) error { return f.err }

func (f *fakeLauncher) Launch(worker string) (process, error) {
	p := &fakeProcess{name: worker, life: 1, killed: make(chan struct{}), done: make(chan struct{}), exit: "exit status 1"}
	p.server, p.worker = net.Pipe()
	f.mu.Lock()
	for _, before := range f.lives {
		if before.name == worker {
			p.life++
		}
	}
	f.lives = append(f.lives, p)
	f.mu.Unlock()
	go func() {
		f.run(p)
		p.worker.Close()
		close(p.done)
	}()
	return p, nil
}

func (f *fakeLauncher) process(worker string, life int) *fakeProcess {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lives[slices.IndexFunc(f.lives, func(p *fakeProcess) bool { return p.name == worker && p.life == life })]
}

// logged is a log that can be looked at.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rig is a Runtime over fake processes.
type rig struct {
	*Runtime
	launcher *fakeLauncher
	log      *logged
	hooks    call.Hooks
	session  *calltest.Session

	t    *testing.T
	stop func()
}

// inBubble runs a test with a Runtime whose workers are run, on fake time.
func inBubble(t *testing.T, opt Options, run func(*fakeProcess), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{
			launcher: &fakeLauncher{run: run}, log: &logged{}, t: t,
			session: &calltest.Session{Name: "s1"},
		}
		opt.Log = slog.New(slog.NewTextHandler(r.log, nil))
		r.Runtime = New(opt)
		r.Runtime.launcher = r.launcher
		var err error
		r.hooks, err = r.Compile(call.Functions{Endpoint: "bot", Hooks: map[call.Hook]call.Pipeline{
			call.OnMessage: {{Function: "bot.on_message", Where: "gramex.yaml:1:1"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() {
			defer close(ran)
			_ = r.Run(ctx)
		}()
		r.stop = func() {
			cancel()
			<-ran
		}
		defer r.stop()
		test(r)
	})
}

func (r *rig) info(conn parley.ConnID) call.Info { return r.infoOf(r.session, conn) }

func (r *rig) infoOf(session *calltest.Session, conn parley.ConnID) call.Info {
	return call.Info{Conn: conn, Request: httptest.NewRequest("GET", "/bot", nil), Session: session}
}

// open waits for a worker and opens a connection.
func (r *rig) open(conn parley.ConnID) (call.Stream, *calltest.Effects) {
	r.t.Helper()
	return r.openOf(r.session, conn)
}

func (r *rig) openOf(session *calltest.Session, conn parley.ConnID) (call.Stream, *calltest.Effects) {
	r.t.Helper()
	info := r.infoOf(session, conn)
	if err := r.Ready(r.t.Context(), info, r.hooks); err != nil {
		r.t.Fatal(err)
	}
	effects := &calltest.Effects{Session: session}
	return r.Open(info, r.hooks, effects), effects
}

// expect compares what effects have heard once all is quiet.
func (r *rig) expect(effects *calltest.Effects, want ...string) {
	r.t.Helper()
	synctest.Wait()
	if got := effects.Lines(); !slices.Equal(got, want) {
		r.t.Errorf("effects = %q, want %q", got, want)
	}
}

// expectLog compares how often words stand in the log.
func (r *rig) expectLog(words string, times int) {
	r.t.Helper()
	synctest.Wait()
	if got := strings.Count(r.log.String(), words); got != times {
		r.t.Errorf("%q stands in the log %d times, want %d:\n%s", words, got, times, r.log)
	}
}
