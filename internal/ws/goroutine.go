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

// A goroutine is the driver that works everywhere: one goroutine, the reader,
// waits for the peer's octets, runs the handler and, at the end of each turn,
// writes what the socket takes at once. A second one, started on demand, writes
// the rest and what others send, and ends when the outbox is empty.
//
// What the reader does between two waits is a step. If the socket can wait
// without reading, hands do the steps.
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
	reading atomic.Bool   // the reader waits for octets or is about to

	// Owned by the reader and the hand that does its step.
	buffered []byte // octets that came before it began
	phase    phase
	waits    waitFor // after a step
	linger   bool    // the peer's end is to be waited for
}

// A phase is what a reader is about.
type phase uint8

const (
	phaseBegin  phase = iota
	phaseTurns        // reading, and handing over
	phaseFinish       // no more turns: what is being written goes out
	phaseDrain        // OnClose has been called: the peer's end is waited for
	phaseOver
)

// A waitFor is what a reader needs to go on.
type waitFor uint8

const (
	waitForNothing waitFor = iota // it is over
	waitForOctets
	waitForWake
)

func newGoroutine(e *Engine, nc net.Conn, buffered []byte) *goroutine {
	d := &goroutine{engine: e, socket: newSocket(nc, e.buffers), woken: make(chan struct{}, 1), buffered: buffered}
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

// readLoop is the reader.
func (d *goroutine) readLoop() {
	waits, canWait := d.socket.(waiter)
	for {
		if canWait {
			d.engine.hands.step(d)
		} else {
			d.step()
		}
		switch d.waits {
		case waitForNothing:
			d.engine.remove(&d.conn)
			return
		case waitForWake:
			<-d.woken
		case waitForOctets:
			if canWait && d.mayRead() {
				waits.wait()
			}
			d.reading.Store(false)
		}
	}
}

// mayRead says that reading or waiting for octets begins, and reports whether
// that is still what is wanted. Whoever changes that from now on interrupts it.
func (d *goroutine) mayRead() bool {
	d.reading.Store(true)
	if d.phase == phaseDrain {
		return !d.conn.has(stateCut)
	}
	return d.conn.wants(false) == wantRead
}

// step goes on as far as it can, and leaves in waits what it needs then.
func (d *goroutine) step() {
	d.waits = waitForNothing
	for d.phase != phaseOver && d.waits == waitForNothing {
		switch d.phase {
		case phaseBegin:
			d.conn.begin(d.now())
			d.endTurn() // of OnOpen
			d.phase = phaseTurns
		case phaseTurns:
			d.turns()
		case phaseFinish:
			d.finish()
		case phaseDrain:
			d.drain()
		}
	}
	if d.phase == phaseOver {
		d.timer.Stop()
		d.socket.close()
	}
}

// turns works until the connection wants to end, or nothing more can be read,
// or it has to wait.
func (d *goroutine) turns() {
	held := d.buffered
	d.buffered = nil
	if d.conn.in != nil && d.conn.in.held != nil {
		held, d.conn.in.held = d.conn.in.held, nil
	}
	fresh := len(held)
	for {
		switch d.conn.wants(len(held) > 0) {
		case wantEnd:
			d.socket.release()
			d.endTurns(false)
			return
		case wantNothing:
			if len(held) > 0 {
				d.conn.reading().held = held
			}
			d.waits = waitForWake
			return
		case wantTurn:
			held, _ = d.conn.turn(d.now(), held, fresh, turnMessages)
			fresh = 0
			d.endTurn()
		case wantRead:
			d.socket.release()
			held = nil
			if !d.mayRead() {
				d.reading.Store(false)
				continue
			}
			b, err := d.socket.read()
			switch {
			case errors.Is(err, errNothingYet):
				d.waits = waitForOctets
				return
			case errors.Is(err, os.ErrDeadlineExceeded):
				d.reading.Store(false)
				d.socket.rearm()
			case err != nil:
				d.reading.Store(false)
				d.endTurns(true)
				return
			default:
				d.reading.Store(false)
				held, fresh = b, len(b)
			}
		}
	}
}

// endTurns says that there are no more turns; ended is that nothing more can be
// read.
func (d *goroutine) endTurns(ended bool) {
	if closing := d.conn.noMoreTurns(); !closing {
		d.socket.close() // so that a writer does not wait
	}
	d.linger = !ended
	d.phase = phaseFinish
}

// finish calls OnClose once nobody writes any more.
func (d *goroutine) finish() {
	if !d.conn.idle() {
		d.waits = waitForWake
		return
	}
	linger := time.Duration(0)
	if d.linger && !d.conn.has(stateCut) {
		linger = min(lingerFor, d.engine.closeTimeout)
	}
	d.conn.over(d.now(), linger)
	d.phase = phaseOver
	if linger > 0 && d.socket.closeWrite() {
		d.phase = phaseDrain
	}
}

// drain reads until the peer ends the stream or the connection is cut.
func (d *goroutine) drain() {
	for !d.conn.has(stateCut) {
		_, err := d.socket.read()
		d.socket.release()
		switch {
		case errors.Is(err, errNothingYet):
			d.waits = waitForOctets
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			d.socket.rearm()
		case err != nil:
			d.phase = phaseOver
			return
		}
	}
	d.phase = phaseOver
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
