package python

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	readSize  = 64 << 10 // a link's read buffer, while rows are shorter
	keepBytes = 1 << 20  // a write buffer that has grown larger is not kept
)

// A link carries rows to and from one worker. readLoop and writeLoop each need
// a goroutine; everything else may be called from anywhere and never waits.
//
// What waits to be written has no limit of its own: the windows of the
// connections bound it, because each stops reading its peer at 256 messages or
// 256 KiB that the worker has not done.
type link struct {
	conn io.ReadWriteCloser // set by newLink
	wake chan struct{}      // of one place: there is something to write, or an end

	received atomic.Uint64 // rows read

	mu     sync.Mutex
	queue  []byte // whole rows
	rows   int    // in queue
	sent   uint64 // rows ever queued
	closed bool
	held   map[string]*heldRows // by session id
}

// heldRows are the SESSION rows of one session while an OPEN that will carry
// its values is being made: the worker must have the values first.
type heldRows struct {
	opening int // OPENs under way
	queue   []byte
	rows    int
}

func newLink(conn io.ReadWriteCloser) *link {
	return &link{conn: conn, wake: make(chan struct{}, 1), held: map[string]*heldRows{}}
}

// send queues one row. On a closed link it does nothing.
func (l *link) send(typ rowType, number uint32, parts ...[]byte) {
	l.mu.Lock()
	l.append(typ, number, parts...)
	l.mu.Unlock()
}

// append queues one row; l.mu is held.
func (l *link) append(typ rowType, number uint32, parts ...[]byte) {
	if l.closed {
		return
	}
	if len(l.queue) == 0 {
		l.signal()
	}
	l.queue = appendRow(l.queue, typ, number, parts...)
	l.rows++
	l.sent++
}

func (l *link) signal() {
	select {
	case l.wake <- struct{}{}:
	default: // the writer has yet to look
	}
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
	defer l.mu.Unlock()
	l.append(typ, number, parts...)
	h := l.held[session]
	if h.opening--; h.opening > 0 {
		return
	}
	delete(l.held, session)
	if h.rows > 0 && !l.closed {
		l.signal()
		l.queue = append(l.queue, h.queue...)
		l.rows += h.rows
		l.sent += uint64(h.rows)
	}
}

// sendSession queues a SESSION row, behind an OPEN of that session that is
// under way.
func (l *link) sendSession(session string, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held[session]; h != nil {
		h.queue = appendRow(h.queue, toSession, 0, payload)
		h.rows++
		return
	}
	l.append(toSession, 0, payload)
}

// queued returns the octets that wait to be written, and the rows that were
// ever sent.
func (l *link) queued() (octets int, sent uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue), l.sent
}

// close ends the link in both directions; both loops return. What was queued
// is dropped. It is idempotent.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.queue = nil
	l.mu.Unlock()
	l.signal()
	_ = l.conn.Close() // the link is over either way
}

// writeLoop writes what is queued, as much as there is at a time, until the
// link is closed or broken.
func (l *link) writeLoop() {
	var batch []byte
	busy := false
	for range l.wake {
		if busy {
			runtime.Gosched() // lets those who are about to send join this write
		}
		l.mu.Lock()
		batch, l.queue = l.queue, batch[:0]
		busy = l.rows > 2
		l.rows = 0
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return
		}
		if len(batch) == 0 {
			continue
		}
		if _, err := l.conn.Write(batch); err != nil {
			return // the reader hears of the end too, and says so
		}
		if cap(batch) > keepBytes {
			batch = nil
		}
	}
}

// readLoop hands each row to apply, in order, until the link ends. Its error is
// nil at the end, a *rowError if what came is no row, or what apply said.
func (l *link) readLoop(apply func(row) error) error {
	buf := make([]byte, readSize)
	start, end := 0, 0
	for {
		n, readErr := l.conn.Read(buf[end:])
		end += n
		for {
			r, size, err := nextRow(buf[start:end])
			if err != nil {
				return err
			}
			if size == 0 {
				break
			}
			start += size
			l.received.Add(1)
			if err := apply(r); err != nil {
				return err
			}
		}
		if readErr != nil {
			return nil // ended, perhaps within a row: how the process ended tells why
		}
		switch {
		case start == end:
			start, end = 0, 0
			if len(buf) > readSize {
				buf = make([]byte, readSize)
			}
		case end < len(buf):
		case start > 0:
			end = copy(buf, buf[start:end])
			start = 0
		default: // one row fills it: grow as it comes, not as it claims
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}
