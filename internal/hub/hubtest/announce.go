package hubtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/hub"
)

// A listener remembers announcements. It is safe for concurrent use.
type listener struct {
	mu   sync.Mutex
	got  []string
	late func() // called for what comes after stop; nil before
}

func (l *listener) hear(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.late != nil {
		l.late()
	}
	l.got = append(l.got, string(data))
}

func (l *listener) wait(t *testing.T, n int) []string {
	t.Helper()
	var got []string
	poll(t, fmt.Sprintf("%d announcements", n), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		got = slices.Clone(l.got)
		return len(got) >= n
	})
	return got
}

func testAnnounce(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	defer closeBroker(t, b)
	prepare := func(parley.Message) hub.Frame {
		t.Error("a frame was made of an announcement")
		return nil
	}
	// Two hubs on one broker are two nodes.
	here, there := hub.New(hub.Options{Broker: b, Prepare: prepare}), hub.New(hub.Options{Broker: b, Prepare: prepare})
	here.Announce("ended", []byte("nobody listens yet"))

	var logs [3]listener
	defer here.Listen("ended", logs[0].hear)()
	defer there.Listen("ended", logs[1].hear)()
	stop := there.Listen("ended", logs[2].hear)
	var other listener
	defer there.Listen("ended.too", other.hear)()

	const announcers, each = 4, 100
	publishAll(announcers, each, func(m parley.Message) { here.Announce("ended", m.Data) })
	first := logs[0].wait(t, announcers*each)
	checkPublishersOrder(t, announcers, each, first)
	for i := range logs {
		if got := logs[i].wait(t, announcers*each); !slices.Equal(got, first) {
			t.Errorf("listener %d heard another order than listener 0", i)
		}
	}

	stop()
	stop()
	logs[2].mu.Lock()
	logs[2].late = func() { t.Error("heard an announcement after stop had returned") }
	logs[2].mu.Unlock()
	there.Announce("ended", nil)
	there.Announce("ended.too", []byte("x"))
	if got := logs[0].wait(t, announcers*each+1); got[announcers*each] != "" {
		t.Errorf("heard %q, want an announcement without data", got[announcers*each])
	}
	if got, want := other.wait(t, 1), []string{"x"}; !slices.Equal(got, want) {
		t.Errorf("the other topic heard %q, want %q", got, want)
	}
	if got := here.Stats(); got != (hub.Stats{}) {
		t.Errorf("announcements count as publications or members: %+v", got)
	}
}

func testAnnouncementsApart(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	h, prepared := newHub(t, newBroker)
	var heard listener
	defer h.Listen("ended", heard.hear)()
	m := &member{t: t}
	for _, name := range []string{"\x00ended", "\x00", "\x00\x00ended"} {
		h.Subscribe(name, m)
		refused := make(chan struct{})
		h.Publish(name, parley.Message{Kind: parley.Text, Data: []byte("forged")}, func(_ parley.Position, err error) {
			if !errors.Is(err, hub.ErrReserved) {
				t.Errorf("publishing to %q: %v, want ErrReserved", name, err)
			}
			close(refused)
		})
		h.Publish(name, parley.Message{Kind: parley.Text, Data: []byte("forged")}, nil)
		waitFor(t, refused, "the done of a refused publication")
	}
	if got := h.Stats(); got.Channels != 0 || got.Members != 0 || got.Subscriptions != 0 {
		t.Errorf("subscribing to reserved names: stats = %+v", got)
	}
	h.Subscribe("ended", m) // a user's channel of that name is another
	h.Publish("ended", parley.Message{Kind: parley.Text, Data: []byte("to the users")}, nil)
	h.Announce("ended", []byte("to the servers"))
	if got, want := heard.wait(t, 1), []string{"to the servers"}; !slices.Equal(got, want) {
		t.Errorf("the listener heard %q, want %q", got, want)
	}
	if got, want := m.wait(1), []string{"to the users"}; !slices.Equal(got, want) {
		t.Errorf("the member heard %q, want %q", got, want)
	}
	if got := prepared.Load(); got != 1 {
		t.Errorf("%d frames were prepared, want 1", got)
	}
	h.Unsubscribe("\x00ended", m) // never was one
}
