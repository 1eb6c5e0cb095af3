package ws

import (
	"maps"
	"sync/atomic"

	"parley.example/parley"
)

// Stats are an engine's counters. Octets are those of frames and of our 101s.
type Stats struct {
	Open     int    // connections now, those that are closing included
	Accepted uint64 // connections ever
	Refused  uint64 // handshakes
	Closed   map[parley.CloseCode]uint64

	MessagesIn, MessagesOut uint64 // data messages; out: queued, and all but the last few of a connection written
	BytesIn, BytesOut       uint64
}

// counters are written by every connection.
type counters struct {
	accepted, refused       atomic.Uint64
	messagesIn, messagesOut atomic.Uint64
	bytesIn, bytesOut       atomic.Uint64
}

// Stats returns the counters as they are now; Closed is the caller's.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	open, closed := len(e.conns), maps.Clone(e.closed)
	e.mu.Unlock()
	n := &e.counters
	return Stats{
		Open:        open,
		Accepted:    n.accepted.Load(),
		Refused:     n.refused.Load(),
		Closed:      closed,
		MessagesIn:  n.messagesIn.Load(),
		MessagesOut: n.messagesOut.Load(),
		BytesIn:     n.bytesIn.Load(),
		BytesOut:    n.bytesOut.Load(),
	}
}
