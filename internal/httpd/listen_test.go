package httpd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/httpd"
)

func TestListenSaysWhatToTry(t *testing.T) {
	first, err := httpd.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	port := first.Addr().(*net.TCPAddr).Port
	for _, tt := range []struct {
		name, address string
		port          int
		is            error
		want          string
	}{
		{
			"taken", "127.0.0.1", port, syscall.EADDRINUSE,
			fmt.Sprintf("listen 127.0.0.1:%d: address already in use (another parley? --listen.port=%d takes the next port)", port, port+1),
		},
		{
			"not ours", "192.0.2.1", 0, syscall.EADDRNOTAVAIL,
			"listen 192.0.2.1:0: cannot assign requested address (no interface of this machine has it; --listen.address=0.0.0.0 takes all)",
		},
		{"no port", "127.0.0.1", 99999, nil, "listen 127.0.0.1:99999: listen tcp: address 99999: invalid port"},
	} {
		l, err := httpd.Listen(tt.address, tt.port)
		if err == nil {
			_ = l.Close()
			t.Errorf("%s: no error", tt.name)
			continue
		}
		if tt.is != nil && !errors.Is(err, tt.is) || err.Error() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, err, tt.want)
		}
	}
}

// pipes is a listener of net.Pipe connections, which live in fake time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// dialFrom is dial from an address.
func (p *pipes) dialFrom(addr string) net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- from{theirs, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 5000))}
	return ours
}

// from is a connection that comes from an address.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

// serving runs a server in the bubble until end is called; served gets what
// Serve returned.
func serving(t *testing.T, opt httpd.Options) (l *pipes, s *httpd.Server, end func(), served chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	l, s, served = newPipes(), httpd.New(opt), make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	return l, s, cancel, served
}

func TestSlowAndIdleConnectionsAreClosed(t *testing.T) {
	for _, tt := range []struct {
		name, sent string
		after      time.Duration
	}{
		{"silent", "", 10 * time.Second},
		{"half a line", "GET / HT", 10 * time.Second},
		{"endless head", "GET / HTTP/1.1\r\nHost: x\r\nX-A: ", 10 * time.Second},
		{"half a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", 5 * time.Minute},
		{"idle", "GET /.parley/health HTTP/1.1\r\nHost: x\r\n\r\n", 2 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _, end, served := serving(t, httpd.Options{})
				conn := l.dial()
				read := make(chan struct{})
				go func() {
					_, _ = io.Copy(io.Discard, conn)
					close(read)
				}()
				if _, err := io.WriteString(conn, tt.sent); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				time.Sleep(tt.after - time.Second)
				synctest.Wait()
				select {
				case <-read:
					t.Error("closed too early")
				default:
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				select {
				case <-read:
				default:
					t.Error("still open")
				}
				end()
				if err := <-served; err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}

func TestTooMuchHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, end, served := serving(t, httpd.Options{})
		conn := l.dial()
		go func() {
			// It is cut off in the middle.
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("a", 80<<10)+"\r\n\r\n")
		}()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d, want 431", res.StatusCode)
		}
		conn.Close()
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestRunningRequestsMayFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		l, s, end, served := serving(t, httpd.Options{Routes: []httpd.Route{{
			Pattern: regexp.MustCompile("/slow"),
			Serve: func(w http.ResponseWriter, _ *http.Request, _ []*string) {
				<-finish
				_, _ = io.WriteString(w, "finished")
			},
		}}})
		silent := l.dial()
		conn := l.dial()
		if _, err := io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if w := get(s, "/.parley/health"); w.Code != 200 || w.Body.String() != "ok\n" {
			t.Errorf("health: %d %q", w.Code, w.Body)
		}
		end()
		synctest.Wait()
		if w := get(s, "/.parley/health"); w.Code != 503 {
			t.Errorf("health while stopping: %d, want 503", w.Code)
		}
		if n, err := silent.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("connection without a request: %d, %v, want the end", n, err)
		}
		select {
		case err := <-served:
			t.Fatalf("Serve returned while a request ran: %v", err)
		case <-l.closed:
		}
		close(finish)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "finished" {
			t.Errorf("answer %q, %v", body, err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestRequestsThatDoNotEndAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		cut := make(chan error, 1)
		l, _, end, served := serving(t, httpd.Options{
			Log: log.logger(), ShutdownTimeout: 3 * time.Second,
			Routes: []httpd.Route{{
				Pattern: regexp.MustCompile("/slow"),
				Serve: func(_ http.ResponseWriter, r *http.Request, _ []*string) {
					<-r.Context().Done()
					cut <- r.Context().Err()
				},
			}},
		})
		conn := l.dial()
		if _, err := io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Serve returned after %v of the bubble's time, want 3s", took)
		}
		if err := <-cut; err == nil {
			t.Error("the request's context did not end")
		}
		synctest.Wait()
		if lines := log.lines(t); len(lines) == 0 || lines[0]["level"] != "WARN" {
			t.Errorf("log: %v, want a warning first", lines)
		}
	})
}

func TestServeWithoutListener(t *testing.T) {
	l, err := httpd.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := httpd.New(httpd.Options{}).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed listener: %v", err)
	}
}
