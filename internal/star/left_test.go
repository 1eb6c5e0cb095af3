package star_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/star"
)

// Of a hundred thousand connections with a timer each, nothing is left when
// they have closed: no goroutine, and no timer, which would hold their handler
// and so their session.
func TestNothingIsLeft(t *testing.T) {
	const connections, together = 100_000, 1000
	r, hooks := start(t, star.Options{}, functions(map[call.Hook]string{
		call.Open: "[every(3600, lambda: handler.write_message('x')), after(3600, lambda: handler.state)]",
	}))
	goroutines := runtime.NumGoroutine()
	var freed atomic.Int64
	about := info(0)
	for n := 0; n < connections; n += together {
		var streams []call.Stream
		var effects []*calltest.Effects
		for i := range together {
			about.Conn = parley.ConnID(n + i + 1)
			s := &calltest.Session{Name: "s"}
			runtime.AddCleanup(s, func(struct{}) { freed.Add(1) }, struct{}{})
			about.Session = s
			e := &calltest.Effects{}
			effects = append(effects, e)
			streams = append(streams, r.Open(about, hooks[0], e))
		}
		for i, s := range streams {
			s.Close(parley.CloseNormal, "")
			equal(t, ended(t, effects[i]), []string{"ended"})
		}
	}
	about.Session = nil
	settled := func() bool {
		runtime.GC()
		return freed.Load() == connections && r.Stats().Running == 0 && runtime.NumGoroutine() <= goroutines
	}
	for deadline := time.Now().Add(30 * time.Second); !settled(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d connections are freed; %d goroutines, %d before; %d run functions",
				freed.Load(), connections, runtime.NumGoroutine(), goroutines, r.Stats().Running)
		}
	}
}
