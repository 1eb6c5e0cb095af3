package ws_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// A scene is a connection over a pipe in a bubble. The peer's end is read by a
// goroutine that notes each frame with the second at which it came.
type scene struct {
	*wstest.Recorder
	conn   *ws.Conn
	engine *ws.Engine
	pipe   net.Conn
	peer   *wstest.Peer
	began  time.Time

	got  []string      // by read, until it ends
	done chan struct{} // closed when read has ended
}

func play(t *testing.T, opt ws.Options, a ws.Accept, test func(t *testing.T, s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		s := &scene{Recorder: &wstest.Recorder{}, began: time.Now(), pipe: client, done: make(chan struct{})}
		s.peer = wstest.NewPeer(t, client)
		s.peer.Patience = 10_000 * time.Hour
		if a.Handler == nil {
			a.Handler = s.Recorder
		}
		s.engine = ws.New(opt)
		var err error
		if s.conn, err = s.engine.Adopt(server, nil, a); err != nil {
			t.Fatal(err)
		}
		test(t, s)
		client.Close()
		if err := s.engine.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
			t.Error(err)
		}
	})
}

// read notes frames until the connection ends, answering those for which
// answer says so.
func (s *scene) read(answer func(frame string) (wstest.Frame, bool)) {
	go func() {
		defer close(s.done)
		for {
			frame := s.peer.Next()
			s.got = append(s.got, time.Since(s.began).String()+" "+frame)
			if frame == "end" || frame == "reset" {
				return
			}
			if f, ok := answer(frame); ok {
				s.peer.Send(f)
			}
		}
	}()
}

func silent(string) (wstest.Frame, bool) { return wstest.Frame{}, false }

func polite(frame string) (wstest.Frame, bool) {
	switch {
	case strings.HasPrefix(frame, "ping"):
		return wstest.Pong("parley"), true
	case strings.HasPrefix(frame, "close"):
		return wstest.Close(1000, ""), true
	}
	return wstest.Frame{}, false
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n\t%s\nwant:\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestSilentPeerIsStale(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{}, func(t *testing.T, s *scene) {
		s.read(silent)
		<-s.done
		equal(t, "peer got", s.got, `25s ping "parley"`, `50s close 4001 "nothing heard"`, `55s end`)
		synctest.Wait()
		equal(t, "handler heard", s.Lines(), "open", `close 4001 "nothing heard"`)
	})
}

func TestPeerThatAnswersPingsStays(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{Settings: &ws.Settings{PingEvery: time.Minute, StaleAfter: 90 * time.Second}}, func(t *testing.T, s *scene) {
		s.read(polite)
		time.Sleep(195 * time.Second)
		s.conn.Close(1000, "")
		<-s.done
		equal(t, "peer got", s.got, `1m0s ping "parley"`, `2m0s ping "parley"`, `3m0s ping "parley"`, `3m15s close 1000 ""`, `3m15s end`)
		equal(t, "handler heard", s.Lines(), "open", `close 1000 ""`)
	})
}

func TestNoPingWhileSomethingIsHeard(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{}, func(t *testing.T, s *scene) {
		s.read(silent)
		for range 6 {
			time.Sleep(20 * time.Second)
			s.peer.Send(wstest.Text("x"))
		}
		synctest.Wait()
		if n := len(s.Lines()); n != 7 {
			t.Errorf("the handler heard %d lines", n)
		}
		s.pipe.Close()
		<-s.done
		equal(t, "peer got", s.got, `2m0s reset`)
	})
}

func TestPingAndStaleOff(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{Settings: &ws.Settings{PingEvery: -1, StaleAfter: -1}}, func(t *testing.T, s *scene) {
		time.Sleep(1000 * time.Hour)
		_ = s.conn.Send(parley.Text, []byte("still here"))
		s.peer.Expect(`text "still here"`)
	})
}

// A connection that we do not read is pinged, but not blamed for what was not read.
func TestUnreadConnectionIsNotStale(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{Settings: &ws.Settings{WindowMessages: 1}}, func(t *testing.T, s *scene) {
		s.read(silent)
		s.conn.Hold(1)
		time.Sleep(200*time.Second - 1)
		synctest.Wait()
		equal(t, "handler heard", s.Lines(), "open")
		s.conn.Release(1)
		<-s.done
		n := len(s.got)
		if n < 10 || !strings.HasSuffix(s.got[0], "ping \"parley\"") {
			t.Fatalf("peer got %q", s.got)
		}
		equal(t, "the end", s.got[n-2:], `4m9.999999999s close 4001 "nothing heard"`, `4m14.999999999s end`)
	})
}

// A connection that we do not read, and whose output is stuck, has no other sign of life.
func TestUnreadAndStuckConnectionIsStale(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{Settings: &ws.Settings{WindowMessages: 1}}, func(t *testing.T, s *scene) {
		time.Sleep(10 * time.Second)
		s.conn.Hold(1)
		_ = s.conn.Send(parley.Text, []byte("never read"))
		time.Sleep(55 * time.Second)
		synctest.Wait()
		equal(t, "handler heard", s.Lines(), "open", `close 4001 "nothing heard"`)
	})
}

// While the window is full, nothing that was read already is handed over, and
// nothing after it is read.
func TestFullWindow(t *testing.T) {
	h := &wstest.Recorder{Then: func(c *ws.Conn, line string) {
		if line == `text "1"` {
			c.Hold(1)
		}
	}}
	play(t, ws.Options{}, ws.Accept{Handler: h, Settings: &ws.Settings{StaleAfter: -1, PingEvery: -1, WindowMessages: 1}}, func(t *testing.T, s *scene) {
		s.peer.Send(wstest.Text("1"), wstest.Text("2"), wstest.Ping(""))
		go s.peer.Send(wstest.Text("3"))
		time.Sleep(time.Hour)
		synctest.Wait()
		equal(t, "meanwhile, the handler heard", h.Lines(), "open", `text "1"`)
		s.conn.Release(1)
		s.peer.Expect(`pong ""`)
		synctest.Wait()
		equal(t, "then, the handler heard", h.Lines(), "open", `text "1"`, `text "2"`, `text "3"`)
	})
}

func TestCloseTimeout(t *testing.T) {
	for name, opt := range map[string]ws.Options{"5s": {}, "2s": {CloseTimeout: 2 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			play(t, opt, ws.Accept{}, func(t *testing.T, s *scene) {
				s.read(silent)
				s.conn.Close(1000, "")
				<-s.done
				equal(t, "peer got", s.got, `0s close 1000 ""`, name+" end")
				synctest.Wait()
				equal(t, "handler heard", s.Lines(), "open", `close 1000 ""`)
			})
		})
	}
}

// What was sent before Close goes out to a peer that takes it slowly, but not
// for ever.
func TestClosePatience(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{}, func(t *testing.T, s *scene) {
		_ = s.conn.Send(parley.Binary, make([]byte, 1<<20))
		s.conn.Close(1000, "")
		buf := make([]byte, 40<<10)
		for n := 0; ; {
			time.Sleep(4 * time.Second)
			_ = s.pipe.SetReadDeadline(time.Now().Add(time.Second))
			more, err := s.pipe.Read(buf)
			if n += more; err != nil {
				if n < 10*(32<<10) || time.Since(s.began) != 52*time.Second {
					t.Errorf("after %d octets and %v: %v", n, time.Since(s.began), err)
				}
				break
			}
		}
		synctest.Wait()
		equal(t, "handler heard", s.Lines(), "open", `close 1000 ""`)
	})
}

// A peer that reads nothing is cut CloseTimeout after its outbox was full.
func TestSlowConsumerIsCut(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{Settings: &ws.Settings{Outbox: 1000}}, func(t *testing.T, s *scene) {
		var err error
		for err == nil {
			err = s.conn.Send(parley.Text, []byte(strings.Repeat("x", 100)))
		}
		if !errors.Is(err, parley.ErrSlow) {
			t.Errorf("Send: %v", err)
		}
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		equal(t, "before, the handler heard", s.Lines(), "open")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		equal(t, "the handler heard", s.Lines(), "open", `close 4000 "reads too slowly"`)
		if stats := s.engine.Stats(); stats.Open != 0 || stats.Closed[parley.CloseSlow] != 1 {
			t.Errorf("stats = %+v", stats)
		}
	})
}

// A peer that violates the protocol and goes on sending is ended all the same.
func TestViolatorIsCut(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{}, func(t *testing.T, s *scene) {
		for {
			if _, err := s.pipe.Write([]byte{0xFF, 0xFF, 0xFF}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if d := time.Since(s.began); d > 6*time.Second {
			t.Errorf("it was ended after %v", d)
		}
		synctest.Wait()
		equal(t, "handler heard", s.Lines(), "open", `close 1002 "reserved bit set"`)
	})
}

// A peer that pings without reading is not read any more, and stale in the end.
func TestPingsUnread(t *testing.T) {
	play(t, ws.Options{}, ws.Accept{}, func(t *testing.T, s *scene) {
		_ = s.pipe.SetWriteDeadline(time.Now().Add(time.Second))
		for n := 0; ; n++ {
			if _, err := s.pipe.Write(wstest.Wire(wstest.Ping("x"))); err != nil {
				break
			}
			if n > 10_000 {
				t.Fatalf("%d pings were taken", n)
			}
		}
		time.Sleep(70 * time.Second)
		synctest.Wait()
		equal(t, "handler heard", s.Lines(), "open", `close 4001 "nothing heard"`)
	})
}

func TestShutdownTimeout(t *testing.T) {
	play(t, ws.Options{CloseTimeout: time.Hour}, ws.Accept{}, func(t *testing.T, s *scene) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := s.engine.Shutdown(ctx, parley.CloseGoingAway, "", 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		if d := time.Since(s.began); d != 3*time.Second {
			t.Errorf("Shutdown took %v", d)
		}
		equal(t, "handler heard", s.Lines(), "open", `close 1001 ""`)
	})
}

func TestHeldFramesWaitOneSecond(t *testing.T) {
	hold := &wstest.Recorder{Then: func(c *ws.Conn, line string) {
		if strings.HasPrefix(line, "text") {
			c.Hold(1)
		}
	}}
	play(t, ws.Options{}, ws.Accept{Handler: hold}, func(t *testing.T, s *scene) {
		s.peer.Send(wstest.Text("never answered"), wstest.Ping("1"), wstest.Ping("2"))
		s.peer.Expect(`pong "1"`)
		if waited := time.Since(s.began); waited != time.Second {
			t.Errorf("the pong came after %v", waited)
		}
		s.peer.Expect(`pong "2"`)
		if waited := time.Since(s.began); waited != time.Second {
			t.Errorf("the second pong came after %v", waited)
		}
		// Once the message is answered, the next ones are waited for again.
		s.conn.Release(1)
		s.peer.Send(wstest.Text("nor this"), wstest.Ping("3"))
		s.peer.Expect(`pong "3"`)
		if waited := time.Since(s.began); waited != 2*time.Second {
			t.Errorf("the third pong came after %v", waited)
		}
	})
}
