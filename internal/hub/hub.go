package hub

import (
	"log/slog"

	"parley.example/parley"
)

// A Frame is a publication made ready to send, once for all members. The hub
// does not look inside.
type Frame any

// A Member receives the publications of the channels it belongs to. Its
// dynamic type must be comparable: it is the key of the membership.
type Member interface {
	// Deliver hands over one prepared publication. It is called in the order
	// of the channel, under the channel's lock: it must not block and not
	// call the hub.
	Deliver(f Frame)
}

// Options of a Hub.
type Options struct {
	Broker Broker // nil means a memory broker: this node only

	// Prepare makes the frame that members get; it is called once per
	// publication, and only if the channel has members. Required.
	Prepare func(parley.Message) Frame

	Log *slog.Logger // nil means discard
}
