package ws

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// lingerFor is how long a connection that has said all it had to say waits for
// the peer's end of the stream, throwing away what still comes: closing with
// octets unread would reset the connection, and the peer could lose our close
// frame.
const lingerFor = 2 * time.Second

// A goroutine is the driver that works everywhere: one goroutine waits for the
// peer's octets, runs the handler and, at the end of each turn, writes what
// the socket takes at once. A second one, started on demand, writes the rest
// and what others send, and ends when the outbox is empty.
//
// The reader starts in Accept or Adopt and waits for the writer before
// OnClose; Engine.Shutdown waits for the reader. A tick that is under way when
// the reader ends finds nothing to do.
type goroutine struct {
	conn   Conn
	socket socket
	engine *Engine
	timer  *time.Timer // set before the first alarm; Conn.mu orders its resets

	woken   chan struct{} // holds one token
	reading atomic.Bool   // the reader is in socket.read or about to be
}

func newGoroutine(e *Engine, nc net.Conn) *goroutine {
	d := &goroutine{engine: e, socket: newSocket(nc, e.buffers), woken: make(chan struct{}, 1)}
	d.conn.driver, d.conn.counts = d, &e.counts
	d.timer = time.AfterFunc(time.Hour, func() { d.conn.tick(d.now()) })
	d.timer.Stop()
	return d
}

func (d *goroutine) now() time.Duration { return d.engine.now() }

func (d *goroutine) alarm(wait time.Duration) { d.timer.Reset(wait) }

func (d *goroutine) flush() { go d.writeLoop() }

func (d *goroutine) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
	if d.reading.Load() {
		d.socket.interrupt()
	}
}

func (d *goroutine) cut() { d.socket.cut() }

func (d *goroutine) loop() *Loop { return nil }

func (d *goroutine) settle() {}

// readLoop is the reader. buffered are octets that came before it began.
func (d *goroutine) readLoop(buffered []byte) {
	d.conn.begin(d.now())
	d.endTurn() // of OnOpen
	ended := d.turns(buffered)
	d.socket.release()
	if closing := d.conn.noMoreTurns(); !closing {
		d.socket.close() // so that a writer does not wait
	}
	for !d.conn.idle() {
		<-d.woken
	}
	linger := time.Duration(0)
	if !ended && !d.conn.has(stateCut) {
		linger = min(lingerFor, d.engine.closeTimeout)
	}
	d.conn.over(d.now(), linger)
	if linger > 0 && d.socket.closeWrite() {
		d.drain()
	}
	d.timer.Stop()
	d.socket.close()
	d.engine.remove(&d.conn)
}

// turns works until the connection wants to end, or until nothing more can be
// read, of which it returns true.
func (d *goroutine) turns(held []byte) (ended bool) {
	fresh := len(held)
	for {
		switch d.conn.wants(len(held) > 0) {
		case wantEnd:
			return false
		case wantNothing:
			<-d.woken
		case wantTurn:
			held, _ = d.conn.turn(d.now(), held, fresh, turnMessages)
			fresh = 0
			d.endTurn()
		case wantRead:
			d.socket.release()
			held = nil
			d.reading.Store(true)
			if d.conn.wants(false) != wantRead {
				d.reading.Store(false)
				continue
			}
			b, err := d.socket.read()
			d.reading.Store(false)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				d.socket.rearm()
			case err != nil:
				return true
			default:
				held, fresh = b, len(b)
			}
		}
	}
}

// drain reads until the peer ends the stream or the connection is cut.
func (d *goroutine) drain() {
	for !d.conn.has(stateCut) {
		_, err := d.socket.read()
		d.socket.release()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			d.socket.rearm()
		} else if err != nil {
			return
		}
	}
}

// endTurn writes what the turn has sent, as far as the socket takes it at
// once, and leaves the rest to a writer.
func (d *goroutine) endTurn() {
	if !d.conn.endTurn() {
		return
	}
	for b := d.conn.output(); b != nil; {
		n, err := d.socket.tryWrite(b)
		if err != nil {
			d.conn.writeFailed(d.now())
			return
		}
		if n < len(b) {
			if n > 0 {
				d.conn.wrote(d.now(), n)
			}
			d.flush()
			return
		}
		b = d.conn.wrote(d.now(), n)
	}
}

// writeLoop is the writer.
func (d *goroutine) writeLoop() {
	for b := d.conn.output(); b != nil; {
		n, err := d.socket.write(b)
		if err != nil {
			d.conn.writeFailed(d.now())
			return
		}
		b = d.conn.wrote(d.now(), n)
	}
}
