package ws

// The bits of Conn.state. A connection is open until stateClosing is set;
// then finishing, flushed and over may follow, in that order.
const (
	stateFull      = 1 << iota // too much is unanswered: the peer is not read
	stateHigh                  // the outbox was over half its limit and not under a quarter since: likewise
	stateUnread                // the peer sends pings and reads nothing: likewise
	stateHeld                  // what the peer said behind messages waits for their answers: likewise
	stateLimited               // the peer was faster than its rate: likewise
	stateImpatient             // waiting for answers took too long: it is not waited again for the same messages
	stateMute                  // a write has failed: nothing goes out any more
	stateClosing               // either side has begun to close: nothing more is sent or handed over
	stateFinishing             // nothing that the peer may still say counts
	stateFlushed               // finishing, and nothing is left to write
	stateCut                   // the transport has been cut
	stateOver                  // OnClose is being called or has been

	// notRead are the reasons not to read an open connection.
	notRead = stateFull | stateHigh | stateUnread | stateHeld | stateLimited
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
	s := c.state.Load()
	switch {
	case s&(stateCut|stateFlushed) != 0:
		return wantEnd
	case s&stateClosing == 0 && s&notRead != 0:
		return wantNothing
	case held || c.in != nil && c.in.waiting != nil:
		return wantTurn
	}
	return wantRead
}
