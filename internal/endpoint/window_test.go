package endpoint

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// fakeSocket is an outbox as the engine keeps it: high is set over half of the
// limit; when it then falls under a quarter, drained is due.
type fakeSocket struct {
	mu       sync.Mutex
	paused   bool
	calls    int // of Pause and Resume
	buffered int
	high     bool
	due      int // calls of drained that nobody has made
}

const fakeLimit = 1000

func (s *fakeSocket) Pause()  { s.set(true) }
func (s *fakeSocket) Resume() { s.set(false) }

func (s *fakeSocket) set(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
	s.calls++
}

func (s *fakeSocket) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

func (s *fakeSocket) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffered
}

func (s *fakeSocket) OutboxLimit() int { return fakeLimit }

func (s *fakeSocket) send(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffered += n
	s.high = s.high || s.buffered > fakeLimit/2
}

// flush takes up to n bytes out.
func (s *fakeSocket) flush(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffered = max(0, s.buffered-n)
	if s.high && s.buffered < fakeLimit/4 {
		s.high = false
		s.due++
	}
}

func (s *fakeSocket) takeDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due == 0 {
		return false
	}
	s.due = 0 // the engine makes one call of several
	return true
}

func TestWindowFillsAndEmpties(t *testing.T) {
	for _, tc := range []struct {
		name         string
		size         int
		full, resume int // messages after which reading stops, done after which it goes on
	}{
		{"by messages", 1, 256, 129},
		{"by messages of no bytes", 0, 256, 129},
		{"by bytes", 64 << 10, 4, 3},
		{"by one message", 1 << 20, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w window
			s := &fakeSocket{}
			for i := 1; i <= tc.full; i++ {
				w.take(tc.size)
				w.taken(s)
				if got, want := s.isPaused(), i == tc.full; got != want {
					t.Fatalf("after %d messages: paused = %t", i, got)
				}
			}
			for i := 1; i <= tc.full; i++ {
				w.done(tc.size, s)
				if got, want := s.isPaused(), i < tc.resume; got != want {
					t.Fatalf("after %d done: paused = %t", i, got)
				}
			}
			if s.calls != 2 {
				t.Errorf("%d calls of Pause and Resume, want 2", s.calls)
			}
		})
	}
}

func TestWindowNeedsNoPauseForARuntimeThatAnswersAtOnce(t *testing.T) {
	var w window
	s := &fakeSocket{}
	for range 1000 {
		w.take(1 << 20)
		w.done(1<<20, s)
		w.taken(s)
	}
	if s.calls != 0 {
		t.Errorf("%d calls of Pause and Resume, want none", s.calls)
	}
}

func TestWindowGoesOnWhenBothReasonsAreGone(t *testing.T) {
	var w window
	s := &fakeSocket{}
	w.take(windowBytes)
	w.taken(s)
	s.send(fakeLimit)
	w.wrote(s)
	w.done(windowBytes, s)
	if !s.isPaused() {
		t.Fatal("reading goes on though the outbox is full")
	}
	w.take(windowBytes)
	w.taken(s)
	s.flush(fakeLimit)
	w.drained(s)
	if !s.isPaused() {
		t.Fatal("reading goes on though the window is full")
	}
	w.done(windowBytes, s)
	if s.isPaused() {
		t.Fatal("nothing is in the way, and reading does not go on")
	}
}

// A stall is what a lost drain would be: the outbox empties between the look
// at it and the pause.
func TestADrainIsNotMissed(t *testing.T) {
	for _, then := range []int{0, fakeLimit / 3} {
		var w window
		s := &fakeSocket{}
		s.send(fakeLimit)
		drainsBetween := &between{fakeSocket: s, then: func() {
			s.flush(fakeLimit)
			w.drained(s)
			s.send(then) // under half: no drain follows
		}}
		w.wrote(drainsBetween)
		if s.isPaused() {
			t.Errorf("with %d bytes sent since, reading waits for a drain that has been", then)
		}
		s.send(fakeLimit)
		called := false
		drainsBetween.then = func() {
			s.flush(2 * fakeLimit)
			w.drained(s)
			s.send(then)
		}
		w.whenDrained(func() { called = true }, drainsBetween)
		if !called {
			t.Errorf("with %d bytes sent since, a function waits for a drain that has been", then)
		}
	}
}

// between calls then after somebody has looked at the outbox.
type between struct {
	*fakeSocket
	then func()
}

func (s *between) Buffered() int {
	n := s.fakeSocket.Buffered()
	if s.then != nil {
		s.then()
		s.then = nil
	}
	return n
}

func TestWhenDrained(t *testing.T) {
	var w window
	s := &fakeSocket{}
	var calls []string
	note := func(name string) func() { return func() { calls = append(calls, name) } }

	w.whenDrained(note("empty"), s)
	s.send(fakeLimit / 2)
	w.whenDrained(note("half"), s)
	if len(calls) != 2 {
		t.Fatalf("called %q, want both at once", calls)
	}
	s.send(1)
	w.whenDrained(note("over half"), s)
	s.flush(fakeLimit / 10)
	w.whenDrained(note("now under half again"), s)
	if len(calls) != 3 {
		t.Fatalf("called %q, want the last at once", calls)
	}
	s.flush(fakeLimit)
	w.drained(s)
	if len(calls) != 4 {
		t.Fatalf("called %q, want the one that waited too", calls)
	}
	s.send(fakeLimit)
	w.whenDrained(note("until the end"), s)
	w.end()
	if len(calls) != 5 {
		t.Fatalf("called %q, want the last at the end", calls)
	}
	w.whenDrained(note("after the end"), s)
	if len(calls) != 6 {
		t.Fatalf("called %q, want the last at once", calls)
	}
}

func TestWindowNeverStalls(t *testing.T) {
	for range 20 {
		var w window
		s := &fakeSocket{}
		work := make(chan int, 1000)
		var wg sync.WaitGroup
		for range 3 { // the runtime
			wg.Go(func() {
				for n := range work {
					s.send(rand.IntN(fakeLimit))
					w.wrote(s)
					w.done(n, s)
				}
			})
		}
		stop := make(chan struct{})
		var peer sync.WaitGroup
		peer.Go(func() { // the reader: takes messages, hears of drains
			for range 1000 {
				n := rand.IntN(windowBytes / 2)
				w.take(n)
				work <- n
				w.taken(s)
				if s.takeDue() {
					w.drained(s)
				}
			}
			close(work)
			<-stop
		})
		wgFlush := make(chan struct{})
		go func() { // the socket
			defer close(wgFlush)
			for {
				s.flush(rand.IntN(fakeLimit))
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		wg.Wait()
		close(stop)
		<-wgFlush
		peer.Wait()
		for s.Buffered() > 0 {
			s.flush(fakeLimit)
		}
		if s.takeDue() {
			w.drained(s)
		}
		if s.isPaused() {
			t.Fatalf("everything is done and drained, and reading does not go on: %d messages, full %t, slow %t", w.messages, w.full, w.slow)
		}
	}
}
