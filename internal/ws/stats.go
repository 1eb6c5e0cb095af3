package ws

import (
	"maps"
	"sync/atomic"

	"parley.example/parley"
)

// Stats are an engine's counters. Octets are those of frames and of our 101s.
type Stats struct {
	Open     int                // connections now, those that are closing included
	Accepted uint64             // connections ever
	Refused  map[Refusal]uint64 // handshakes
	Closed   map[parley.CloseCode]uint64

	MessagesIn, MessagesOut uint64 // data messages; out: queued, and all but the last few of a connection written
	BytesIn, BytesOut       uint64

	// Messages that did not fit an outbox, by which of them had to go.
	DroppedOldest, DroppedNewest uint64

	// What Settings.Rate did: how often a peer had to wait, and how many were
	// closed.
	LimitedWaits, LimitedClosed uint64
}

// counters are those that many connections share: all of one loop, or all of
// the goroutine driver.
type counters struct {
	messagesIn, messagesOut      atomic.Uint64
	bytesIn, bytesOut            atomic.Uint64
	droppedOldest, droppedNewest atomic.Uint64
	limitedWaits, limitedClosed  atomic.Uint64

	_ [64]byte // keeps other counters on another cache line
}

func (n *counters) addTo(s *Stats) {
	s.MessagesIn += n.messagesIn.Load()
	s.MessagesOut += n.messagesOut.Load()
	s.BytesIn += n.bytesIn.Load()
	s.BytesOut += n.bytesOut.Load()
	s.DroppedOldest += n.droppedOldest.Load()
	s.DroppedNewest += n.droppedNewest.Load()
	s.LimitedWaits += n.limitedWaits.Load()
	s.LimitedClosed += n.limitedClosed.Load()
}

// Stats returns the counters as they are now; its maps are the caller's.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	s := Stats{Open: e.open, Accepted: e.accepted, Refused: maps.Clone(e.refused), Closed: maps.Clone(e.closed)}
	e.mu.Unlock()
	for _, n := range e.allCounters() {
		n.addTo(&s)
	}
	return s
}
