package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/session"
)

// Each of these makes the test binary do something with the store it names:
// count in a session until it is killed, or revoke sessions.
const (
	childEnv  = "PARLEY_TEST_SESSION_STORE"
	revokeEnv = "PARLEY_TEST_REVOKE_IN_STORE"
)

func TestMain(m *testing.M) {
	for name, do := range map[string]func(context.Context, string) error{childEnv: count, revokeEnv: revokeAll} {
		if path := os.Getenv(name); path != "" {
			if err := do(context.Background(), path); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// count sets n and twin to 1, 2, … in one step each, and prints the session's
// id, and then each number once it is set, with the time in nanoseconds.
func count(ctx context.Context, path string) error {
	store, err := session.OpenSQLite(path)
	if err != nil {
		return err
	}
	m := newManager(store)
	go func() { _ = m.Run(ctx) }() // ends with the process
	s, err := m.Open(ctx, &http.Request{})
	if err != nil {
		return err
	}
	fmt.Println(s.ID())
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for n := 1; ; n++ {
		value := json.RawMessage(strconv.Itoa(n))
		s.Update(parley.SessionChange{Set: map[string]json.RawMessage{"n": value, "twin": value}}, nil)
		if _, err := fmt.Println(n, time.Now().UnixNano()); err != nil {
			return err
		}
		<-pace.C
	}
}

// TestKill9 kills a process that changes a session all the time, while another
// one reads the same file. What was set over 100 ms before has to be there; a
// machine that is busy with other tests gets more.
func TestKill9(t *testing.T) {
	const promised, busy = 100 * time.Millisecond, 5 * time.Second
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sessions.db")
	store := openSQLite(t, path) // opened by both at once
	for range 3 {
		child := exec.Command(exe)
		child.Env = append(os.Environ(), childEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Scan()
		id := lines.Text()
		times := []int64{0} // when each number was set
		read := func() bool {
			if !lines.Scan() {
				return false
			}
			n, at, _ := strings.Cut(lines.Text(), " ")
			when, err := strconv.ParseInt(at, 10, 64)
			if err == nil && n == strconv.Itoa(len(times)) {
				times = append(times, when)
			}
			return true
		}
		for seen := 0; seen < 100 && read(); { // until the file shows so many
			seen = counted(t, store, id)
		}
		before := counted(t, store, id)
		if err := child.Process.Kill(); err != nil { // SIGKILL
			t.Fatal(err)
		}
		killed := time.Now()
		for read() {
		}
		_ = child.Wait() // "signal: killed"

		after := counted(t, store, id)
		if after < before || after > len(times) {
			t.Errorf("%d is stored, of %d set; the file had shown %d", after, len(times)-1, before)
			continue
		}
		if next := after + 1; next < len(times) {
			age := killed.Sub(time.Unix(0, times[next]))
			if age > busy {
				t.Errorf("a change made %v before the kill is lost", age)
			}
			t.Logf("lost the last %v (promised: %v)", age, promised)
		}
	}
}

// counted returns the number in the session id as the store has it.
func counted(t *testing.T, store session.Store, id string) int {
	t.Helper()
	values, err := store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if string(values["n"]) != string(values["twin"]) {
		t.Fatalf("half a change is stored: %s", show(values))
	}
	n, _ := strconv.Atoi(string(values["n"])) // 0 if there is none yet
	return n
}
