package star_test

import (
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/star"
)

// idleEffects count what is done, and do nothing.
type idleEffects struct {
	calltest.Effects
	done chan struct{}
}

func (e *idleEffects) Write(parley.Kind, []byte) error { return nil }
func (e *idleEffects) Done(int)                        { e.done <- struct{}{} }

// BenchmarkMessage is a message through the runtime alone.
func BenchmarkMessage(b *testing.B) {
	r := star.New(star.Options{})
	hooks, err := r.Compile(functions(map[call.Hook]string{call.OnMessage: "handler.write_message(message)"}))
	if err != nil {
		b.Fatal(err)
	}
	r.Load()
	const batch = 256
	effects := &idleEffects{done: make(chan struct{}, batch)}
	s := r.Open(info(1), hooks, effects)
	data := make([]byte, 64)
	b.ReportAllocs()
	for n := 0; n < b.N; n += batch {
		for range batch {
			s.Message(parley.Text, data)
		}
		for range batch {
			<-effects.done
		}
	}
}
