package httpd_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/httpd"
)

const largeBytes = 1 << 20

// large are routes that answer with largeBytes octets, in the ways there are.
func large(t *testing.T, failed chan error) []httpd.Route {
	file := filepath.Join(folder(t, map[string]string{"large": strings.Repeat("x", largeBytes)}), "large")
	report := func(err error) {
		if err != nil {
			failed <- err
		}
	}
	return []httpd.Route{
		route("/written", func(w http.ResponseWriter, _ *http.Request) {
			n, err := w.Write(bytes.Repeat([]byte("x"), largeBytes))
			if err == nil && n != largeBytes {
				t.Errorf("wrote %d", n)
			}
			report(err)
		}),
		route("/copied", func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open(file)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			n, err := w.(io.ReaderFrom).ReadFrom(f)
			if err == nil && n != largeBytes {
				t.Errorf("copied %d", n)
			}
			report(err)
		}),
		route("/limited", func(w http.ResponseWriter, _ *http.Request) {
			src := strings.NewReader(strings.Repeat("x", largeBytes) + "and more")
			if n, err := io.CopyN(w, src, largeBytes); err == nil && (n != largeBytes || src.Len() != len("and more")) {
				t.Errorf("copied %d, left %d", n, src.Len())
			} else {
				report(err)
			}
		}),
	}
}

func TestWhoDoesNotTakeHisAnswerIsCut(t *testing.T) {
	for _, path := range []string{"/written", "/copied", "/limited"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := make(chan error, 1)
				l, s, end, served := serving(t, httpd.Options{Routes: large(t, failed)})
				conn := l.dial()
				if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				if time.Sleep(time.Minute - 1); s.Stats().Open != 1 || len(failed) != 0 {
					t.Error("cut too early")
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if s.Stats().Open != 0 || len(failed) != 1 {
					t.Error("not cut")
				}
				conn.Close()
				end()
				if err := <-served; err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}

// TestNoDeadlineOfAnAnswerIsLeft pauses between two requests, the second of
// which net/http itself has something to say to.
func TestNoDeadlineOfAnAnswerIsLeft(t *testing.T) {
	for name, tt := range map[string]struct{ request, want string }{
		"continue":      {"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 100 Continue"},
		"no request":    {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"an older HTTP": {"GET /.parley/health HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _, end, served := serving(t, httpd.Options{Routes: []httpd.Route{
					route("/read", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }),
				}})
				conn := l.dial()
				r := bufio.NewReader(conn)
				if _, err := io.WriteString(conn, asksHealth); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				time.Sleep(90 * time.Second)
				if _, err := io.WriteString(conn, tt.request); err != nil {
					t.Fatal(err)
				}
				if line, err := r.ReadString('\n'); err != nil || strings.TrimSpace(line) != tt.want {
					t.Errorf("got %q, %v, want %s", line, err, tt.want)
				}
				conn.Close()
				end()
				if err := <-served; err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}

// TestWhoTakesHisAnswerSlowlyGetsAll also asks once more, after a pause.
func TestWhoTakesHisAnswerSlowlyGetsAll(t *testing.T) {
	for _, path := range []string{"/written", "/copied", "/limited"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := make(chan error, 1)
				l, _, end, served := serving(t, httpd.Options{Routes: large(t, failed)})
				conn := l.dial()
				r := bufio.NewReader(conn)
				for range 2 {
					if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
						t.Fatal(err)
					}
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					got := 0
					for piece := make([]byte, 64<<10); ; time.Sleep(50 * time.Second) {
						n, err := io.ReadFull(res.Body, piece)
						if got += n; err != nil {
							break
						}
					}
					if got != largeBytes {
						t.Errorf("got %d octets", got)
					}
					time.Sleep(90 * time.Second)
				}
				select {
				case err := <-failed:
					t.Error(err)
				default:
				}
				end()
				if err := <-served; err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}

// TestAFunctionMayTakeItsTime: no deadline runs while nothing is written, and
// what is written last still leaves.
func TestAFunctionMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, end, served := serving(t, httpd.Options{Routes: []httpd.Route{
			route("/", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "first, ")
				time.Sleep(3 * time.Minute)
				_, _ = io.WriteString(w, "second, ")
				time.Sleep(3 * time.Minute)
			}),
		}})
		c := call(l)
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := <-c.answers; got != "first, second, " {
			t.Errorf("answer %q", got)
		}
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}
