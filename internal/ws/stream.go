package ws

// A Tenant is what a stream carries octets for (see Loop.Attach). Its methods
// must not block.
type Tenant = interface {
	// Read is given octets that have come, valid until it returns.
	Read(b []byte)

	// Output returns octets to be written, nil for none; they stay as they are
	// until Wrote says how many were taken.
	Output() []byte
	Wrote(n int)

	// Ended is the last call: the other end has closed the stream, it broke,
	// or Close was called.
	Ended()
}

// A Stream is a socket that is no WebSocket and lives on a loop. Any goroutine
// may call its methods, and more than once.
type Stream = interface {
	// Wake makes the loop ask for Output.
	Wake()

	// Close ends the stream; what was not written is lost.
	Close()
}

// A Receiver takes what was posted to a loop: several items at once if they
// were posted one right after the other. It must not block, nor post, nor call
// methods of a Conn other than SendPrepared.
type Receiver = interface{ Receive(items []any) }
