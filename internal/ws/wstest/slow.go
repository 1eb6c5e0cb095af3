package wstest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/ws"
)

// enough is how many octets fill the buffers of every kind of connection,
// however long the peer reads nothing.
const enough = 64 << 20

// numbered is the i-th message of a test. Its length says its number, too.
func numbered(i int) string {
	return fmt.Sprintf("%06d %s", i, strings.Repeat(string(rune('a'+i%26)), i%5000))
}

// sendNumbered sends the i-th message in one of the ways that there are.
func sendNumbered(c *ws.Conn, i int) error {
	if i%2 == 0 {
		return c.Send(parley.Text, []byte(numbered(i)))
	}
	if c.SendPrepared(ws.Prepare(parley.Message{Kind: parley.Text, Data: []byte(numbered(i))})) == 0 {
		return parley.ErrSlow
	}
	return nil
}

// untilClosed reads numbered messages until the close frame and returns their
// numbers. A message that is not whole fails the test.
func untilClosed(t *testing.T, peer *Peer, want string) (numbers []int) {
	t.Helper()
	for {
		line := peer.Next()
		if line == want {
			return numbers
		}
		i := 0
		if _, err := fmt.Sscanf(line, `text "%d `, &i); err != nil || line != Line("text", numbered(i)) {
			t.Fatalf("after %d messages: got %.50s", len(numbers), line)
		}
		numbers = append(numbers, i)
	}
}

// dropOldest: of what a peer does not read, the oldest messages go. What it
// gets is whole, in order, and ends with the latest.
func dropOldest(t *testing.T, s Setup) {
	const limit = 50_000
	c, peer, e := s.connectTo(t, ws.Options{}, ws.Accept{
		Handler: &Recorder{}, Settings: &ws.Settings{Outbox: limit, Slow: ws.DropOldest},
	})
	n := 0
	for octets := 0; e.Stats().DroppedOldest < 100; n++ {
		if octets += len(numbered(n)); octets > enough {
			t.Fatalf("of %d octets none were dropped", octets)
		}
		if err := sendNumbered(c, n); err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
		if size := c.Buffered(); size > limit {
			t.Fatalf("%d octets wait, %d are allowed", size, limit)
		}
	}
	c.Close(1000, "")
	got := untilClosed(t, peer, `close 1000 ""`)
	stats := e.Stats()
	if !slices.IsSorted(got) || got[len(got)-1] != n-1 {
		t.Errorf("the peer got, of %d, %v", n, got)
	}
	if len(got)+int(stats.DroppedOldest) != n || stats.DroppedNewest != 0 {
		t.Errorf("%d sent, %d got, %d and %d dropped", n, len(got), stats.DroppedOldest, stats.DroppedNewest)
	}
}

// dropNewest: what does not fit is refused, and all else comes.
func dropNewest(t *testing.T, s Setup) {
	const limit = 50_000
	c, peer, e := s.connectTo(t, ws.Options{}, ws.Accept{
		Handler: &Recorder{}, Settings: &ws.Settings{Outbox: limit, Slow: ws.DropNewest},
	})
	var want []int
	refused := 0
	for n, octets := 0, 0; refused < 100; n++ {
		if octets += len(numbered(n)); octets > enough {
			t.Fatalf("of %d octets none were refused", octets)
		}
		switch err := sendNumbered(c, n); {
		case err == nil:
			want = append(want, n)
		case errors.Is(err, parley.ErrSlow):
			refused++
		default:
			t.Fatalf("message %d: %v", n, err)
		}
		if size := c.Buffered(); size > limit {
			t.Fatalf("%d octets wait, %d are allowed", size, limit)
		}
	}
	// Once the peer has read, there is room again.
	drained := make(chan struct{})
	c.WhenDrained(func() { close(drained) })
	var got []int
	for len(got) < len(want) {
		i := 0
		if _, err := fmt.Sscanf(peer.Next(), `text "%d `, &i); err != nil {
			t.Fatal(err)
		}
		got = append(got, i)
	}
	within(t, drained, "draining")
	if err := sendNumbered(c, 999_999); err != nil {
		t.Errorf("after draining: %v", err)
	}
	want = append(want, 999_999)
	c.Close(1000, "")
	got = append(got, untilClosed(t, peer, `close 1000 ""`)...)
	if !slices.Equal(got, want) {
		t.Errorf("the peer got %v, want %v", got, want)
	}
	if stats := e.Stats(); stats.DroppedNewest != uint64(refused) || stats.DroppedOldest != 0 {
		t.Errorf("%d refused; dropped: %d newest, %d oldest", refused, stats.DroppedNewest, stats.DroppedOldest)
	}
}

// fill sends until the outbox is over half full and the socket takes nothing.
func fill(t *testing.T, c *ws.Conn, limit int) {
	t.Helper()
	for octets := 0; c.Buffered() <= limit*3/4; octets += 1000 {
		if octets > enough {
			t.Fatalf("%d octets do not fill the outbox", octets)
		}
		if err := c.Send(parley.Text, []byte(strings.Repeat("x", 1000))); err != nil {
			t.Fatal(err)
		}
	}
}

// whenDrained: at once if the outbox is not over half its limit; else when it
// is under a quarter, and once.
func whenDrained(t *testing.T, s Setup) {
	const limit = 100_000
	c, peer := s.connect(t, ws.Accept{Handler: &Recorder{}, Settings: &ws.Settings{Outbox: limit, Slow: ws.DropNewest}})
	called := 0
	c.WhenDrained(func() { called++ })
	if called != 1 {
		t.Fatal("nothing waits, and WhenDrained does not call")
	}
	fill(t, c, limit)
	waiting := make(chan int, 3) // how much waits when each is called
	for range 3 {
		c.WhenDrained(func() { waiting <- c.Buffered() })
	}
	go func() { _, _ = io.Copy(io.Discard, peer.Conn) }() // ends with the connection
	for range 3 {
		select {
		case n := <-waiting:
			if n >= limit/4 {
				t.Errorf("called while %d octets wait", n)
			}
		case <-time.After(patience):
			t.Fatal("not called")
		}
	}
	c.WhenDrained(func() { called++ })
	if called != 2 {
		t.Error("drained, and WhenDrained does not call")
	}
}

// whenDrainedEnded: the end of the connection counts as draining.
func whenDrainedEnded(t *testing.T, s Setup) {
	const limit = 100_000
	h := &Recorder{}
	c, peer := s.connect(t, ws.Accept{Handler: h, Settings: &ws.Settings{Outbox: limit}})
	fill(t, c, limit)
	done := make(chan struct{})
	c.WhenDrained(func() { close(done) })
	peer.Conn.Close()
	within(t, done, "draining")
	h.Expect(t, "open", `close 1006 ""`)
	called := false
	c.WhenDrained(func() { called = true })
	if !called {
		t.Error("ended, and WhenDrained does not call")
	}
}
