package hub

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"parley.example/parley"
)

// A Frame is a publication made ready to send, once for all members. The hub
// does not look inside.
type Frame = any

// A Member receives the publications of the channels it belongs to. Its
// dynamic type must be comparable: it is the key of the membership.
type Member interface {
	// Deliver hands over prepared publications, at least one, in the order of
	// the channel; the slice is only valid until it returns. It is called on
	// any goroutine, under locks of the hub: it must not block and not call
	// the hub, nor what can.
	Deliver(fs []Frame)

	// Home is where what is published is to be posted for the member; nil
	// means that Deliver is called at once. It is asked for once for each
	// Subscribe.
	Home() Home
}

// A Home is what many members live on, such as a loop: it delivers to them
// when it suits it. Its dynamic type must be comparable. All methods are safe
// for concurrent use.
type Home interface {
	// Post makes the home call to.Receive soon, with item and with what is
	// posted to the same receiver right before and after it. All that is
	// posted is received in the order of the calls. It is called under the
	// channel's lock, and may call Receive itself.
	Post(to Receiver, item any)

	// Settle returns when all that was posted before has been received. It is
	// called under no lock.
	Settle()
}

// A Receiver is what posted items are for.
type Receiver = interface{ Receive(items []any) }

// Options of a Hub.
type Options struct {
	Broker Broker // nil means a memory broker: this node only

	// Prepare makes the frame that members get; it is called once per
	// publication, and only if the channel has members. Like Deliver, it must
	// not block and not call the hub. Required.
	Prepare func(parley.Message) Frame

	Log *slog.Logger // nil means discard
}

// A Hub knows which members belong to which channel on this node, and hands
// them what the Broker delivers. All methods are safe for concurrent use and
// never wait for anything but other calls of the hub.
//
// Locks are taken in this order, and no other two are ever held together:
// room.gate, then the broker's lock of the channel, then room.mu or what a home
// takes to receive, then group.mu, then what Deliver takes. The membership's
// shards (index) are leaves under room.gate. A publication takes the chain from
// the broker's lock on; a gate is never taken below it.
type Hub struct {
	broker  Broker                     // set by New, then read-only
	prepare func(parley.Message) Frame // likewise
	log     *slog.Logger               // likewise

	rooms   sync.Map    // channel name → *room; a room in it has members, or is about to
	index   *index      // safe for every goroutine, as are the fields below
	counts  counts      //
	warned  atomic.Bool // of a reserved name
	refused dones       // of publications that the broker never saw
}

type counts struct {
	channels      atomic.Int64
	subscriptions atomic.Int64
	publications  atomic.Uint64
	deliveries    atomic.Uint64
}

// New makes a Hub without members. It panics if opt.Prepare is missing.
func New(opt Options) *Hub {
	if opt.Prepare == nil {
		panic("hub: Options.Prepare is missing")
	}
	if opt.Broker == nil {
		opt.Broker = NewMemory()
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Hub{broker: opt.Broker, prepare: opt.Prepare, log: opt.Log, index: newIndex()}
}

// Subscribe makes m a member of channel: it hears every publication that
// begins after Subscribe has returned. Twice is once. A reserved name is ignored,
// and logged.
func (h *Hub) Subscribe(channel string, m Member) {
	if h.refuses(channel) {
		return
	}
	for {
		began, ok := h.room(channel).subscribe(m)
		if began {
			h.log.Debug("channel began", "channel", channel)
		}
		if ok {
			return
		}
		// The room lost its last member meanwhile: the next one is another.
	}
}

// Unsubscribe ends m's membership of channel, if there is one. What was
// published before is delivered before, and nothing of the channel once it has
// returned.
func (h *Hub) Unsubscribe(channel string, m Member) {
	if home := m.Home(); home != nil {
		home.Settle()
	}
	if r, ok := h.rooms.Load(channel); ok {
		h.leave(r.(*room), m)
	}
}

// Leave ends all memberships of m at once: nothing is delivered to m once it
// has returned. It belongs at m's end: whoever calls Subscribe for m at the same time or later has to call Leave
// again.
func (h *Hub) Leave(m Member) {
	for _, r := range h.index.roomsOf(m) {
		h.leave(r, m)
	}
}

func (h *Hub) leave(r *room, m Member) {
	if r.unsubscribe(m) {
		h.log.Debug("channel ended", "channel", r.channel)
	}
}

// Publish sends m to every member of channel, on all nodes. It never waits
// and calls for one channel are ordered; on a single node the members here
// have it when Publish returns, or when their homes have settled. done, if not nil, is called once, on another
// goroutine, when the Broker has accepted m, not when peers have it; it must
// not block. Its error is parley.ErrDraining once the hub is closed, and
// ErrReserved for a reserved name, which is logged. m.Data must not change
// afterwards. Publish must not be called from Deliver.
func (h *Hub) Publish(channel string, m parley.Message, done func(parley.Position, error)) {
	if h.refuses(channel) {
		h.refused.add(done, parley.Position{}, ErrReserved)
		return
	}
	h.counts.publications.Add(1)
	h.broker.Publish(channel, m, done)
}

// Close closes the Broker: what was accepted is delivered and every done has
// been called when it returns. Members stay, and hear nothing more. Closing
// twice does nothing.
func (h *Hub) Close() error {
	err := h.broker.Close()
	h.refused.wait()
	return err
}

// Stats are the hub's figures at one moment, read one after the other.
type Stats struct {
	Channels      int    // channels with members on this node
	Members       int    // members of at least one channel
	Subscriptions int    // memberships: a member of two channels counts twice
	Publications  uint64 // calls of Publish, ever
	Deliveries    uint64 // frames handed to members, ever
}

// Stats returns the figures of now.
func (h *Hub) Stats() Stats {
	return Stats{
		Channels:      int(h.counts.channels.Load()),
		Members:       h.index.members(),
		Subscriptions: int(h.counts.subscriptions.Load()),
		Publications:  h.counts.publications.Load(),
		Deliveries:    h.counts.deliveries.Load(),
	}
}

// room returns the room of channel, a new one if there is none.
func (h *Hub) room(channel string) *room {
	if r, ok := h.rooms.Load(channel); ok {
		return r.(*room)
	}
	r, _ := h.rooms.LoadOrStore(channel, &room{hub: h, channel: channel})
	return r.(*room)
}
