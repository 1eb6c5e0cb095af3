package hubtest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/hub"
)

// A member is a hub.Member that remembers the texts it got.
type member struct {
	t    *testing.T
	home hub.Home

	mu   sync.Mutex
	got  []string
	left bool // it may hear nothing more
}

func (m *member) Deliver(fs []hub.Frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range fs {
		if m.left {
			m.t.Errorf("heard %q after it had left", f.(string))
		}
		m.got = append(m.got, f.(string))
	}
}

func (m *member) Home() hub.Home { return m.home }

// leaves notes that nothing may come from now on.
func (m *member) leaves() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = true
}

func (m *member) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.got)
}

func (m *member) wait(n int) []string {
	m.t.Helper()
	poll(m.t, fmt.Sprintf("%d messages", n), func() bool { return m.count() >= n })
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// newHub makes a Hub on a new broker whose frames are the messages' texts.
// prepared counts them.
func newHub(t *testing.T, newBroker func(*testing.T) hub.Broker) (h *hub.Hub, prepared *atomic.Int64) {
	prepared = new(atomic.Int64)
	h = hub.New(hub.Options{
		Broker: newBroker(t),
		Prepare: func(m parley.Message) hub.Frame {
			prepared.Add(1)
			return string(m.Data)
		},
	})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("closing the hub: %v", err)
		}
	})
	return h, prepared
}

func testOneOrder(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	h, prepared := newHub(t, newBroker)
	const publishers, each, size = 8, 25, 1000
	members := make([]*member, size)
	for i := range members {
		members[i] = &member{t: t}
		h.Subscribe("lobby", members[i])
	}
	publishAll(publishers, each, func(m parley.Message) { h.Publish("lobby", m, nil) })

	want := members[0].wait(publishers * each)
	checkPublishersOrder(t, publishers, each, want)
	for i, m := range members {
		if got := m.wait(publishers * each); !slices.Equal(got, want) {
			t.Fatalf("member %d saw another order than member 0", i)
		}
	}
	if got := prepared.Load(); got != publishers*each {
		t.Errorf("%d frames were prepared for %d publications", got, publishers*each)
	}
	poll(t, "the deliveries to be counted", func() bool {
		return h.Stats().Deliveries == publishers*each*size
	})
	if got := h.Stats(); got.Channels != 1 || got.Members != size || got.Subscriptions != size || got.Publications != publishers*each {
		t.Errorf("stats = %+v", got)
	}
}

func testChurn(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	h, _ := newHub(t, newBroker)
	const publishers, each = 4, 100
	stays := []*member{{t: t}, {t: t}}
	for _, m := range stays {
		h.Subscribe("lobby", m)
	}

	quit := make(chan struct{})
	var churning sync.WaitGroup
	for i := range 4 {
		churning.Go(func() {
			own := fmt.Sprintf("room %d", i)
			for {
				select {
				case <-quit:
					return
				default:
				}
				m := &member{t: t}
				h.Subscribe("lobby", m)
				h.Subscribe(own, m)
				h.Publish(own, parley.Message{Kind: parley.Text, Data: []byte("mine")}, nil)
				if i%2 == 0 {
					h.Unsubscribe("lobby", m)
				}
				h.Leave(m)
				m.leaves()
			}
		})
	}
	publishAll(publishers, each, func(m parley.Message) { h.Publish("lobby", m, nil) })
	var seen [][]string
	for _, m := range stays {
		seen = append(seen, m.wait(publishers*each))
	}
	close(quit)
	churning.Wait()

	checkPublishersOrder(t, publishers, each, seen[0])
	if !slices.Equal(seen[0], seen[1]) {
		t.Error("two members that stayed saw different orders")
	}
	for _, m := range stays {
		h.Leave(m)
	}
	if got := h.Stats(); got.Channels != 0 || got.Members != 0 || got.Subscriptions != 0 {
		t.Errorf("stats after all have left = %+v", got)
	}
}

func testLeave(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	h, _ := newHub(t, newBroker)
	stays, one, all := &member{t: t}, &member{t: t}, &member{t: t}
	for _, channel := range []string{"a", "b"} {
		for _, m := range []*member{stays, one, all} {
			h.Subscribe(channel, m)
		}
	}
	h.Unsubscribe("a", one)
	h.Unsubscribe("a", one)
	h.Unsubscribe("nowhere", one)
	h.Leave(all)
	h.Leave(all)
	all.leaves()
	h.Publish("a", parley.Message{Kind: parley.Text, Data: []byte("to a")}, nil)
	h.Publish("b", parley.Message{Kind: parley.Text, Data: []byte("to b")}, nil)

	got := stays.wait(2)
	slices.Sort(got) // there is no order between channels
	if want := []string{"to a", "to b"}; !slices.Equal(got, want) {
		t.Errorf("the member that stayed heard %q, want %q", got, want)
	}
	if got, want := one.wait(1), []string{"to b"}; !slices.Equal(got, want) {
		t.Errorf("the member that left a heard %q, want %q", got, want)
	}

	again := all
	again.mu.Lock()
	again.left = false
	again.mu.Unlock()
	h.Subscribe("a", again)
	h.Publish("a", parley.Message{Kind: parley.Text, Data: []byte("back")}, nil)
	if got, want := again.wait(1), []string{"back"}; !slices.Equal(got, want) {
		t.Errorf("the member that came back heard %q, want %q", got, want)
	}
}

func testTwiceIsOnce(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	h, _ := newHub(t, newBroker)
	m := &member{t: t}
	h.Subscribe("a", m)
	h.Subscribe("a", m)
	h.Publish("a", parley.Message{Kind: parley.Text, Data: []byte("1")}, nil)
	h.Publish("a", parley.Message{Kind: parley.Text, Data: []byte("2")}, nil)
	if got, want := m.wait(2), []string{"1", "2"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	h.Unsubscribe("a", m) // once ends both
	m.leaves()
	sentinel := &member{t: t}
	h.Subscribe("a", sentinel)
	h.Publish("a", parley.Message{Kind: parley.Text, Data: []byte("3")}, nil)
	sentinel.wait(1)
}
