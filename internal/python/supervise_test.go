package python

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

func TestConnectionLives(t *testing.T) {
	inBubble(t, Options{}, echo, func(r *rig) {
		s, effects := r.open(1)
		s.Message(parley.Text, []byte("hi"))
		s.Close(parley.CloseNormal, "")
		r.expect(effects, `write text "hi"`, "done 2", "ended")
		if got := r.Stats()[0]; !got.Ready || got.Connections != 0 || got.Restarts != 0 || got.Received == 0 {
			t.Errorf("stats = %+v", got)
		}
	})
}

func TestDeadWorkerTakesItsConnectionsAndComesBack(t *testing.T) {
	inBubble(t, Options{}, echo, func(r *rig) {
		_, other := r.open(1)
		s, effects := r.open(2)
		s.Message(parley.Text, []byte("hi"))
		s.Message(parley.Text, []byte("die"))
		s.Message(parley.Text, []byte("lost"))
		r.expect(effects, `write text "hi"`, "done 2", `close 1012 "worker restarted"`, "ended")
		r.expect(other, `close 1012 "worker restarted"`, "ended")
		r.expectLog("worker died", 1)
		r.expectLog(`status="exit status 1" connections=2`, 1)

		s.Message(parley.Text, []byte("of the dead"))
		s.Close(parley.CloseRestart, "")
		s, fresh := r.open(3)
		s.Message(parley.Text, []byte("hello"))
		r.expect(fresh, `write text "hello"`, "done 5")
		r.expect(effects, `write text "hi"`, "done 2", `close 1012 "worker restarted"`, "ended")
	})
}

func TestOpenWithoutAWorkerEndsAtOnce(t *testing.T) {
	neverLoads := func(p *fakeProcess) {
		if p.life == 1 {
			echo(p)
			return
		}
		<-p.killed
	}
	inBubble(t, Options{}, neverLoads, func(r *rig) {
		s, _ := r.open(1)
		s.Message(parley.Text, []byte("die"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Second)
		defer cancel()
		if err := r.Ready(ctx, r.info(1), r.hooks); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("Ready says %v, want ErrUnavailable", err)
		}
		effects := &calltest.Effects{}
		s = r.Open(r.info(2), r.hooks, effects)
		s.Message(parley.Text, []byte("hi"))
		s.Close(parley.CloseNormal, "")
		r.expect(effects, `close 1012 "worker restarted"`, "ended")
		if _, err := r.Call(ctx, r.info(3), r.hooks, call.Function, effects); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("Call says %v, want ErrUnavailable", err)
		}
	})
}

func TestHungWorkerIsKilled(t *testing.T) {
	for name, test := range map[string]struct {
		hang, dumped, dies time.Duration // since the last sign of life
	}{
		"default":        {0, 10 * time.Second, time.Minute},
		"long":           {2 * time.Minute, 10 * time.Second, 2 * time.Minute},
		"under dumping":  {2 * time.Second, 1500 * time.Millisecond, 2 * time.Second},
		"as the dumping": {10 * time.Second, 7500 * time.Millisecond, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{HangTimeout: test.hang}, echo, func(r *rig) {
				s, effects := r.open(1)
				s.Message(parley.Text, []byte("hang"))
				synctest.Wait()
				began, p := time.Now(), r.launcher.process("w1", 1)
				dumps := func() int {
					p.mu.Lock()
					defer p.mu.Unlock()
					return p.dumps
				}
				for dumps() == 0 {
					time.Sleep(100 * time.Millisecond)
				}
				tick := 2500 * time.Millisecond // silence is noticed a tick late
				if at := time.Since(began); at < test.dumped || at > test.dumped+2*tick {
					t.Errorf("stacks after %v, want %v", at, test.dumped)
				}
				r.expect(effects)
				<-p.done
				if at := time.Since(began); at < test.dies || at > test.dies+2*tick {
					t.Errorf("killed after %v, want %v", at, test.dies)
				}
				r.expect(effects, `close 1012 "worker restarted"`, "ended")
				if n := dumps(); n != 1 {
					t.Errorf("%d stack dumps, want 1", n)
				}
				r.expectLog("worker hung", 1)
				r.open(2)
			})
		})
	}
}

// busy is a worker that works without end once a connection has opened, and
// sends a row of typ each second.
func busy(typ rowType, payload []byte) func(*fakeProcess) {
	return func(p *fakeProcess) {
		for {
			r, ok := p.next()
			switch {
			case !ok:
				return
			case r.typ == toConfig:
				p.loaded()
			case r.typ == toBeat:
				p.send(fromBeat, 0, r.payload)
			case r.typ == toOpen:
				for {
					select {
					case <-p.killed:
						return
					case <-time.After(time.Second):
						p.send(typ, r.number, payload)
					}
				}
			}
		}
	}
}

func TestWorkerWithMuchToDoLives(t *testing.T) {
	inBubble(t, Options{}, busy(fromDone, u32(1)), func(r *rig) {
		r.open(1)
		time.Sleep(10 * time.Minute)
		r.expectLog("worker hung", 0)
		r.launcher.process("w1", 1).Kill()
	})
}

func TestFunctionThatWritesWithoutEndHangs(t *testing.T) {
	inBubble(t, Options{}, busy(fromText, []byte("x")), func(r *rig) {
		r.open(1)
		time.Sleep(2 * time.Minute)
		r.expectLog("worker hung", 1)
	})
}

func TestLongFunctionLives(t *testing.T) {
	slow := func(p *fakeProcess) {
		for {
			r, ok := p.next()
			switch {
			case !ok:
				return
			case r.typ == toConfig:
				time.Sleep(50 * time.Second) // importing is slow
				p.loaded()
			case r.typ == toBeat:
				p.send(fromBeat, 0, r.payload)
			case r.typ == toText:
				time.Sleep(30 * time.Second)
				p.send(fromDone, r.number, u32(uint32(len(r.payload))))
			}
		}
	}
	inBubble(t, Options{HangTimeout: 40 * time.Second}, slow, func(r *rig) {
		s, effects := r.open(1)
		for range 5 {
			s.Message(parley.Text, []byte("slow"))
		}
		time.Sleep(3 * time.Minute)
		r.expect(effects, "done 4", "done 4", "done 4", "done 4", "done 4")
		r.expectLog("worker hung", 0)
	})
}

func TestRowsThatAreNoneKillTheWorker(t *testing.T) {
	for _, message := range []string{"garbage", "early end"} {
		t.Run(message, func(t *testing.T) {
			inBubble(t, Options{}, echo, func(r *rig) {
				s, effects := r.open(1)
				s.Message(parley.Text, []byte(message))
				r.expect(effects, `close 1012 "worker restarted"`, "ended")
				r.expectLog("no row", 1)
				r.open(2)
			})
		})
	}
}

func TestWorkerThatDiesWhileImporting(t *testing.T) {
	dies := func(p *fakeProcess) {
		if p.life < 4 {
			p.next()
			return
		}
		echo(p)
	}
	inBubble(t, Options{}, dies, func(r *rig) {
		faults := r.Faults()
		if len(faults) != 1 || faults[0].Endpoint != "bot" || !strings.Contains(faults[0].Message, "exit status 1") {
			t.Errorf("faults = %+v", faults)
		}
		r.open(1)
		if faults := r.Faults(); len(faults) != 0 {
			t.Errorf("faults = %+v, want none", faults)
		}
		r.expectLog("worker died", 3)
		r.expectLog("endpoint serves again", 1)
	})
}

func TestBackoff(t *testing.T) {
	ms := time.Millisecond
	died, loaded, lived := ending{}, ending{loaded: true}, ending{loaded: true, lived: time.Minute}
	for name, test := range map[string]struct {
		lives []ending
		want  []time.Duration
	}{
		"in its sleep":        {[]ending{lived, lived, lived}, []time.Duration{0, 0, 0}},
		"soon after the load": {[]ending{loaded, loaded, loaded, loaded, loaded, loaded, loaded}, []time.Duration{0, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1000 * ms, 1000 * ms}},
		"while importing":     {[]ending{died, died, died, died, died, died, died, died, died, died}, []time.Duration{0, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 10000 * ms, 10000 * ms}},
		"and recovers":        {[]ending{died, died, died, lived, loaded}, []time.Duration{0, 100 * ms, 200 * ms, 0, 100 * ms}},
	} {
		var b backoff
		var got []time.Duration
		for _, life := range test.lives {
			got = append(got, b.after(life))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: pauses %v, want %v", name, got, test.want)
		}
	}
}

func TestSavedFileEndsThePause(t *testing.T) {
	dies := func(p *fakeProcess) {
		if p.life < 9 {
			p.next()
			return
		}
		echo(p)
	}
	inBubble(t, Options{}, dies, func(r *rig) {
		for life := 1; life < 9; life++ {
			synctest.Wait()
			r.Changed([]string{"/app/bot.py"})
		}
		began := time.Now()
		r.open(1)
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the worker came after %v", waited)
		}
	})
}

func TestStopWaitsForTheProcess(t *testing.T) {
	for name, run := range map[string]func(*fakeProcess){
		"one that leaves": echo,
		"one that is stuck": func(p *fakeProcess) {
			p.next()
			p.loaded()
			<-p.killed
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{}, run, func(r *rig) {
				_, effects := r.open(1)
				r.stop()
				select {
				case <-r.launcher.process("w1", 1).done:
				default:
					t.Error("the process still runs")
				}
				r.expect(effects, `close 1001 "server is stopping"`, "ended")
				r.expectLog("worker died", 0)
				if err := r.Ready(r.t.Context(), r.info(1), r.hooks); !errors.Is(err, parley.ErrUnavailable) {
					t.Errorf("Ready says %v after the end", err)
				}
			})
		})
	}
}

func TestStartThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		launcher := &fakeLauncher{run: func(p *fakeProcess) { <-p.killed }}
		r := New(Options{})
		r.launcher = launcher
		if _, err := r.Compile(call.Functions{Endpoint: "bot"}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Start says %v", err)
		}
		<-launcher.process("w1", 1).done
		if _, err := r.Compile(call.Functions{Endpoint: "late"}); err == nil {
			t.Error("Compile after Start is no error")
		}
	})
}

func TestWithoutFunctionsNothingStarts(t *testing.T) {
	launcher := &fakeLauncher{err: errors.New("must not be asked")}
	r := New(Options{})
	r.launcher = launcher
	if err := r.Start(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run says %v", err)
	}
	if len(launcher.lives) != 0 {
		t.Error("a process was started")
	}
}
