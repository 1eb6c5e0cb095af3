package serial

import (
	"sync"
)

// A Group counts the goroutines of a runtime. The zero value is ready, and safe
// for every goroutine.
type Group struct {
	mu      sync.Mutex // guards what follows
	running int
	idle    chan struct{} // closed when running becomes 0; nil if nobody waits
}

// Begin counts a goroutine that is about to be started.
func (g *Group) Begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running++
}

// End is a goroutine's last word.
func (g *Group) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.running == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// Running is how many there are.
func (g *Group) Running() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running
}

// Idle returns what is closed once there are none.
func (g *Group) Idle() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	if g.running == 0 {
		close(g.idle)
		g.idle = nil
	}
	return idle
}
