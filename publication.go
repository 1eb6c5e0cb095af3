package parley

// A Position is a place in the stream of one channel. Offset counts up by one
// with each publication; Epoch changes when the channel's history is lost, and
// positions of different epochs cannot be compared.
type Position struct {
	Epoch  uint64
	Offset uint64
}

// A Publication is one message published to a channel, with the position the
// broker gave it. It is shared between members: nobody changes it.
type Publication struct {
	Channel  string
	Position Position
	Message  Message
}
