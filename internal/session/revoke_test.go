package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/session"
)

// revokeAll destroys every session in which somebody has logged in, and prints
// their ids: what an operator's command does to the file of a server that runs.
func revokeAll(ctx context.Context, path string) error {
	store, err := session.OpenSQLite(path)
	if err != nil {
		return err
	}
	err = store.Each(ctx, func(stored session.Stored) error {
		if parley.ParseUser(stored.Values["user"]) == nil {
			return nil
		}
		change := session.Change{ID: stored.ID, Expires: time.Now().Add(time.Hour), Destroy: true}
		if err := store.Save(ctx, []session.Change{change}); err != nil {
			return err
		}
		_, err := fmt.Println(stored.ID)
		return err
	})
	return errors.Join(err, store.Close())
}

// TestRevokedByAnotherProcess lets a command work on the file while a server
// changes sessions all the time.
func TestRevokedByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	m := newManager(openSQLite(t, path))
	end := run(t, m)

	gone, held, anonymous := login(t, m, nil, alice, session.Terms{}), login(t, m, nil, alice, session.Terms{}), open(t, m)
	set(anonymous, "n", "1")
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	goneCookie, heldCookie, anonymousCookie := cookieOf(m, gone), cookieOf(m, held), cookieOf(m, anonymous)
	gone.Release()
	anonymous.Release()

	quit := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-quit:
				return
			default:
			}
			set(held, "n", fmt.Sprint(n))
			if err := m.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), revokeEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.Output()
	close(quit)
	busy.Wait()
	if err != nil {
		t.Fatal(err)
	}
	revoked := strings.Fields(string(out))
	slices.Sort(revoked)
	want := []string{gone.ID(), held.ID()}
	slices.Sort(want)
	if !slices.Equal(revoked, want) {
		t.Errorf("revoked %q, want %q", revoked, want)
	}

	// The one that nobody held is refused at once, the other when word comes.
	if back := open(t, m, goneCookie); back.ID() == gone.ID() || back.User() != nil {
		t.Error("a revoked session that nobody held is accepted")
	}
	ends := &ender{}
	held.OnEnd(ends)
	m.Ended(held.ID())
	if ends.told() != 1 || held.User() != nil {
		t.Errorf("a holder was told %d times, user %v; want once, and nobody", ends.told(), held.User())
	}
	for _, live := range []bool{true, false} {
		if !live {
			held.Release()
		}
		if back := open(t, m, heldCookie); back.ID() == held.ID() || back.User() != nil {
			t.Errorf("live %v: a revoked session is accepted", live)
		}
	}
	if back := open(t, m, anonymousCookie); back.ID() != anonymous.ID() || show(back.Values()) != "n=1" {
		t.Errorf("a session without a user is now %s with %s", back.ID(), show(back.Values()))
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	other := openSQLite(t, path)
	if got := stored(t, other, held.ID()); got != "destroyed" {
		t.Errorf("stored in the end: %s, want destroyed", got)
	}
}
