package parley

import "errors"

// Errors on which callers decide, with errors.Is.
var (
	// ErrClosed: the connection is closed or closing; nothing more is sent on it.
	ErrClosed = errors.New("connection closed")
	// ErrSlow: the peer's outbox is full and its policy is to disconnect.
	ErrSlow = errors.New("peer too slow")
	// ErrDraining: the server is stopping and takes nothing new.
	ErrDraining = errors.New("server is stopping")
	// ErrUnavailable: what should run the function cannot do so now; trying
	// again later may help.
	ErrUnavailable = errors.New("unavailable")
)
