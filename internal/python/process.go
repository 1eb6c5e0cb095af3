package python

import (
	"context"
	"net"
)

// A process is one worker process that has been started.
type process interface {
	// Link is the server's end of the socket pair. Whoever asks owns it.
	Link() net.Conn

	// PID is for the log.
	PID() int

	// Dump asks for the stacks of all threads, on standard error.
	Dump()

	// Kill ends the process and its group, at once. It is idempotent.
	Kill()

	// Done is closed when the process has ended and has been reaped.
	Done() <-chan struct{}

	// Exit says how it ended, as "exit status 1". Valid once Done is closed.
	Exit() string
}

// A launcher finds what a worker needs, once, and then starts processes.
type launcher interface {
	// Prepare finds the interpreter and unpacks the worker. Its error is a
	// *NoPythonError if there is no interpreter that can run it.
	Prepare(ctx context.Context) error

	// Launch starts the process of a worker, which has this name.
	Launch(worker string) (process, error)
}
