package ws

// The bits of Conn.state. A connection is open until stateClosing is set;
// then finishing, flushed and over may follow, in that order.
const (
	statePaused    = 1 << iota // by Pause
	stateUnread                // the peer sends pings and reads nothing: it is not read either
	stateDrained               // OnDrain is due
	stateHeld                  // what the peer said behind messages waits for their answers
	stateImpatient             // that took too long: it does not wait again for the same messages
	stateMute                  // a write has failed: nothing goes out any more
	stateClosing               // either side has begun to close: nothing more is sent or handed over
	stateFinishing             // nothing that the peer may still say counts
	stateFlushed               // finishing, and nothing is left to write
	stateCut                   // the transport has been cut
	stateOver                  // OnClose is being called or has been
)

// has reports whether any of the bits is set.
func (c *Conn) has(bits uint32) bool { return c.state.Load()&bits != 0 }

// set sets bits; mu is held.
func (c *Conn) set(bits uint32) { c.state.Store(c.state.Load() | bits) }

// clear clears bits; mu is held.
func (c *Conn) clear(bits uint32) { c.state.Store(c.state.Load() &^ bits) }

// A want is what a connection needs of its driver's reader now.
type want uint8

const (
	wantRead    want = iota // read, then call turn
	wantTurn                // call turn with what is held, or with nothing
	wantNothing             // wait for wake
	wantEnd                 // no more turns: end
)

// wants says what the reader is to do next. held says that it has octets that
// turn did not take.
func (c *Conn) wants(held bool) want {
	held = held || c.waiting != nil
	s := c.state.Load()
	open := s&stateClosing == 0
	switch {
	case s&(stateCut|stateFlushed) != 0:
		return wantEnd
	case open && s&stateDrained != 0:
		return wantTurn
	case open && s&(statePaused|stateUnread|stateHeld) != 0:
		return wantNothing
	case held:
		return wantTurn
	}
	return wantRead
}
