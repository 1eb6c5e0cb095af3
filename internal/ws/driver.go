package ws

import "time"

// A driver gets a connection's octets in and out and tells it the time. It is
// all that differs between kinds of connections; the connection does no I/O.
//
// Its reader, one loop or goroutine, does what Conn.wants says. Whoever gets
// the right to write (by endTurn, or by a call of flush) writes what
// Conn.output gives until it gives nothing.
type driver interface {
	// now is the time since the engine began. It may be called under Conn.mu.
	now() time.Duration

	// alarm makes the driver call Conn.tick once, wait from now, instead of
	// whenever an earlier alarm said. It is called under Conn.mu.
	alarm(wait time.Duration)

	// flush hands the right to write to the driver. It does not wait.
	flush()

	// wake makes the reader call Conn.wants soon. It does not wait.
	wake()

	// cut ends the transport at once, whatever is still under way. A reader
	// or writer that waits for it ends with an error.
	cut()

	// loop is what the connection lives on; nil for none.
	loop() *Loop

	// settle delivers what was posted to the loop and is not delivered yet.
	settle()
}
