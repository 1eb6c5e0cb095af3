package ws

import (
	"log/slog"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"parley.example/parley"
)

// Options are the engine's. The zero value is useful.
type Options struct {
	Driver Driver
	Loops  int // 0 means as many as pay (docs/adr/0005); there are none where Driver has none

	MaxConns      int // 0 means nine tenths of the descriptors that the process may open
	MaxPerAddress int // connections of one address, see Accept.Address; 0 means any number

	// CloseTimeout is how long a peer has to answer a close frame. 0, or
	// less, means 5 s.
	CloseTimeout time.Duration

	Log *slog.Logger // nil means discard
}

// A Driver is a way of getting octets in and out.
type Driver uint8

// The drivers. Whatever is chosen, only a plain TCP or Unix connection can live
// on a loop; others get a goroutine.
const (
	Auto      Driver = iota // Epoll where there is one
	Epoll                   // loops that wait for many connections at once: Linux
	Goroutine               // a goroutine for each connection
)

// An Engine keeps WebSockets. Its methods are safe for every goroutine.
type Engine struct {
	// Set by New, then read-only.
	maxConns, maxPerAddress int
	closeTimeout            time.Duration
	log                     *slog.Logger
	began                   time.Time
	buffers                 *buffers
	deflate                 *deflatePools
	loops                   []*Loop  // none if there is only the goroutine driver
	counts                  counters // of the goroutine driver
	hands                   hands    // of the goroutine driver; safe for every goroutine

	lastID   atomic.Uint64
	lastLoop atomic.Uint32

	draining atomic.Pointer[drain] // nil until Shutdown; set under mu

	mu        sync.Mutex         // guards all that follows
	conns     map[*Conn]struct{} // of the goroutine driver
	places    int                // connections, and handshakes on their way to be one
	addresses map[netip.Addr]int // places of each address; nil if they are not counted
	open      int
	accepted  uint64
	refused   map[Refusal]uint64
	closed    map[parley.CloseCode]uint64
}

// New makes an engine. It has nothing running until it has a connection.
func New(opt Options) *Engine {
	e := &Engine{
		maxConns:      opt.MaxConns,
		maxPerAddress: opt.MaxPerAddress,
		closeTimeout:  opt.CloseTimeout,
		log:           opt.Log,
		began:         time.Now(),
		buffers:       newBuffers(),
		deflate:       newDeflatePools(),
		conns:         map[*Conn]struct{}{},
		refused:       map[Refusal]uint64{},
		closed:        map[parley.CloseCode]uint64{},
	}
	if e.closeTimeout <= 0 {
		e.closeTimeout = 5 * time.Second
	}
	if e.maxConns == 0 {
		e.maxConns = int(min(descriptorLimit(), math.MaxInt32) / 10 * 9)
	}
	if e.maxPerAddress > 0 {
		e.addresses = map[netip.Addr]int{}
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if opt.Driver != Goroutine && HaveLoops {
		if opt.Loops <= 0 {
			opt.Loops = defaultLoops()
		}
		for range opt.Loops {
			e.loops = append(e.loops, newLoop(e))
		}
	}
	return e
}

// defaultLoops is how many loops pay: see docs/adr/0005.
func defaultLoops() int { return runtime.GOMAXPROCS(0) }

// NewID returns an id that no connection of this engine has had.
func (e *Engine) NewID() parley.ConnID { return parley.ConnID(e.lastID.Add(1)) }

// Loop returns the i-th loop, counted round and round; nil if there are none.
func (e *Engine) Loop(i int) *Loop {
	if len(e.loops) == 0 {
		return nil
	}
	return e.loops[i%len(e.loops)]
}

// now is the time since New.
func (e *Engine) now() time.Duration { return time.Since(e.began) }

func (e *Engine) allCounters() []*counters {
	all := []*counters{&e.counts}
	for _, l := range e.loops {
		all = append(all, &l.counts)
	}
	return all
}

// A Refusal says why a handshake was refused.
type Refusal string

// The refusals.
const (
	RefusedBad      Refusal = "bad"      // no proper handshake
	RefusedDraining Refusal = "draining" // the engine is shutting down
	RefusedFull     Refusal = "full"     // Options.MaxConns
	RefusedAddress  Refusal = "address"  // Options.MaxPerAddress
	RefusedFault    Refusal = "fault"    // the system would not let us
)

// refuse counts err and returns it.
func (e *Engine) refuse(err *HandshakeError) *HandshakeError {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused[err.Refusal]++
	return err
}

// full returns why the engine takes no connection of address, or nil.
func (e *Engine) full(address netip.Addr) *HandshakeError {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refusal(address)
}

// refusal is full; mu is held.
func (e *Engine) refusal(address netip.Addr) *HandshakeError {
	switch {
	case e.draining.Load() != nil:
		return unavailable(RefusedDraining, "the server is stopping", parley.ErrDraining)
	case e.places >= e.maxConns:
		return unavailable(RefusedFull, "the server has all the connections it can have", parley.ErrUnavailable)
	case e.addresses != nil && address.IsValid() && e.addresses[address] >= e.maxPerAddress:
		return tooMany("your address has all the connections it can have")
	}
	return nil
}

// reserve takes a place for a connection of address; add and then remove, or
// else release, give it back.
func (e *Engine) reserve(address netip.Addr) *HandshakeError {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.refusal(address); err != nil {
		return err
	}
	e.places++
	if e.addresses != nil && address.IsValid() {
		e.addresses[address]++
	}
	return nil
}

// release gives a place back; mu is held.
func (e *Engine) release(address netip.Addr) {
	e.places--
	if e.addresses != nil && address.IsValid() {
		if e.addresses[address]--; e.addresses[address] == 0 {
			delete(e.addresses, address)
		}
	}
	if d := e.draining.Load(); d != nil && e.places == 0 {
		e.allGone(d)
	}
}

// add counts c, which has a place.
func (e *Engine) add(c *Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accepted++
	e.open++
	if c.driver.loop() == nil {
		e.conns[c] = struct{}{}
	}
}

// remove is a reader's last word.
func (e *Engine) remove(c *Conn) {
	c.mu.Lock()
	code := c.code
	var address netip.Addr
	if c.seldom != nil {
		address = c.seldom.address
	}
	c.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, c)
	e.open--
	e.closed[code]++
	e.release(address)
}
