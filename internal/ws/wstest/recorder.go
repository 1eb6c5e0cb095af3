// Package wstest holds the fake Handler, a hand-written peer and, for every
// driver of the engine, one suite of tests.
package wstest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// patience is how long a test waits for what must come before it fails.
const patience = 20 * time.Second

// A Recorder is a ws.Handler that remembers what it heard, one line a call:
// "open", `text "hi"`, `binary "\x00"`, `pong "x"`, `close 1000 "bye"`.
// It is safe for concurrent use.
type Recorder struct {
	// Then, if set, is called after each line was remembered, on the
	// connection's goroutine. Set it before the first call.
	Then func(c *ws.Conn, line string)

	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed at the next line; nil while nobody waits
}

// Lines returns what was heard so far.
func (r *Recorder) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

// Expect waits until as many lines as wanted were heard, and fails t if they
// are others.
func (r *Recorder) Expect(t testing.TB, want ...string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		got := append([]string(nil), r.lines...)
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		if len(got) >= len(want) {
			if !slices.Equal(got, want) {
				t.Fatalf("the handler heard\n\t%s\nwanted\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the handler heard only\n\t%s\nwanted\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

func (r *Recorder) heard(c *ws.Conn, line string) {
	r.mu.Lock()
	r.lines = append(r.lines, line)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	r.mu.Unlock()
	if r.Then != nil {
		r.Then(c, line)
	}
}

// OnOpen implements ws.Handler, as do the other methods.
func (r *Recorder) OnOpen(c *ws.Conn) { r.heard(c, "open") }

// OnMessage remembers kind and data.
func (r *Recorder) OnMessage(c *ws.Conn, kind parley.Kind, data []byte) {
	r.heard(c, fmt.Sprintf("%s %q", kind, data))
}

// OnPong remembers the data.
func (r *Recorder) OnPong(c *ws.Conn, data []byte) { r.heard(c, fmt.Sprintf("pong %q", data)) }

// OnClose remembers code and reason.
func (r *Recorder) OnClose(c *ws.Conn, code parley.CloseCode, reason string) {
	r.heard(c, fmt.Sprintf("close %s %q", code, reason))
}
