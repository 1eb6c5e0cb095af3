package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/session"
)

// run runs m until the returned function is called, which returns what Run
// did.
func run(t *testing.T, m *session.Manager) (end func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func TestChangesAreWrittenBehindInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		m := newManager(store)
		end := run(t, m)
		a, b := open(t, m), open(t, m)
		set(a, "n", "1")
		set(b, "n", "1")
		synctest.Wait()
		if got := store.saved(); got != 0 {
			t.Errorf("%d saves at once, want none yet", got)
		}
		time.Sleep(40 * time.Millisecond)
		set(a, "n", "2")
		time.Sleep(60 * time.Millisecond) // 100 ms after the first change
		synctest.Wait()
		if got := store.saved(); got != 1 {
			t.Errorf("%d saves, want one", got)
		}
		if got, want := stored(t, store, a.ID())+" "+stored(t, store, b.ID()), "n=2 n=1"; got != want {
			t.Errorf("stored: %s, want %s", got, want)
		}
		for i := range 20 { // changes that never stop are written all the same
			set(a, "n", fmt.Sprint(10+i))
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if got := store.saved(); got < 3 || got > 6 {
			t.Errorf("%d saves within 200 ms, want a few", got)
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if got, want := stored(t, store, a.ID()), "n=29"; got != want {
			t.Errorf("stored after the end: %s, want %s", got, want)
		}
	})
}

func TestEndWritesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		m := newManager(store)
		end := run(t, m)
		s := open(t, m)
		set(s, "n", "1")
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if got, want := stored(t, store, s.ID()), "n=1"; got != want {
			t.Errorf("stored: %s, want %s", got, want)
		}
	})
}

func TestNothingIsLostWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		store := newFaultyStore()
		m := session.New(session.Options{
			Store: store, Secrets: [][]byte{[]byte("for tests")},
			Log: slog.New(slog.NewTextHandler(&lines, nil)),
		})
		end := run(t, m)
		s := open(t, m)
		sid := cookieOf(m, s)
		set(s, "a", "1", "b", "1", "c", "1")
		store.fail(errors.New("disk full"))
		time.Sleep(time.Second)
		set(s, "b", "2", "c", "")
		s.Release()
		again := open(t, m, sid) // still live
		if got, want := show(again.Values()), "a=1 b=2"; got != want {
			t.Errorf("values = %s, want %s", got, want)
		}
		again.Release()
		time.Sleep(time.Minute)
		store.fail(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got, want := stored(t, store, s.ID()), "a=1 b=2"; got != want {
			t.Errorf("stored: %s, want %s", got, want)
		}
		if got := m.Stats(); got != (session.Stats{}) {
			t.Errorf("stats = %+v, want nothing left", got)
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
		failures := strings.Count(lines.String(), "disk full")
		if failures < 5 || failures > 30 || strings.Count(lines.String(), "saved again") != 1 {
			t.Errorf("%d lines about the failure in a minute:\n%s", failures, &lines)
		}
	})
}

func TestEndWithABrokenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFaultyStore()
		m := newManager(store)
		end := run(t, m)
		s := open(t, m)
		set(s, "a", "1")
		broken := errors.New("disk full")
		store.fail(broken)
		if err := end(); !errors.Is(err, broken) {
			t.Errorf("Run: %v, want %v", err, broken)
		}
		store.fail(nil)
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := stored(t, store, s.ID()), "a=1"; got != want {
			t.Errorf("stored by a later Flush: %s, want %s", got, want)
		}
	})
}

func TestExpiredSessionsArePurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := session.NewMemory()
		m := session.New(session.Options{Store: store, Secrets: [][]byte{[]byte("for tests")}, Expiry: 24 * time.Hour})
		end := run(t, m)
		left, renewed := open(t, m), open(t, m)
		sid := cookieOf(m, renewed)
		set(left, "a", "1")
		set(renewed, "a", "1")
		left.Release()
		renewed.Release()
		time.Sleep(20 * time.Hour)
		again := open(t, m, sid)
		m.SetCookie(http.Header{}, again, false) // renews it
		again.Release()
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		if got := stored(t, store, left.ID()); got != "" {
			t.Errorf("stored after its expiry: %s", got)
		}
		if got, want := stored(t, store, renewed.ID()), "a=1"; got != want {
			t.Errorf("stored after its cookie was renewed: %s, want %s", got, want)
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestEverythingAtOnce lets browsers come and go while the store fails now and
// then: in the end the store has what each of them set last, and nothing is
// left in memory.
func TestEverythingAtOnce(t *testing.T) {
	store := newFaultyStore()
	m := newManager(store)
	end := run(t, m)
	const browsers, visits = 8, 100
	ids := make([]string, browsers)
	var all, faults sync.WaitGroup
	for i := range browsers {
		first := open(t, m)
		ids[i] = first.ID()
		sid := cookieOf(m, first)
		first.Release()
		all.Go(func() {
			for n := range visits {
				s := open(t, m, sid)
				_, stop := s.Watch(&watcher{})
				set(s, fmt.Sprint(n), "1", fmt.Sprint(n-1), "")
				stop()
				s.Release()
				if n%10 == 0 {
					_ = m.Flush(t.Context()) // may fail
				}
			}
		})
	}
	quit := make(chan struct{})
	faults.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			default:
			}
			if i%3 == 0 {
				store.failSave(errors.New("disk full"))
			} else {
				store.failSave(nil)
			}
			_ = m.Flush(t.Context())
		}
	})
	all.Wait()
	close(quit)
	faults.Wait()
	store.failSave(nil)
	if err := m.Destroy(t.Context(), ids[0]); err != nil {
		t.Error(err)
	}
	if err := end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	for i, id := range ids {
		want := fmt.Sprintf("%d=1", visits-1)
		if i == 0 {
			want = "destroyed"
		}
		if got := stored(t, store, id); got != want {
			t.Errorf("browser %d: stored %s, want %s", i, got, want)
		}
	}
	if got := m.Stats(); got != (session.Stats{}) {
		t.Errorf("stats = %+v, want nothing left", got)
	}
}
