package hubtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/hub"
)

// patience is how long the suite waits for what must happen.
const patience = 60 * time.Second

// Run tests the Broker that newBroker makes, by itself and below a Hub.
// newBroker is called once or more per test, and registers its own clean-up.
func Run(t *testing.T, newBroker func(t *testing.T) hub.Broker) {
	for name, test := range map[string]func(*testing.T, func(*testing.T) hub.Broker){
		"positions count up":                      testPositions,
		"channels are apart":                      testChannelsApart,
		"nothing after stop":                      testStop,
		"stop of one watch leaves the others":     testStopTwice,
		"done is called once, elsewhere":          testDone,
		"done may use the broker":                 testDoneUsesBroker,
		"close delivers, answers and refuses":     testClose,
		"one order for all members":               testOneOrder,
		"members that stay miss nothing":          testChurn,
		"members that left hear nothing":          testLeave,
		"a member hears once, however subscribed": testTwiceIsOnce,
		"announcements reach every node in order": testAnnounce,
		"announcements are nobody's channel":      testAnnouncementsApart,
	} {
		t.Run(name, func(t *testing.T) { test(t, newBroker) })
	}
}

func testPositions(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	defer closeBroker(t, b)
	const publishers, each = 4, 100
	var logs [2]watchLog
	for i := range logs {
		defer b.Watch("room", logs[i].add)()
	}
	accepted := &watchLog{}
	publishAll(publishers, each, func(m parley.Message) {
		b.Publish("room", m, func(at parley.Position, err error) {
			if err != nil {
				t.Errorf("done: %v", err)
			}
			accepted.add(parley.Publication{Channel: "room", Position: at, Message: m})
		})
	})
	first := logs[0].wait(t, publishers*each)
	if second := logs[1].wait(t, publishers*each); !slices.EqualFunc(first, second, samePublication) {
		t.Error("two watchers saw different publications")
	}
	for i, p := range first {
		want := parley.Position{Epoch: first[0].Position.Epoch, Offset: first[0].Position.Offset + uint64(i)}
		if p.Position != want || p.Channel != "room" {
			t.Fatalf("publication %d = %s at %v, want room at %v", i, p.Channel, p.Position, want)
		}
	}
	checkPublishersOrder(t, publishers, each, texts(first))

	told := accepted.wait(t, publishers*each)
	slices.SortFunc(told, func(a, b parley.Publication) int { return int(a.Position.Offset) - int(b.Position.Offset) })
	if !slices.EqualFunc(first, told, samePublication) {
		t.Error("done was told other positions than the watchers")
	}
}

func testChannelsApart(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	defer closeBroker(t, b)
	names := []string{"a", "b", "a.b", "a.*", ">", "", "rooms/ünï code\n"}
	logs := make([]watchLog, len(names))
	for i, name := range names {
		defer b.Watch(name, logs[i].add)()
	}
	for _, name := range names {
		b.Publish(name, parley.Message{Kind: parley.Text, Data: []byte(name)}, nil)
		b.Publish(name, parley.Message{Kind: parley.Binary, Data: []byte(name)}, nil)
	}
	for i, name := range names {
		got := logs[i].wait(t, 2)
		for k, kind := range []parley.Kind{parley.Text, parley.Binary} {
			if m := got[k].Message; got[k].Channel != name || m.Kind != kind || string(m.Data) != name {
				t.Errorf("channel %q heard %s %q on %q", name, m.Kind, m.Data, got[k].Channel)
			}
		}
	}
}

func testStop(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	defer closeBroker(t, b)
	quit := make(chan struct{})
	var publishing sync.WaitGroup
	for range 4 {
		publishing.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
					b.Publish("room", parley.Message{Kind: parley.Text}, nil)
				}
			}
		})
	}
	for range 50 {
		var stopped atomic.Bool
		heard := make(chan struct{}, 1)
		stop := b.Watch("room", func(parley.Publication) {
			if stopped.Load() {
				t.Error("heard a publication after stop had returned")
			}
			select {
			case heard <- struct{}{}:
			default:
			}
		})
		waitFor(t, heard, "a publication")
		stop()
		stopped.Store(true)
	}
	close(quit)
	publishing.Wait()
}

func testStopTwice(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	defer closeBroker(t, b)
	var stays watchLog
	defer b.Watch("room", stays.add)()
	stop := b.Watch("room", func(parley.Publication) { t.Error("heard a publication after stop had returned") })
	stop()
	stop()
	b.Publish("room", parley.Message{Kind: parley.Text, Data: []byte("x")}, nil)
	stays.wait(t, 1)
}

func testDone(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	var mu sync.Mutex // held around Publish: a done within it would wait for ever
	const n = 200
	calls := make([]int, n)
	published := make(chan struct{})
	go func() {
		defer close(published)
		for i := range n {
			mu.Lock()
			b.Publish("room", parley.Message{Kind: parley.Text}, func(at parley.Position, err error) {
				mu.Lock()
				defer mu.Unlock()
				calls[i]++
				if err != nil || at == (parley.Position{}) {
					t.Errorf("done %d = %v, %v", i, at, err)
				}
			})
			mu.Unlock()
		}
	}()
	waitFor(t, published, "Publish: it waits for its done")
	closeBroker(t, b)
	mu.Lock()
	defer mu.Unlock()
	for i, got := range calls {
		if got != 1 {
			t.Errorf("done %d was called %d times before Close returned, want once", i, got)
		}
	}
}

func testDoneUsesBroker(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	defer closeBroker(t, b)
	over := make(chan struct{})
	b.Publish("room", parley.Message{Kind: parley.Text}, func(parley.Position, error) {
		stop := b.Watch("room", func(parley.Publication) {})
		stop()
		b.Publish("room", parley.Message{Kind: parley.Text}, func(parley.Position, error) { close(over) })
	})
	waitFor(t, over, "the done of a publication made in a done")
}

func testClose(t *testing.T, newBroker func(*testing.T) hub.Broker) {
	b := newBroker(t)
	var heard watchLog
	defer b.Watch("room", heard.add)()

	// Publishers go on through Close: what was accepted, and only that, is heard.
	var accepted, answers atomic.Int64
	const publishers, each = 8, 200
	half := make(chan struct{})
	var published atomic.Int64
	var publishing sync.WaitGroup
	for range publishers {
		publishing.Go(func() {
			for range each {
				b.Publish("room", parley.Message{Kind: parley.Text}, func(_ parley.Position, err error) {
					answers.Add(1)
					switch {
					case err == nil:
						accepted.Add(1)
					case !errors.Is(err, parley.ErrDraining):
						t.Errorf("done: %v, want nil or ErrDraining", err)
					}
				})
				if published.Add(1) == publishers*each/2 {
					close(half)
				}
			}
		})
	}
	waitFor(t, half, "publications")
	closeBroker(t, b)
	publishing.Wait()

	var late sync.WaitGroup
	for range 3 {
		late.Add(1)
		b.Publish("room", parley.Message{Kind: parley.Text}, func(_ parley.Position, err error) {
			if !errors.Is(err, parley.ErrDraining) {
				t.Errorf("done after Close: %v, want ErrDraining", err)
			}
			late.Done()
		})
	}
	b.Publish("room", parley.Message{Kind: parley.Text}, nil)
	late.Wait()
	closeBroker(t, b) // again: nothing happens, and the other dones have been called
	if got := answers.Load(); got != publishers*each {
		t.Errorf("%d dones were called, want %d", got, publishers*each)
	}
	if got, want := int64(len(heard.wait(t, int(accepted.Load())))), accepted.Load(); got != want {
		t.Errorf("%d publications were heard, %d accepted", got, want)
	}
}

// A watchLog remembers publications. It is safe for concurrent use.
type watchLog struct {
	mu   sync.Mutex
	list []parley.Publication
}

func (l *watchLog) add(p parley.Publication) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, p)
}

// wait returns what was heard once it is at least n publications.
func (l *watchLog) wait(t *testing.T, n int) []parley.Publication {
	t.Helper()
	var list []parley.Publication
	poll(t, fmt.Sprintf("%d publications", n), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		list = slices.Clone(l.list)
		return len(list) >= n
	})
	return list
}

// publishAll calls publish for the messages "0 0", "0 1", … of as many
// publishers at once, each in its own order.
func publishAll(publishers, each int, publish func(parley.Message)) {
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				publish(parley.Message{Kind: parley.Text, Data: fmt.Appendf(nil, "%d %d", p, i)})
			}
		})
	}
	all.Wait()
}

// checkPublishersOrder wants each message of publishAll once, those of one
// publisher in its order.
func checkPublishersOrder(t *testing.T, publishers, each int, got []string) {
	t.Helper()
	if len(got) != publishers*each {
		t.Errorf("%d messages, want %d", len(got), publishers*each)
	}
	next := make([]int, publishers)
	for _, text := range got {
		var p, i int
		if _, err := fmt.Sscanf(text, "%d %d", &p, &i); err != nil {
			t.Fatalf("message %q: %v", text, err)
		}
		if i != next[p] {
			t.Fatalf("publisher %d: message %d came where %d was due", p, i, next[p])
		}
		next[p]++
	}
}

func texts(list []parley.Publication) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = string(p.Message.Data)
	}
	return out
}

func samePublication(a, b parley.Publication) bool {
	return a.Channel == b.Channel && a.Position == b.Position && string(a.Message.Data) == string(b.Message.Data)
}

func closeBroker(t *testing.T, b hub.Broker) {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- b.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Errorf("closing the broker: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Close does not return")
	}
}

func waitFor(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
}

// poll waits until ok returns true.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
