//go:build amd64 || arm64

package ws

import (
	"sync"
	"sync/atomic"
)

// maxMail is how many items may wait before whoever posts one delivers them
// himself: a publisher that is faster than the loop works for it.
const maxMail = 1024

// A mailbox keeps what was posted to a loop until it is delivered, in order.
// Whoever needs it delivered may do so, not only the loop: what a connection
// sends must not overtake what was posted before.
type mailbox struct {
	pending atomic.Int32 // posted, and not delivered to the last

	mu    sync.Mutex // a leaf
	posts posts

	// delivering is held while receivers are called.
	delivering sync.Mutex
	spare      posts // guarded by delivering: empty
}

// posts are items with whom they are for.
type posts struct {
	to    []Receiver
	items []any
}

// post adds an item and reports whether there are too many.
func (m *mailbox) post(to Receiver, item any) (full bool) {
	m.mu.Lock()
	m.posts.to = append(m.posts.to, to)
	m.posts.items = append(m.posts.items, item)
	// Counted before anybody can take it: or else deliver, having taken it,
	// would count down what others have posted and not delivered.
	pending := m.pending.Add(1)
	m.mu.Unlock()
	return pending > maxMail
}

// deliver returns when all that was posted before has been delivered.
func (m *mailbox) deliver() {
	if m.pending.Load() == 0 {
		return
	}
	m.delivering.Lock()
	defer m.delivering.Unlock()
	m.mu.Lock()
	p := m.posts
	m.posts = m.spare
	m.mu.Unlock()
	for i := 0; i < len(p.to); {
		n := i + 1
		for n < len(p.to) && p.to[n] == p.to[i] {
			n++
		}
		p.to[i].Receive(p.items[i:n])
		i = n
	}
	m.pending.Add(-int32(len(p.to)))
	clear(p.to)
	clear(p.items)
	m.spare = posts{to: p.to[:0], items: p.items[:0]}
}

// Post has the loop hand item to to, in the order of the calls of Post. It
// never waits for the loop, but may do its work: to must be ready to be called
// on any goroutine, and the caller must hold no lock that to takes. A
// receiver's dynamic type must be comparable.
func (l *Loop) Post(to Receiver, item any) {
	if l.mail.post(to, item) {
		l.mail.deliver()
	}
	l.rouse()
}

// Settle returns when all that was posted before has been handed over.
func (l *Loop) Settle() { l.mail.deliver() }
