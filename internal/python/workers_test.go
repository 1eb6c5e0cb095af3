package python

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

// sessionOf returns a session that has its place with a worker.
func (r *rig) sessionOf(worker string) *calltest.Session {
	for i := 0; ; i++ {
		session := &calltest.Session{Name: fmt.Sprintf("session %d", i)}
		if r.post(r.infoOf(session, 0)).name == worker {
			return session
		}
	}
}

// place is a Loop that has a name.
type place struct {
	pump

	name string
}

// naming answers messages and calls with the worker's name.
func naming(p *fakeProcess, r row) {
	switch r.typ {
	case toText:
		p.send(fromText, r.number, []byte(p.name))
	case toCall:
		p.send(fromReply, r.number, r.payload[:4], []byte{replyValue, byte(call.Text)}, str32(""), []byte(p.name))
	}
}

func TestASessionHasItsWorker(t *testing.T) {
	a, b := place{name: "a"}, place{name: "b"}
	homes := map[string]Loop{"w1": a, "w2": b, "w3": a}
	workers := &script{on: naming}
	inBubble(t, Options{Workers: 3, Loops: []Loop{a, b}}, workers.run, func(r *rig) {
		served := map[string]int{}
		for i := range parley.ConnID(60) {
			session := &calltest.Session{Name: fmt.Sprintf("session %d", i)}
			page := r.infoOf(session, 1000+i)
			value, err := r.Call(r.t.Context(), page, r.hooks, call.Function, &calltest.Effects{})
			if err != nil {
				t.Fatal(err)
			}
			worker := string(value.Data)
			served[worker]++
			if got := r.Home(page); got != homes[worker] {
				t.Errorf("the home of %s is %v, want %v", worker, got, homes[worker])
			}
			for _, conn := range []parley.ConnID{2000 + i, 3000 + i} {
				s, effects := r.openOf(session, conn)
				s.Message(parley.Text, []byte("who?"))
				r.expect(effects, fmt.Sprintf("write text %q", worker))
			}
		}
		for worker := range homes {
			if served[worker] == 0 {
				t.Errorf("%s serves none of 60 sessions: %v", worker, served)
			}
		}
	})
}

func TestHandshakeAndConnectionHaveOneWorker(t *testing.T) {
	workers := &script{on: naming}
	inBubble(t, Options{Workers: 3}, workers.run, func(r *rig) {
		session := r.sessionOf("w3")
		for conn := range parley.ConnID(2) {
			if _, err := r.Call(r.t.Context(), r.infoOf(session, conn), r.hooks, call.SelectSubprotocol, &calltest.Effects{}); err != nil {
				t.Fatal(err)
			}
		}
		s, effects := r.openOf(session, 0)
		s.Message(parley.Text, []byte("who?"))
		r.expect(effects, `write text "w3"`)
		r.Forget(1)
		r.expectRows(workers, "CALL 1", "CALL 2", "OPEN 1", "TEXT 1", "FORGET 2")
	})
}

// The sessions of a dead worker wait for the next one: what it kept for them
// must not be in two places.
func TestDeadWorkerLeavesTheOthersAlone(t *testing.T) {
	dies := func(p *fakeProcess) {
		if p.name == "w1" && p.life == 2 {
			<-p.killed
			return
		}
		echo(p)
	}
	inBubble(t, Options{Workers: 2}, dies, func(r *rig) {
		one, two := r.sessionOf("w1"), r.sessionOf("w2")
		s, dead := r.openOf(one, 1)
		other, alive := r.openOf(two, 2)
		s.Message(parley.Text, []byte("die"))
		r.expect(dead, `close 1012 "worker restarted"`, "ended")
		r.expectLog("worker died", 1)
		r.expectLog("worker=w1 restart_in=0s", 1)

		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Second)
		defer cancel()
		if err := r.Ready(ctx, r.infoOf(two, 3), r.hooks); err != nil || ctx.Err() != nil {
			t.Errorf("Ready says %v for a session of the other worker", err)
		}
		if err := r.Ready(ctx, r.infoOf(one, 4), r.hooks); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("Ready says %v, want ErrUnavailable", err)
		}
		if _, err := r.Call(r.t.Context(), r.infoOf(one, 5), r.hooks, call.Function, &calltest.Effects{}); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("Call says %v, want ErrUnavailable", err)
		}
		effects := &calltest.Effects{}
		r.Open(r.infoOf(one, 6), r.hooks, effects)
		r.expect(effects, `close 1012 "worker restarted"`, "ended")

		stats := r.Stats()
		if w := stats[0]; w.Worker != "w1" || w.Ready || w.Restarts != 1 {
			t.Errorf("stats = %+v", w)
		}
		if w := stats[1]; w.Worker != "w2" || !w.Ready || w.Restarts != 0 || w.Connections != 1 {
			t.Errorf("stats = %+v", w)
		}

		r.launcher.process("w1", 2).Kill()
		s, back := r.openOf(one, 7)
		s.Message(parley.Text, []byte("back"))
		r.expect(back, `write text "back"`, "done 4")
		other.Message(parley.Text, []byte("hi"))
		r.expect(alive, `write text "hi"`, "done 2")
	})
}

func TestEachWorkerHasItsOwnPauses(t *testing.T) {
	inBubble(t, Options{Workers: 2}, echo, func(r *rig) {
		die := func(worker string) {
			s, _ := r.openOf(r.sessionOf(worker), 1)
			s.Message(parley.Text, []byte("die"))
			synctest.Wait()
		}
		die("w1")
		die("w1")
		die("w1")
		r.expectLog("worker=w1 restart_in=200ms", 1)
		die("w2")
		r.expectLog("worker=w2 restart_in=0s", 1)
	})
}

func TestHungWorkerLeavesTheOthersAlone(t *testing.T) {
	inBubble(t, Options{Workers: 2}, echo, func(r *rig) {
		s, hung := r.openOf(r.sessionOf("w2"), 1)
		other, alive := r.openOf(r.sessionOf("w1"), 2)
		s.Message(parley.Text, []byte("hang"))
		time.Sleep(2 * time.Minute)
		r.expect(hung, `close 1012 "worker restarted"`, "ended")
		r.expectLog("worker hung", 1)
		other.Message(parley.Text, []byte("hi"))
		r.expect(alive, `write text "hi"`, "done 2")
	})
}

// A fault may be one worker's alone: its module wants a port that the other has
// taken, say.
func TestFaultOfOneWorker(t *testing.T) {
	fault := call.Fault{Endpoint: "bot", Hook: call.OnMessage, Where: "gramex.yaml:1:1", Message: "OSError: address in use"}
	second := func(p *fakeProcess) {
		for {
			r, ok := p.next()
			switch {
			case !ok:
				return
			case r.typ == toConfig && p.name == "w2":
				p.loaded(fault)
			case r.typ == toConfig:
				p.loaded()
			}
		}
	}
	inBubble(t, Options{Workers: 2}, second, func(r *rig) {
		if got := r.Faults(); len(got) != 1 || got[0] != fault {
			t.Errorf("faults = %+v", got)
		}
		if err := r.Ready(r.t.Context(), r.infoOf(r.sessionOf("w2"), 1), r.hooks); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("Ready says %v, want ErrUnavailable", err)
		}
		r.openOf(r.sessionOf("w1"), 2)
	})
}

func TestWorkersStopAtTheSameTime(t *testing.T) {
	stuck := func(p *fakeProcess) {
		p.next()
		p.loaded()
		<-p.killed
	}
	inBubble(t, Options{Workers: 3, LeaveTimeout: time.Second}, stuck, func(r *rig) {
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
		for _, worker := range []string{"w1", "w2", "w3"} {
			<-r.launcher.process(worker, 1).done
		}
	})
}

func TestStartOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		launcher := &fakeLauncher{run: echo}
		r := New(Options{Workers: 3})
		r.launcher = launcher
		if _, err := r.Compile(call.Functions{Endpoint: "bot"}); err != nil {
			t.Fatal(err)
		}
		if err := r.StartOne(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = r.Run(ctx) // it ends as it is told to
		if n := len(launcher.lives); n != 1 {
			t.Errorf("%d processes were started, want 1", n)
		}
	})
}
