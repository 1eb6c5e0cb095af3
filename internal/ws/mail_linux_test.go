//go:build amd64 || arm64

package ws

import (
	"sync"
	"testing"
)

// counted is a Receiver that counts what it has been given.
type counted struct {
	mu    sync.Mutex
	items map[int]int // by poster: how many
}

func (c *counted) Receive(items []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range items {
		c.items[item.(int)]++
	}
}

// What was posted before has been handed over when deliver returns, whoever
// else posts and delivers meanwhile.
func TestMailboxSettles(t *testing.T) {
	const posters, each = 8, 20_000
	var m mailbox
	got := &counted{items: map[int]int{}}
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for n := 1; n <= each; n++ {
				m.post(got, p)
				m.deliver()
				got.mu.Lock()
				have := got.items[p]
				got.mu.Unlock()
				if have != n {
					t.Errorf("poster %d: %d of %d items were handed over", p, have, n)
					return
				}
			}
		})
	}
	all.Wait()
	if n := m.pending.Load(); n != 0 {
		t.Errorf("%d items are pending", n)
	}
}
