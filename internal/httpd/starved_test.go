//go:build unix

package httpd_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley.example/parley/internal/httpd"
)

// childEnv makes the test binary a server that runs out of descriptors.
const childEnv = "PARLEY_TEST_STARVE"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := starve(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// starve serves with a small limit of descriptors. It prints its address,
// takes all descriptors, prints "full" and, once it has failed to accept
// attempts times, how long that took. When it hears a line it gives them back,
// and when it hears the next it prints what it has logged of it.
func starve(ctx context.Context) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		return err
	}
	l, err := httpd.Listen("127.0.0.1", 0)
	if err != nil {
		return err
	}
	var log bytes.Buffer // written by Serve's goroutine, and read when that sleeps
	s := httpd.New(httpd.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	go func() { _ = s.Serve(ctx, l) }() // ends with the process
	in := bufio.NewReader(os.Stdin)
	fmt.Println(l.Addr())

	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	fmt.Println("full")
	began := time.Now()
	for s.Stats().Starved < attempts {
		time.Sleep(time.Millisecond) // real: the server's backing off is
	}
	fmt.Println(time.Since(began).Milliseconds())

	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	for _, f := range files {
		f.Close()
	}
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	fmt.Println(strings.Count(log.String(), "new connections have to wait"))
	return nil
}

const (
	attempts     = 8
	leastBacking = 600 // ms, of the 635 that the waits between so many attempts last
)

func TestServeOutlivesAWantOfDescriptors(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(ctx, exe)
	child.Env = append(os.Environ(), childEnv+"=1")
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Wait() }()
	defer cancel()
	out := bufio.NewScanner(stdout)
	next := func() string {
		if !out.Scan() {
			t.Fatalf("the child has ended: %v", out.Err())
		}
		return out.Text()
	}

	addr := next()
	if got := next(); got != "full" {
		t.Fatalf("got %q, want full", got)
	}
	conn, err := net.Dial("tcp", addr) // by the kernel, before anybody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, asksHealth); err != nil {
		t.Fatal(err)
	}
	var took int
	if _, err := fmt.Sscan(next(), &took); err != nil {
		t.Fatal(err)
	}
	if took < leastBacking {
		t.Errorf("%d attempts within %d ms: it spins", attempts, took)
	}
	if _, err := io.WriteString(stdin, "free\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Errorf("answer %q, %v, once there are descriptors again", line, err)
	}
	if _, err := io.WriteString(stdin, "tell\n"); err != nil {
		t.Fatal(err)
	}
	if got := next(); got != "1" {
		t.Errorf("logged %s lines, want 1", got)
	}
}
