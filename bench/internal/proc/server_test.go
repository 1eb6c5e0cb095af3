package proc

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is the server that the tests start, if it has an address: one that
// works for 50 ms on each request.
func TestMain(m *testing.M) {
	if addr := os.Getenv("BENCH_TEST_SERVE"); addr != "" {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			panic(err)
		}
		panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
			}
			_, _ = io.WriteString(w, "done")
		})))
	}
	os.Exit(m.Run())
}

func self(t *testing.T) Command {
	t.Helper()
	return Command{
		Args: []string{"env", "BENCH_TEST_SERVE=127.0.0.1:{port}", os.Args[0]},
		Log:  filepath.Join(t.TempDir(), "log"),
	}
}

func TestServer(t *testing.T) {
	s, err := Start(t.Context(), self(t), []int{0})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	before, err := s.CPU()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + s.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	after, err := s.CPU()
	if err != nil {
		t.Fatal(err)
	}
	if after <= before || before <= 0 {
		t.Errorf("CPU time %v after work, %v before", after, before)
	}
	if n, err := s.Resident(); err != nil || n < 1<<20 || n > 1<<30 {
		t.Errorf("Resident = %d, %v", n, err)
	}
	if err := s.Explain(nil); err != nil {
		t.Error(err)
	}
	s.Stop()
	if err := s.Explain(nil); err == nil {
		t.Error("the server has ended, and nobody says so")
	}
}

func TestServerThatDoesNotStart(t *testing.T) {
	c := Command{Args: []string{"sh", "-c", "echo no such app; exit 3"}, Log: filepath.Join(t.TempDir(), "log")}
	_, err := Start(t.Context(), c, []int{0})
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no such app") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	c.Args = []string{"sleep", "60"}
	if _, err := Start(ctx, c, []int{0}); err == nil {
		t.Error("a server that never listens has started")
	}
}

func TestBusyTime(t *testing.T) {
	const stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 1000 1000 4 5 6 7 8\ncpu1 100 0 0 1000 0 0 0 0 0 0\nintr 5\n"
	for _, test := range []struct {
		cores []int
		want  time.Duration
	}{
		{[]int{0}, 210 * time.Millisecond},
		{[]int{1, 0}, 1210 * time.Millisecond},
	} {
		if got, err := BusyTime([]byte(stat), test.cores); got != test.want || err != nil {
			t.Errorf("BusyTime of %v = %v, %v, want %v", test.cores, got, err, test.want)
		}
	}
	if _, err := BusyTime([]byte(stat), []int{0, 2}); err == nil {
		t.Error("a core that is not there has worked")
	}
}

func TestFamily(t *testing.T) {
	c := self(t)
	c.Args = []string{"sh", "-c", strings.Join(c.Args, " ") + " & wait"}
	s, err := Start(t.Context(), c, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if pids := family(s.PID()); len(pids) != 2 {
		t.Errorf("family = %v, want a shell and its child", pids)
	}
}
