package hub_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/hub/hubtest"
)

func TestMemoryIsABroker(t *testing.T) {
	hubtest.Run(t, func(*testing.T) hub.Broker { return hub.NewMemory() })
}

// log is a hub.Member. It is used by one goroutine at a time.
type log struct{ got []string }

func (l *log) Deliver(fs []hub.Frame) {
	for _, f := range fs {
		l.got = append(l.got, f.(string))
	}
}

func (l *log) Home() hub.Home { return nil }

func text(s string) parley.Message { return parley.Message{Kind: parley.Text, Data: []byte(s)} }

func newHub(opt hub.Options) *hub.Hub {
	opt.Prepare = func(m parley.Message) hub.Frame { return string(m.Data) }
	return hub.New(opt)
}

func TestOwnWritesAndPublicationsKeepProgramOrder(t *testing.T) {
	h := newHub(hub.Options{})
	m := &log{}
	h.Subscribe("lobby", m)
	for i := range 3 {
		m.Deliver([]hub.Frame{fmt.Sprintf("write %d", i)}) // as a write to the own connection
		h.Publish("lobby", text(fmt.Sprintf("publication %d", i)), nil)
	}
	want := []string{"write 0", "publication 0", "write 1", "publication 1", "write 2", "publication 2"}
	if !slices.Equal(m.got, want) {
		t.Errorf("got %q, want %q", m.got, want)
	}
}

func TestFrameIsPreparedOnlyForMembers(t *testing.T) {
	prepared := 0
	broker := &hubtest.Broker{}
	h := hub.New(hub.Options{Broker: broker, Prepare: func(m parley.Message) hub.Frame {
		prepared++
		return string(m.Data)
	}})
	publication := parley.Publication{Channel: "lobby", Message: text("x")}
	steps := []struct {
		do                 func(m hub.Member)
		watchers, prepared int
	}{
		{func(hub.Member) {}, 0, 0},
		{func(m hub.Member) { h.Subscribe("lobby", m) }, 1, 1},
		{func(m hub.Member) { h.Subscribe("lobby", &log{}) }, 1, 2},
		{func(m hub.Member) { h.Unsubscribe("lobby", m) }, 1, 3},
		{func(m hub.Member) { h.Subscribe("lobby", m) }, 1, 4},
	}
	m := &log{}
	for i, step := range steps {
		step.do(m)
		if got := broker.Deliver(publication); got != step.watchers {
			t.Errorf("step %d: %d watchers, want %d", i, got, step.watchers)
		}
		if prepared != step.prepared {
			t.Errorf("step %d: %d frames prepared so far, want %d", i, prepared, step.prepared)
		}
	}
}

func TestLastMemberEndsTheWatch(t *testing.T) {
	broker := &hubtest.Broker{}
	h := newHub(hub.Options{Broker: broker})
	a, b := &log{}, &log{}
	h.Subscribe("lobby", a)
	h.Subscribe("lobby", b)
	h.Unsubscribe("lobby", a)
	h.Leave(b)
	if got := broker.Deliver(parley.Publication{Channel: "lobby"}); got != 0 {
		t.Errorf("%d watchers are left, want one at most", got)
	}
	if got := h.Stats(); got != (hub.Stats{}) {
		t.Errorf("stats = %+v, want one at most", got)
	}
}

// A peer may be who chooses the names: it cannot fill the log.
func TestReservedNamesWarnOnce(t *testing.T) {
	var lines bytes.Buffer
	h := newHub(hub.Options{Log: slog.New(slog.NewTextHandler(&lines, nil))})
	h.Publish("\x00one", text("x"), nil)
	h.Subscribe("\x00two", &log{})
	h.Publish("\x00three", text("x"), nil)
	got := lines.String()
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, `level=WARN msg="channel not used" channel="\x00one" err=`) {
		t.Errorf("logged:\n%s\nwant one warning, of the first", got)
	}
}

func TestHubWithoutPrepare(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New without Prepare did not panic")
		}
	}()
	hub.New(hub.Options{})
}

func TestEpochsOfAMemoryBroker(t *testing.T) {
	b := hub.NewMemory()
	publish := func() parley.Position {
		at := make(chan parley.Position, 1)
		b.Publish("lobby", text("x"), func(p parley.Position, _ error) { at <- p })
		return <-at
	}
	watch := func() func() { return b.Watch("lobby", func(parley.Publication) {}) }

	var positions []parley.Position
	positions = append(positions, publish(), publish()) // nobody watches
	first := watch()
	positions = append(positions, publish())
	second := watch()
	first()
	positions = append(positions, publish()) // watched all the time
	second()
	defer watch()()
	positions = append(positions, publish()) // by somebody else

	epochs := map[uint64]bool{}
	for i, want := range []struct {
		offset   uint64
		newEpoch bool
	}{{1, true}, {1, true}, {1, true}, {2, false}, {1, true}} {
		at := positions[i]
		if at.Offset != want.offset || epochs[at.Epoch] == want.newEpoch || at.Epoch == 0 {
			t.Errorf("position %d = %+v, want offset %d, new epoch %v", i, at, want.offset, want.newEpoch)
		}
		epochs[at.Epoch] = true
	}
}

func TestManyChannelsAtOnce(t *testing.T) {
	h := newHub(hub.Options{})
	const channels, each = 50, 100
	members := make([]*log, channels)
	var all sync.WaitGroup
	for i := range channels {
		members[i] = &log{}
		name := fmt.Sprintf("channel %d", i)
		h.Subscribe(name, members[i])
		all.Go(func() {
			for k := range each {
				h.Publish(name, text(fmt.Sprint(i, k)), func(parley.Position, error) {})
			}
		})
	}
	all.Wait()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		if len(m.got) != each || m.got[each-1] != fmt.Sprint(i, each-1) {
			t.Errorf("channel %d: %d messages, want %d", i, len(m.got), each)
		}
	}
}

// counter is a hub.Member that does as little as possible.
type counter struct{ n int }

func (c *counter) Deliver(fs []hub.Frame) { c.n += len(fs) }
func (c *counter) Home() hub.Home         { return nil }

func TestFanOutDoesNotAllocateForMembers(t *testing.T) {
	frame := hub.Frame(&struct{ b [64]byte }{})
	for _, size := range []int{0, 1, 1000} {
		h := hub.New(hub.Options{Prepare: func(parley.Message) hub.Frame { return frame }})
		for range size {
			h.Subscribe("lobby", &counter{})
		}
		m := text("hello")
		if got := testing.AllocsPerRun(100, func() { h.Publish("lobby", m, nil) }); got > 1 {
			t.Errorf("%d members: %v allocations per publication, want one at most", size, got)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{1, 1000} {
		b.Run(fmt.Sprintf("members=%d", size), func(b *testing.B) {
			h := hub.New(hub.Options{Prepare: func(parley.Message) hub.Frame { return nil }})
			for range size {
				h.Subscribe("lobby", &counter{})
			}
			m := text("hello")
			for b.Loop() {
				h.Publish("lobby", m, nil)
			}
		})
	}
}

func BenchmarkPublishToManyChannels(b *testing.B) {
	h := hub.New(hub.Options{Prepare: func(parley.Message) hub.Frame { return nil }})
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("channel %d", i)
		h.Subscribe(names[i], &counter{})
	}
	m := text("hello")
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			h.Publish(names[i%len(names)], m, nil)
		}
	})
}
