package httpd_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/httpd"
)

// A caller is one connection to a server in a bubble.
type caller struct {
	net.Conn
	answers chan string   // bodies, in order
	ended   chan struct{} // closed when the server has closed the connection
}

func call(l *pipes) *caller { return callOn(l.dial()) }

func callOn(conn net.Conn) *caller {
	c := &caller{Conn: conn, answers: make(chan string, 10), ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		for r := bufio.NewReader(c); ; {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(res.Body)
			c.answers <- string(body)
		}
	}()
	return c
}

// send sends text, as far as the server wants it.
func (c *caller) send(text string) {
	go func() { _, _ = io.WriteString(c, text) }()
	synctest.Wait()
}

func (c *caller) isOpen() bool {
	synctest.Wait()
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

const asksHealth = "GET /.parley/health HTTP/1.1\r\nHost: x\r\n\r\n"

// entering dials when the server is full; the channel gets the caller once it
// has been let in.
func entering(l *pipes) chan *caller {
	in := make(chan *caller, 1)
	go func() {
		c := call(l)
		_, _ = io.WriteString(c, asksHealth)
		in <- c
	}()
	synctest.Wait()
	return in
}

func isIn(in chan *caller) bool {
	synctest.Wait()
	return len(in) > 0
}

func TestTheLongestSilentMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		l, s, end, served := serving(t, httpd.Options{MaxConns: 3, Log: log.logger()})
		nothing := call(l)
		time.Sleep(time.Second)
		halfHead := call(l)
		halfHead.send("GET / HTTP/1.1\r\nHo")
		time.Sleep(time.Second)
		idle := call(l)
		idle.send(asksHealth)
		time.Sleep(time.Second)
		halfHead.send("st: x\r\n") // a drop now and then is no request

		callers := []*caller{nothing, halfHead, idle}
		for i, oldest := range callers {
			in := entering(l)
			if !isIn(in) {
				t.Fatalf("caller %d does not get in", i)
			}
			if oldest.isOpen() {
				t.Errorf("caller %d: the longest silent connection is still open", i)
			}
			for _, other := range callers[i+1:] {
				if !other.isOpen() {
					t.Errorf("caller %d: another connection than the longest silent was closed", i)
				}
			}
			if got := <-(<-in).answers; got != "ok\n" {
				t.Errorf("caller %d: answer %q", i, got)
			}
		}
		if got := s.Stats(); got.Open != 3 || got.Evicted != 3 || got.Accepted != 6 {
			t.Errorf("stats = %+v, want 3 open, 3 evicted, 6 accepted", got)
		}
		told := 0
		for _, line := range log.lines(t) {
			if line["level"] == "WARN" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%d warnings, want one", told)
		}
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if synctest.Wait(); s.Stats().Open != 0 {
			t.Errorf("%d connections counted at the end", s.Stats().Open)
		}
	})
}

func TestWhoHasMoreThanHisPartMakesRoomAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, end, served := serving(t, httpd.Options{
			MaxConns: 24, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		})
		open := func(n int, addr string) (all []*caller) {
			for range n {
				all = append(all, callOn(l.dialFrom(addr)))
			}
			return all
		}
		others := append(open(3, "203.0.113.1"), open(8, "10.0.0.7")...) // a part is 3, and proxies have none
		time.Sleep(100 * time.Millisecond)
		greedy := append(open(5, "198.51.100.1"), open(4, "2001:db8::1")...)
		greedy = append(greedy, open(4, "2001:db8::2")...) // the same network

		// 5 and 8 become 3 and 3: the longest silent leave first.
		for range 7 {
			callOn(l.dialFrom("192.0.2.1"))
		}
		var left []int
		for i, c := range greedy {
			if c.isOpen() {
				left = append(left, i)
			}
		}
		if want := []int{2, 3, 4, 10, 11, 12}; !slices.Equal(left, want) {
			t.Errorf("of the greedy there are %v, want %v", left, want)
		}
		for i, c := range others {
			if !c.isOpen() {
				t.Errorf("caller %d, who had no more than his part, was closed", i)
			}
		}
		if got := s.Stats().Open; got != 24 {
			t.Errorf("%d open, want 24", got)
		}
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestNobodyIsClosedBeforeHeCouldSpeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, end, served := serving(t, httpd.Options{MaxConns: 2})
		first, second := call(l), call(l)
		time.Sleep(time.Second / 2)
		in := entering(l)
		time.Sleep(time.Second/2 - 1)
		if isIn(in) || !first.isOpen() {
			t.Error("a connection of less than a second was closed for another")
		}
		time.Sleep(time.Nanosecond)
		if !isIn(in) || first.isOpen() || !second.isOpen() {
			t.Error("the connection that was silent for a second is not the one that was closed")
		}
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestRequestsAreNotCutForOthersWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		l, s, end, served := serving(t, httpd.Options{MaxConns: 2, Routes: []httpd.Route{
			route("/wait", func(http.ResponseWriter, *http.Request) { <-finish }),
			route("/read", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }),
		}})
		dripping, waiting := call(l), call(l)
		dripping.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly so much")
		waiting.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
		in := entering(l)
		time.Sleep(30 * time.Second)
		if isIn(in) {
			t.Fatal("let in beyond the bound")
		}
		finish <- struct{}{}
		<-waiting.answers
		if time.Sleep(time.Second); !isIn(in) || waiting.isOpen() || !dripping.isOpen() {
			t.Fatal("a connection between two requests did not make room")
		}
		<-(<-in).answers

		again := call(l) // for the one that has been answered
		again.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
		in = entering(l)
		time.Sleep(28 * time.Second)
		if isIn(in) || !dripping.isOpen() {
			t.Fatal("cut within a minute")
		}
		if time.Sleep(time.Second); !isIn(in) || dripping.isOpen() || !again.isOpen() {
			t.Error("who drips his request for a minute keeps others out")
		}
		close(finish)
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if synctest.Wait(); s.Stats().Open != 0 {
			t.Errorf("%d connections counted at the end", s.Stats().Open)
		}
	})
}

func TestConnectionsTakenOverAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, end, served := serving(t, httpd.Options{MaxConns: 2, Routes: []httpd.Route{
			route("/take", func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { conn.Close() })
			}),
		}})
		for range 10 {
			call(l).send("GET /take HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		if got := s.Stats(); got.Open != 0 || got.Evicted != 0 || got.Accepted != 10 {
			t.Errorf("stats = %+v, want 10 accepted, none open or evicted", got)
		}
		end()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestServeEndsWhileSomebodyWaitsToGetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		l, _, end, served := serving(t, httpd.Options{MaxConns: 1, Routes: []httpd.Route{
			route("/wait", func(http.ResponseWriter, *http.Request) { <-finish }),
		}})
		busy := call(l)
		busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
		waiting := call(l)
		end()
		if waiting.isOpen() {
			t.Error("who waited to get in still waits")
		}
		close(finish)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		<-busy.answers
	})
}

// failing is a listener that has nothing to accept but errors.
type failing struct {
	*pipes
	errs chan error
}

func (f *failing) Accept() (net.Conn, error) { return nil, <-f.errs }

func TestServeEndsWithErrorsThatDoNotPass(t *testing.T) {
	broken := errors.New("broken")
	l := &failing{newPipes(), make(chan error, 1)}
	l.errs <- broken
	if err := httpd.New(httpd.Options{}).Serve(t.Context(), l); !errors.Is(err, broken) {
		t.Errorf("Serve: %v, want %v", err, broken)
	}
}
