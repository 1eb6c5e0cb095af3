//go:build amd64 || arm64

package ws

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// HaveLoops says whether the epoll driver exists on this system and processor.
const HaveLoops = true

const (
	loopEvents = 128      // connections whose turn it is at once: what they send is still in the cache when it is written
	loopRead   = 64 << 10 // octets of one read
	turnBytes  = 1 << 20  // octets of one connection's turn, before others get theirs
	loopPieces = 64       // buffers of one writev
	loopWrites = 16       // writes of one connection in a turn
	loopFlush  = 128      // connections that are written to before the loop looks for more to read
)

// A Loop waits for many connections at once, hands over what they say, and
// writes, once for each connection and turn, what was sent to them. Its turn:
//
//	deliver what was posted (mailbox), and attend to connections that others have noticed
//	wait for octets, or for room to write
//	read from those connections, and hand over what they have said
//	ring the alarms that are due
//	write to those that have something to be written, if they are many to the first of them
//
// It starts with its first connection and ends after Engine.Shutdown, once its
// last connection and stream have ended; ended is closed then.
type Loop struct {
	engine   *Engine                // set by newLoop, then read-only
	counts   counters               // safe for every goroutine, as are the fields up to mu
	mail     mailbox                // what was posted
	noticed  atomic.Pointer[looped] // connections that others have something for, last first
	asleep   atomic.Bool            // it waits, or is about to: whoever brings work rings poll
	stopping atomic.Bool            // no connection will come any more
	streams  atomic.Int32           // attached, and not ended
	ended    chan struct{}
	asking   atomic.Bool // asked has something

	mu      sync.Mutex // guards what follows
	started bool
	over    bool     // it has ended, or is about to
	asked   []func() // what is to be called on the loop

	poll *poll // set by start

	ringing sync.Mutex // a leaf; who rings poll or closes it holds it
	silent  bool       // guarded by ringing: poll is closed

	// Owned by the loop's goroutine.
	time     time.Duration // of this turn
	table    []*looped     // by descriptor
	tenants  []*stream
	open     int    // connections in table
	lastMark uint32 // see nextMark
	alarms   wheel[looped]
	clock    *time.Timer   // rouses the loop when an alarm is due
	set      time.Duration // when clock does; 0 for not at all, or the past
	again    []*looped     // have more to read, or to hand over
	dirty    []*looped     // have something to write
	buf      []byte        // of loopRead
	pieces   [][]byte
	vectors  []syscall.Iovec
}

func newLoop(e *Engine) *Loop { return &Loop{engine: e, ended: make(chan struct{})} }

// start makes sure that the loop runs.
func (l *Loop) start() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.started {
		return nil
	}
	poll, err := newPoll()
	if err != nil {
		return fmt.Errorf("start a loop: %w", err)
	}
	l.poll = poll
	l.clock = time.AfterFunc(time.Hour, l.rouse)
	l.clock.Stop()
	l.buf = make([]byte, loopRead)
	l.pieces = make([][]byte, 0, loopPieces)
	l.vectors = make([]syscall.Iovec, 0, loopPieces)
	l.started = true
	go l.run()
	return nil
}

// stop makes the loop end once it has nothing left. Any goroutine may call it.
func (l *Loop) stop() {
	l.stopping.Store(true)
	l.rouse()
}

// join returns when the loop has ended, or if it never began. stop has been
// called.
func (l *Loop) join() {
	l.mu.Lock()
	started := l.started
	l.mu.Unlock()
	if started {
		<-l.ended
	}
}

// rouse makes the loop look for work, if it sleeps.
func (l *Loop) rouse() {
	if !l.asleep.Load() || !l.asleep.CompareAndSwap(true, false) {
		return
	}
	l.ringing.Lock()
	defer l.ringing.Unlock()
	if !l.silent { // it may have woken up and ended meanwhile
		l.poll.ring()
	}
}

// ask has the loop call fn. It reports false if the loop does not run.
func (l *Loop) ask(fn func()) bool {
	l.mu.Lock()
	runs := l.started && !l.over
	if runs {
		l.asked = append(l.asked, fn)
		l.asking.Store(true)
	}
	l.mu.Unlock()
	if runs {
		l.rouse()
	}
	return runs
}

// all returns the loop's connections. It must not be called on the loop.
func (l *Loop) all() (conns []*Conn) {
	done := make(chan struct{})
	asked := l.ask(func() {
		for _, c := range l.table {
			if c != nil {
				conns = append(conns, &c.conn)
			}
		}
		close(done)
	})
	if asked {
		<-done
	}
	return conns
}

// run is the loop's goroutine.
func (l *Loop) run() {
	defer close(l.ended)
	defer l.closeDescriptors()
	l.time = l.engine.now() // what comes before the first wait is of now
	for !l.isOver() {
		l.mail.deliver()
		l.attend()
		events := l.wait()
		l.time = l.engine.now()
		for i := range events {
			l.event(&events[i])
		}
		l.readStreams()
		l.continueTurns()
		l.alarms.advance(l.time, func(c *looped) { c.conn.tick(l.time) })
		l.mail.deliver()
		l.attend()
		l.flushSome()
	}
}

func (l *Loop) closeDescriptors() {
	l.clock.Stop()
	l.ringing.Lock()
	defer l.ringing.Unlock()
	l.silent = true
	l.poll.close()
}

// finished reports whether there is nothing left that the loop is for.
func (l *Loop) finished() bool {
	return l.stopping.Load() && l.open == 0 && l.streams.Load() == 0 && l.noticed.Load() == nil
}

// isOver reports whether the loop may end, and that nothing can be asked of it
// any more.
func (l *Loop) isOver() bool {
	if !l.finished() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = len(l.asked) == 0
	return l.over
}

// busy reports whether there is something to do without waiting.
func (l *Loop) busy() bool {
	if len(l.again) > 0 || len(l.dirty) > 0 || l.noticed.Load() != nil || l.mail.pending.Load() > 0 || l.asking.Load() {
		return true
	}
	for _, s := range l.tenants {
		if s.readable || s.woken.Load() && !s.blocked {
			return true
		}
	}
	return l.finished()
}

// wait returns the events that there are. It sleeps only if there is nothing
// else to do.
func (l *Loop) wait() []syscall.EpollEvent {
	if events := l.poll.now(); len(events) > 0 || l.busy() {
		return events
	}
	l.asleep.Store(true)
	if l.busy() { // came before those who bring work could see that it sleeps
		l.asleep.Store(false)
		return nil
	}
	l.setClock() // which may rouse it already
	events := l.poll.wait()
	l.asleep.Store(false)
	return events
}

// setClock has the loop roused when the next alarm is due.
func (l *Loop) setClock() {
	now := l.engine.now()
	wait := l.alarms.wait(now)
	if wait < 0 || l.set > now && l.set <= now+wait {
		return // it rings in time, perhaps too early: then it is set again
	}
	l.set = now + wait
	l.clock.Reset(wait)
}

// event handles one event of epoll: whatever is new of a descriptor is told
// once.
func (l *Loop) event(ev *syscall.EpollEvent) {
	fd, mark := int(ev.Fd), uint32(ev.Pad)
	if fd == l.poll.bell {
		return
	}
	if fd < len(l.table) {
		if c := l.table[fd]; c != nil && c.mark == mark {
			l.connEvent(c, ev.Events)
			return
		}
	}
	for _, s := range l.tenants {
		if s.fd == fd && s.mark == mark {
			l.streamEvent(s, ev.Events)
			return
		}
	}
	// The descriptor has been closed earlier in this turn, and perhaps another
	// has its number.
}

// nextMark returns what tells a descriptor from earlier ones of its number. It
// is never 0.
func (l *Loop) nextMark() uint32 {
	l.lastMark = max(l.lastMark+1, 1)
	return l.lastMark
}

func (l *Loop) connEvent(c *looped, events uint32) {
	if events&(syscall.EPOLLIN|syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		c.readable = true
		c.hangup = c.hangup || events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0
	}
	if c.blocked && events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		c.blocked = false
		l.soil(c)
	}
	if c.readable {
		l.work(c)
	}
}

// continueTurns goes on with those that had more to say than one turn holds.
func (l *Loop) continueTurns() {
	again := l.again
	l.again = nil
	for _, c := range again {
		c.queued = false
		l.work(c)
	}
	if l.again == nil {
		clear(again)
		l.again = again[:0]
	}
}

// attend does what others want of the loop.
func (l *Loop) attend() {
	for c := l.takeNoticed(); c != nil; {
		next := c.nextNoticed
		c.nextNoticed = nil
		what := c.notices.Swap(0)
		if c.mark == 0 {
			l.register(c)
		}
		if what&noticeFlush != 0 {
			l.soil(c)
		}
		if what&noticeLook != 0 && !c.gone {
			l.alarms.set(&c.timer, c.due())
			l.work(c)
		}
		c = next
	}
	if l.asking.Load() {
		l.answer()
	}
}

// answer does what was asked for.
func (l *Loop) answer() {
	l.mu.Lock()
	asked := l.asked
	l.asked = nil
	l.asking.Store(false)
	l.mu.Unlock()
	for _, fn := range asked {
		fn()
	}
}

// takeNoticed takes the list of connections that others have noticed, those
// first that were first.
func (l *Loop) takeNoticed() (first *looped) {
	for c := l.noticed.Swap(nil); c != nil; {
		next := c.nextNoticed
		c.nextNoticed, first = first, c
		c = next
	}
	return first
}

// soil has c written to at the end of the turn.
func (l *Loop) soil(c *looped) {
	if !c.dirty && !c.blocked && !c.gone {
		c.dirty = true
		l.dirty = append(l.dirty, c)
	}
}

// flushSome writes what the turn has left to be written, to as many connections
// as a turn writes to. Where much more is written than read, because something
// has been published to many, the others so get what is published meanwhile in
// the same write.
func (l *Loop) flushSome() {
	for _, s := range l.tenants {
		l.flushStream(s)
	}
	n := min(len(l.dirty), loopFlush)
	for i := range n {
		c := l.dirty[i]
		c.dirty = false
		if !c.gone {
			l.flush(c) // which may add to the end of l.dirty
		}
	}
	rest := copy(l.dirty, l.dirty[n:])
	clear(l.dirty[rest:])
	l.dirty = l.dirty[:rest]
}
