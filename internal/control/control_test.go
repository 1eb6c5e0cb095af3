package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"parley.example/parley/internal/control"
)

// run serves a control socket in dir until stop.
func run(t *testing.T, dir string, revoke func(context.Context, control.Sessions) (int, error)) (stop func()) {
	t.Helper()
	s, err := control.Open(control.Options{Dir: dir, Revoke: revoke, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func peers(t *testing.T, dir string) []control.Peer {
	t.Helper()
	list, err := control.Peers(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestRevokeReachesEveryServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if list := peers(t, dir); list != nil {
		t.Errorf("peers of a folder that does not exist: %v", list)
	}
	heard := make(chan control.Sessions, 8)
	for n := range 2 {
		defer run(t, dir, func(_ context.Context, which control.Sessions) (int, error) {
			heard <- which
			return n + 3, nil
		})()
	}
	list := peers(t, dir)
	if len(list) != 2 || list[0].PID != strconv.Itoa(os.Getpid()) {
		t.Fatalf("peers = %+v, want two of this process", list)
	}
	for _, want := range []control.Sessions{{ID: "abc"}, {User: "älice"}, {All: true}} {
		sum := 0
		for _, p := range list {
			n, err := p.Revoke(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			if got := <-heard; got != want {
				t.Errorf("the server was asked for %+v, want %+v", got, want)
			}
			sum += n
		}
		if sum != 3+4 {
			t.Errorf("%+v: %d sessions were revoked, want those of both servers", want, sum)
		}
	}
}

func TestOnlyTheUserMayAsk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	stop := run(t, dir, nil)
	name := files(t, dir)
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, name): 0o600 | os.ModeSocket} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
	stop()
	if got := files(t, dir); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

// What a request may look like is what Revoke sends.
func TestRequestsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	defer run(t, dir, func(_ context.Context, which control.Sessions) (int, error) {
		if which.ID == "fails" {
			return 0, errors.New("the store is broken")
		}
		t.Errorf("asked for %+v", which)
		return 0, nil
	})()
	socket := filepath.Join(dir, files(t, dir))
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) },
	}}
	for _, tc := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"POST", "/sessions/revoke", `{}`, 400, `one of "session", "user" and "all" says which sessions are meant`},
		{"POST", "/sessions/revoke", `{"all": false}`, 400, `one of`},
		{"POST", "/sessions/revoke", `{"user": ""}`, 400, `one of`},
		{"POST", "/sessions/revoke", `{"user": "bob", "all": true}`, 400, `one of`},
		{"POST", "/sessions/revoke", `{"users": "bob"}`, 400, `unknown field "users"`},
		{"POST", "/sessions/revoke", `{"user": 1}`, 400, `cannot unmarshal`},
		{"POST", "/sessions/revoke", ``, 400, `EOF`},
		{"POST", "/sessions/revoke", `{"user": "` + strings.Repeat("b", 70_000) + `"}`, 400, `too large`},
		{"POST", "/sessions/revoke", `{"session": "fails"}`, 500, `the store is broken`},
		{"GET", "/sessions/revoke", ``, 405, ``},
		{"POST", "/", `{"all": true}`, 404, ``},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tc.method, "http://parley"+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		what := fmt.Sprintf("%s %s %.40s", tc.method, tc.path, tc.body)
		if err != nil || response.StatusCode != tc.status || !strings.Contains(string(text), tc.text) {
			t.Errorf("%s: %d %s (%v), want %d %s", what, response.StatusCode, text, err, tc.status, tc.text)
		}
	}
	_, err := peers(t, dir)[0].Revoke(t.Context(), control.Sessions{ID: "fails"})
	if want := "it says: the store is broken"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v, want one that ends with %q", err, want)
	}
}

// A process that was killed leaves its socket behind.
func TestWhatNobodyListensOnIsRemoved(t *testing.T) {
	dir := t.TempDir()
	defer run(t, dir, func(context.Context, control.Sessions) (int, error) { return 1, nil })()
	mine := files(t, dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "control-1-aaaaaaaa.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"control-x.sock", "control-1-a", "secret"} { // are not ours to remove
		if err := os.WriteFile(filepath.Join(dir, other), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := peers(t, dir)
	if len(list) != 2 || list[0].PID != "1" {
		t.Fatalf("peers = %+v, want the dead one and ours", list)
	}
	for range 2 { // the second time it is not there any more
		if _, err := list[0].Revoke(t.Context(), control.Sessions{All: true}); !errors.Is(err, control.ErrGone) {
			t.Errorf("asking a dead server: %v, want ErrGone", err)
		}
	}
	if n, err := list[1].Revoke(t.Context(), control.Sessions{All: true}); n != 1 || err != nil {
		t.Errorf("asking the living server: %d, %v", n, err)
	}
	if got, want := files(t, dir), "control-1-a "+mine+" control-x.sock secret"; got != want {
		t.Errorf("the folder has %s, want %s", got, want)
	}
}

func TestWhereNoSocketCanBe(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		long: "a socket's path has to be shorter",
		file: "making the data folder",
	} {
		_, err := control.Open(control.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("opening it in %s: %v, want %s", dir, err, want)
		}
	}
	if got := files(t, long); got != "" {
		t.Errorf("left behind: %s", got)
	}
}
