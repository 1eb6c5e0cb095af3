//go:build amd64 || arm64

package ws

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"parley.example/parley"
)

// A looped is a connection on a loop, and its driver: the loop reads it and has
// the right to write to it. Others leave a notice.
type looped struct {
	conn Conn
	home *Loop // set before OnOpen, then read-only

	nextNoticed *looped       // in the loop's list
	notices     atomic.Uint32 // noticeFlush, noticeLook; with any of them it is in that list

	// Set before OnOpen, then owned by the loop.
	fd        int32
	timer     alarm[looped]
	mark      uint32 // tells it from others that had the same descriptor; 0 before it is registered
	readable  bool   // there may be something to read
	hangup    bool   // and behind it, the end
	blocked   bool   // the socket takes nothing at the moment
	dirty     bool   // stands in Loop.dirty
	queued    bool   // stands in Loop.again
	eof       bool   // the peer's end of the stream has come, or an error
	ending    bool   // there are no more turns
	lingering bool   // OnClose has been called, and only the peer's end is waited for
	gone      bool   // it is closed
}

const (
	noticeFlush = 1 << iota // the loop has been given the right to write
	noticeLook              // the state has changed
)

// take makes a connection of nc that lives on l. It returns nil if nc cannot,
// and is not touched then.
func (l *Loop) take(nc net.Conn, buffered []byte) (c *Conn, run func()) {
	fd, ok := duplicate(nc)
	if !ok {
		return nil, nil
	}
	if err := l.start(); err != nil {
		l.engine.log.Error("no loop: connections get goroutines", "err", err)
		closeDescriptor(fd)
		return nil, nil
	}
	nc.Close()
	d := &looped{home: l, fd: int32(fd), readable: true}
	d.timer.of = d
	d.conn.driver, d.conn.counts = d, &l.counts
	d.notices.Store(noticeLook) // nobody but run puts it on the list first
	if len(buffered) > 0 {
		d.conn.in = &inbound{held: buffered}
	}
	return &d.conn, d.enlist
}

func (c *looped) now() time.Duration { return c.home.engine.now() }

// alarm leaves it to the loop to set the timer, when it looks.
func (c *looped) alarm(time.Duration) { c.conn.look = true }

func (c *looped) flush() { c.notice(noticeFlush) }

func (c *looped) wake() { c.notice(noticeLook) }

func (c *looped) cut() { c.notice(noticeLook) } // it sees stateCut

func (c *looped) loop() *Loop { return c.home }

func (c *looped) settle() { c.home.Settle() }

// notice puts c on the loop's list, but not before it runs: the loop must not
// know it while OnOpen is being called. Any goroutine may call it.
func (c *looped) notice(what uint32) {
	if c.notices.Or(what) == 0 {
		c.enlist()
	}
}

// enlist puts c on the loop's list. It may not be there.
func (c *looped) enlist() {
	l := c.home
	for {
		first := l.noticed.Load()
		c.nextNoticed = first
		if l.noticed.CompareAndSwap(first, c) {
			break
		}
	}
	l.rouse()
}

// due is when the next tick is.
func (c *looped) due() time.Duration {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.conn.clock.due
}

// register makes c known to epoll. What the peer has sent is read, and what
// OnOpen has sent is written in this turn.
func (l *Loop) register(c *looped) {
	fd := int(c.fd)
	if fd >= len(l.table) {
		l.table = append(l.table, make([]*looped, max(fd+1-len(l.table), len(l.table)/2, 64))...)
	}
	l.open++
	c.mark = l.nextMark()
	l.table[fd] = c
	if err := l.poll.add(fd, c.mark); err != nil {
		l.engine.log.Error("cannot wait for a connection", "conn", c.conn.id, "err", err)
		c.conn.giveUp(parley.CloseInternal, "the server cannot wait for one more peer")
	}
	c.conn.begin(l.time)
	if c.conn.endTurn() {
		l.soil(c)
	}
	l.work(c)
}

// work does what c wants, until it wants nothing or others are to have a turn.
func (l *Loop) work(c *looped) {
	messages, octets := turnMessages, turnBytes
	for {
		switch {
		case c.gone:
			return
		case c.lingering:
			l.linger(c)
			return
		case c.eof || c.ending:
			l.end(c)
			return
		}
		var held []byte
		if c.conn.in != nil {
			held = c.conn.in.held
		}
		fresh := 0
		switch c.conn.wants(len(held) > 0) {
		case wantEnd:
			l.end(c)
			return
		case wantNothing:
			return
		case wantRead:
			if !c.readable {
				return
			}
			if octets <= 0 || messages <= 0 {
				l.workAgain(c)
				return
			}
			n, err := l.read(c)
			if err != nil {
				c.eof = true
				continue
			}
			if n == 0 {
				return
			}
			octets -= n
			held, fresh = l.buf[:n], n
		case wantTurn:
			if messages <= 0 {
				l.workAgain(c)
				return
			}
		}
		messages -= l.turn(c, held, fresh, messages)
	}
}

func (l *Loop) workAgain(c *looped) {
	if !c.queued {
		c.queued = true
		l.again = append(l.again, c)
	}
}

// turn gives held, of which fresh octets were just read, to c.
func (l *Loop) turn(c *looped, held []byte, fresh, most int) (messages int) {
	if c.conn.in != nil {
		c.conn.in.held = nil
	}
	left, messages := c.conn.turn(l.time, held, fresh, most)
	if len(left) > 0 {
		if fresh > 0 {
			left = bytes.Clone(left) // the buffer is everybody's
		}
		c.conn.reading().held = left
	}
	if c.conn.endTurn() {
		l.soil(c)
	}
	return messages
}

// errEnd says that the peer will send nothing more.
var errEnd = errors.New("end of stream")

// read reads what is there, at most one buffer. It returns 0 if there is
// nothing.
func (l *Loop) read(c *looped) (int, error) {
	n, errno := readDescriptor(int(c.fd), l.buf)
	switch {
	case errno == syscall.EAGAIN:
		c.readable = false
		return 0, nil
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, errEnd
	}
	if n < len(l.buf) && !c.hangup {
		c.readable = false // what comes later is an event of its own
	}
	return n, nil
}

// flush writes what waits, as far as the socket takes it.
func (l *Loop) flush(c *looped) {
	pieces := c.conn.gather(l.pieces[:0])
	for i := 0; len(pieces) > 0; i++ {
		if i == loopWrites {
			l.soil(c)
			return
		}
		n, errno := l.write(int(c.fd), pieces)
		if errno == syscall.EAGAIN {
			c.blocked = true
			c.conn.tookNothing()
			return
		}
		if errno != 0 {
			c.conn.writeFailed(l.time)
			return
		}
		pieces = c.conn.wroteMany(l.time, n, l.pieces[:0])
	}
}

// end brings c to its end once there are no more turns: what still waits is
// written, OnClose is called, and the peer's end of the stream is waited for.
func (l *Loop) end(c *looped) {
	cut := c.conn.has(stateCut)
	if !c.ending {
		c.ending = true
		if closing := c.conn.noMoreTurns(); !closing {
			c.conn.writeFailed(l.time) // nothing that waits is worth the wait
		}
	}
	if cut {
		c.conn.writeFailed(l.time)
	}
	if !c.conn.idle() {
		return // the last flush comes back here
	}
	linger := time.Duration(0)
	if !c.eof && !cut {
		linger = min(lingerFor, l.engine.closeTimeout)
	}
	c.lingering = true
	c.conn.over(l.time, linger)
	if linger == 0 || syscall.Shutdown(int(c.fd), syscall.SHUT_WR) != nil {
		l.close(c)
		return
	}
	c.readable = true
	l.linger(c)
}

// linger throws away what comes until the peer's end of the stream, or until
// it has taken too long.
func (l *Loop) linger(c *looped) {
	for range turnBytes / loopRead {
		if c.conn.has(stateCut) {
			l.close(c)
			return
		}
		if !c.readable {
			return
		}
		if _, err := l.read(c); err != nil {
			l.close(c)
			return
		}
	}
	l.workAgain(c)
}

// close is the last that happens to c.
func (l *Loop) close(c *looped) {
	c.gone = true
	l.alarms.set(&c.timer, 0)
	l.table[c.fd] = nil
	l.open--
	if c.conn.has(stateCut) {
		forgetUnsent(int(c.fd))
	}
	closeDescriptor(int(c.fd))
	l.engine.remove(&c.conn)
}
