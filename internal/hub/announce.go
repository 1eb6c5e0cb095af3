package hub

import (
	"errors"
	"strings"

	"parley.example/parley"
)

// reserved begins the names of the broker's channels that carry announcements.
// Those of users never do: Subscribe and Publish refuse such names.
const reserved = "\x00"

// ErrReserved says that a channel's name begins with a NUL octet.
var ErrReserved = errors.New("channel names that begin with a NUL octet are reserved")

// Announce tells the servers of all nodes, this one included: who listens to
// topic hears data. It never waits; announcements of one topic that follow one
// another are heard in that order. data must not change afterwards. Once the hub
// is closed, nobody hears anything. Announce must not be called from Deliver.
func (h *Hub) Announce(topic string, data []byte) {
	h.broker.Publish(reserved+topic, parley.Message{Kind: parley.Binary, Data: data}, nil)
}

// Listen calls fn for each later announcement of topic, one at a time, until
// stop has returned. fn may run within a call of Announce: it must not block, nor
// call stop, Announce or Listen. data is shared: nobody changes it. Calling stop
// again does nothing.
func (h *Hub) Listen(topic string, fn func(data []byte)) (stop func()) {
	return h.broker.Watch(reserved+topic, func(p parley.Publication) { fn(p.Message.Data) })
}

// refuses reports whether channel is reserved. The log gets one warning, the
// rest at debug level: it may be a peer that chooses the names.
func (h *Hub) refuses(channel string) bool {
	if !strings.HasPrefix(channel, reserved) {
		return false
	}
	say := h.log.Debug
	if !h.warned.Swap(true) {
		say = h.log.Warn
	}
	say("channel not used", "channel", channel, "err", ErrReserved)
	return true
}
