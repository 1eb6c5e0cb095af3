package python

import (
	"net"
	"sync"
	"sync/atomic"
)

const keepBytes = 1 << 20 // a buffer that has grown larger is not kept

// A Loop is where the octets of workers' links are moved.
type Loop interface {
	// Attach moves octets between nc, which it owns from now on unless there is
	// an error, and t. It calls t's methods one at a time, and Ended last: when
	// nc has ended, or after Close.
	Attach(nc net.Conn, t interface {
		Read(b []byte)  // has come, and is only valid until it returns
		Output() []byte // to be written next; nil for nothing
		Wrote(n int)    // of Output
		Ended()
	}) (interface {
		Wake() // Output has something; safe for every goroutine
		Close()
	}, error)
}

// A link carries rows to and from one worker. It knows nothing of how octets
// are moved: whoever attaches it calls Read, Output, Wrote and Ended, one at a
// time. Everything else may be called from anywhere and never waits.
//
// What waits to be written has no limit of its own: the windows of the
// connections bound it, because each stops reading its peer at 256 messages or
// 256 KiB that the worker has not done.
type link struct {
	apply func(row) error // takes each row, in order; set by newLink
	ended chan struct{}   // closed when nothing will be read any more

	received atomic.Uint64 // rows read

	// Owned by whoever moves the octets.
	part   []byte // the start of a row that has not come whole
	broken error  // what was wrong with the rows; not changed once ended is closed

	mu     sync.Mutex
	mover  mover  // nil until start
	queue  []byte // whole rows
	batch  []byte // what is being written; rows go to queue meanwhile
	off    int    // octets of batch that are written
	sent   uint64 // rows ever queued
	closed bool
	held   map[string]*heldRows // by session id
}

// A mover is a link's place on a Loop.
type mover = interface {
	Wake()
	Close()
}

// heldRows are the SESSION rows of one session while an OPEN that will carry
// its values is being made: the worker must have the values first.
type heldRows struct {
	opening int // OPENs under way
	queue   []byte
	rows    int
}

func newLink(apply func(row) error) *link {
	return &link{apply: apply, ended: make(chan struct{}), held: map[string]*heldRows{}}
}

// start puts the link on a loop.
func (l *link) start(on Loop, nc net.Conn) error {
	m, err := on.Attach(nc, l)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.mover = m
	closed := l.closed
	l.mu.Unlock()
	if closed {
		m.Close()
	} else {
		m.Wake()
	}
	return nil
}

// send queues one row. On a closed link it does nothing.
func (l *link) send(typ rowType, number uint32, parts ...[]byte) {
	l.mu.Lock()
	wake := l.append(typ, number, parts...)
	l.mu.Unlock()
	if wake != nil {
		wake.Wake()
	}
}

// append queues one row and returns who is to be woken; l.mu is held.
func (l *link) append(typ rowType, number uint32, parts ...[]byte) (wake mover) {
	if l.closed {
		return nil
	}
	if len(l.queue) == 0 {
		wake = l.mover
	}
	l.queue = appendRow(l.queue, typ, number, parts...)
	l.sent++
	return wake
}

// hold keeps back the SESSION rows of a session until sendOpening.
func (l *link) hold(session string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[session] == nil {
		l.held[session] = &heldRows{}
	}
	l.held[session].opening++
}

// sendOpening queues an OPEN or CALL with the session's values in it, and then
// what hold kept back.
func (l *link) sendOpening(session string, typ rowType, number uint32, parts ...[]byte) {
	l.mu.Lock()
	wake := l.append(typ, number, parts...)
	h := l.held[session]
	if h.opening--; h.opening == 0 {
		delete(l.held, session)
		if h.rows > 0 && !l.closed {
			l.queue = append(l.queue, h.queue...)
			l.sent += uint64(h.rows)
		}
	}
	l.mu.Unlock()
	if wake != nil {
		wake.Wake()
	}
}

// sendSession queues a SESSION row, behind an OPEN of that session that is
// under way.
func (l *link) sendSession(session string, payload []byte) {
	l.mu.Lock()
	var wake mover
	if h := l.held[session]; h != nil {
		h.queue = appendRow(h.queue, toSession, 0, payload)
		h.rows++
	} else {
		wake = l.append(toSession, 0, payload)
	}
	l.mu.Unlock()
	if wake != nil {
		wake.Wake()
	}
}

// queued returns the octets that wait to be written, and the rows that were
// ever sent.
func (l *link) queued() (octets int, sent uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) + len(l.batch) - l.off, l.sent
}

// close ends the link in both directions. What was queued is dropped. It is
// idempotent, and does not wait for ended.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.queue = nil
	m := l.mover
	l.mu.Unlock()
	if m != nil {
		m.Close()
	}
}

// Output returns what is to be written next: all that is queued, until Wrote
// has taken it.
func (l *link) Output() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.off == len(l.batch) {
		if cap(l.batch) > keepBytes {
			l.batch = nil
		}
		l.batch, l.queue, l.off = l.queue, l.batch[:0], 0
	}
	return l.batch[l.off:]
}

// Wrote says that n octets of Output are written.
func (l *link) Wrote(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off += n
}

// Read hands each row that is whole now to apply, in order. After an error, of
// apply or because what came is no row, the link is closed and nothing more is
// handed over.
func (l *link) Read(b []byte) {
	if l.broken != nil {
		return
	}
	fresh := len(l.part) == 0
	if !fresh {
		l.part = append(l.part, b...)
		b = l.part
	}
	for {
		r, size, err := nextRow(b)
		if err == nil && size > 0 {
			l.received.Add(1)
			err = l.apply(r)
			b = b[size:]
		}
		if err != nil {
			l.broken = err
			l.close()
			return
		}
		if size == 0 {
			break
		}
	}
	switch {
	case !fresh && len(b) == len(l.part): // nothing of it was whole
	case cap(l.part) > keepBytes:
		l.part = append([]byte(nil), b...)
	default:
		l.part = append(l.part[:0], b...)
	}
}

// Ended says that nothing more comes; a row may have come in part. How the
// process ended tells why.
func (l *link) Ended() { close(l.ended) }
