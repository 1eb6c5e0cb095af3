package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// always is settings in which no ping comes between.
func always(s ws.Settings) *ws.Settings {
	s.PingEvery, s.StaleAfter = -1, -1
	return &s
}

// A peer may save up a burst; beyond it, one message is taken each time there
// is room for one.
func TestRateInTime(t *testing.T) {
	for _, tc := range []struct {
		name string
		rate ws.Rate
		size int
		last time.Duration // when the last of 30 messages is heard
	}{
		{"messages", ws.Rate{Messages: 10}, 1, 1900 * time.Millisecond},
		{"octets", ws.Rate{Bytes: 1000}, 100, 1900 * time.Millisecond},
		{"long burst", ws.Rate{Messages: 10, Burst: 2 * time.Second}, 1, 900 * time.Millisecond},
		{"the slower counts", ws.Rate{Messages: 1000, Bytes: 100}, 10, 1900 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			settings := always(ws.Settings{Rate: &tc.rate})
			play(t, ws.Options{}, ws.Accept{Settings: settings}, func(t *testing.T, s *scene) {
				go func() {
					for range 30 {
						s.peer.Send(wstest.Text(strings.Repeat("x", tc.size)))
					}
				}()
				time.Sleep(tc.last - time.Millisecond)
				synctest.Wait()
				if n := len(s.Lines()); n != 30 {
					t.Errorf("just before %v, %d messages were heard", tc.last, n-1)
				}
				time.Sleep(time.Millisecond)
				synctest.Wait()
				if n := len(s.Lines()); n != 31 {
					t.Errorf("at %v, %d messages were heard", tc.last, n-1)
				}
				time.Sleep(time.Hour) // saves up no more than a burst
				go func() {
					for range 12 {
						s.peer.Send(wstest.Text(strings.Repeat("x", tc.size)))
					}
				}()
				synctest.Wait()
				if n := len(s.Lines()) - 31; tc.rate.Burst == 0 && n != 11 {
					t.Errorf("after an hour, %d messages were heard at once", n)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// While a peer is made to wait, its silence is not its own, and its pings wait
// with it.
func TestRateAndSilence(t *testing.T) {
	settings := &ws.Settings{Rate: &ws.Rate{Bytes: 1}}
	play(t, ws.Options{}, ws.Accept{Settings: settings}, func(t *testing.T, s *scene) {
		go s.peer.Send(wstest.Text(strings.Repeat("x", 200)), wstest.Ping("x"))
		s.read(silent)
		time.Sleep(230 * time.Second)
		s.conn.Close(1000, "")
		<-s.done
		for _, frame := range s.got {
			if strings.Contains(frame, "4001") {
				t.Errorf("the peer got %s", frame)
			}
		}
		if got := fmt.Sprint(s.got); !strings.Contains(got, `3m19s pong "x"`) {
			t.Errorf("the peer got %s", got)
		}
	})
}

func TestRateCloses(t *testing.T) {
	settings := always(ws.Settings{Rate: &ws.Rate{Messages: 2, Close: true}})
	play(t, ws.Options{}, ws.Accept{Settings: settings}, func(t *testing.T, s *scene) {
		s.read(polite)
		for range 4 { // as fast as allowed
			s.peer.Send(wstest.Text("x"))
			time.Sleep(500 * time.Millisecond)
		}
		s.peer.Send(wstest.Text("x"), wstest.Text("x"), wstest.Text("too much"))
		<-s.done
		equal(t, "peer got", s.got, `2s close 1008 "sends too fast"`, `2s end`)
		if n := len(s.Lines()); n != 1+6+1 {
			t.Errorf("the handler heard %q", s.Lines())
		}
		if stats := s.engine.Stats(); stats.LimitedClosed != 1 || stats.Closed[parley.ClosePolicy] != 1 {
			t.Errorf("stats = %+v", stats)
		}
	})
}

// Messages count, either way; pings and pongs do not.
func TestIdle(t *testing.T) {
	settings := &ws.Settings{IdleAfter: time.Minute}
	play(t, ws.Options{}, ws.Accept{Settings: settings}, func(t *testing.T, s *scene) {
		s.read(polite)
		time.Sleep(50 * time.Second)
		s.peer.Send(wstest.Text("x"))
		time.Sleep(50 * time.Second)
		_ = s.conn.Send(parley.Text, []byte("x"))
		time.Sleep(50 * time.Second)
		s.conn.SendPrepared(ws.Prepare(parley.Message{Kind: parley.Text, Data: []byte("x")}))
		time.Sleep(30 * time.Second)
		s.peer.Send(wstest.Ping("x"))
		<-s.done
		n := len(s.got)
		equal(t, "at last the peer got", s.got[n-2:], `3m30s close 1001 "idle"`, `3m30s end`)
		equal(t, "handler heard", s.Lines(), "open", `text "x"`, `close 1001 "idle"`)
	})
}

// Whatever is dropped, the engine's pings and the close frame come.
func TestControlFramesPass(t *testing.T) {
	for name, policy := range map[string]ws.SlowPolicy{"oldest": ws.DropOldest, "newest": ws.DropNewest} {
		t.Run(name, func(t *testing.T) {
			settings := &ws.Settings{Outbox: 1000, Slow: policy, StaleAfter: -1}
			play(t, ws.Options{}, ws.Accept{Settings: settings}, func(t *testing.T, s *scene) {
				for i := range 1000 {
					err := s.conn.Send(parley.Text, fmt.Appendf(nil, "%03d %s", i, strings.Repeat("x", 50)))
					if err != nil && !errors.Is(err, parley.ErrSlow) {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Minute) // two pings would be due; one waits
				s.conn.Close(1000, "")
				s.read(polite)
				<-s.done
				pings := 0
				for _, frame := range s.got {
					if strings.Contains(frame, "ping") {
						pings++
					}
				}
				if pings != 1 {
					t.Errorf("the peer got %d pings", pings)
				}
				equal(t, "at last the peer got", s.got[len(s.got)-2:], `1m0s close 1000 ""`, `1m0s end`)
			})
		})
	}
}
