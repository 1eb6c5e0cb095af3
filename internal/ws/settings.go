package ws

import (
	"math"
	"time"
)

// Settings are how the connections of one endpoint are treated. The zero value
// is useful; it is not changed once a connection has it.
type Settings struct {
	MaxMessage int // octets of one message, under 2 GiB; 0 means 1 MiB

	// Outbox is how many octets may wait for a peer, under 2 GiB; 0 means 1 MiB,
	// or twice MaxMessage if that is more. Slow is what happens beyond.
	Outbox int
	Slow   SlowPolicy

	// Window bounds what is handed over and not answered, see Conn.Hold: once
	// either is reached the peer is not read, until less than half of both is
	// left. 0 means 256 messages and 256 KiB.
	WindowMessages, WindowBytes int

	// How often a silent peer is pinged, and after how long a silence it is
	// closed as stale. 0 means 25 s and 50 s, negative never.
	PingEvery, StaleAfter time.Duration

	// IdleAfter is for how long no message may go either way before the
	// connection is closed with CloseGoingAway; 0 means for ever.
	IdleAfter time.Duration

	// Compression is how messages are compressed for peers that offer it; nil
	// means not at all. Its ContextTakeover does not go with DropOldest: what is
	// dropped must not have been referred to.
	Compression *Compression

	Rate *Rate // how fast a peer may send; nil means as fast as it is read

	completed bool // by Complete
}

// A SlowPolicy says what happens to a message that does not fit the outbox.
// Whatever it is, a message is never cut short, and control frames always go
// out.
type SlowPolicy uint8

// The policies of a full outbox.
const (
	Disconnect SlowPolicy = iota // the connection is closed with CloseSlow
	DropOldest                   // messages that wait longest make room; none of which a part has been written
	DropNewest                   // the message is thrown away
)

const (
	defaultMaxMessage = 1 << 20
	defaultOutbox     = 1 << 20
	defaultMessages   = 256
	defaultBytes      = 256 << 10
	defaultPingEvery  = 25 * time.Second
	defaultStaleAfter = 50 * time.Second
)

// Complete returns s with every default in place, for many calls of Accept: it
// spares each the work.
func (s Settings) Complete() *Settings {
	if s.completed {
		return &s
	}
	s.completed = true
	if s.MaxMessage <= 0 {
		s.MaxMessage = defaultMaxMessage
	}
	if s.Outbox <= 0 {
		s.Outbox = max(defaultOutbox, 2*s.MaxMessage)
	}
	s.MaxMessage, s.Outbox = min(s.MaxMessage, math.MaxInt32), min(s.Outbox, math.MaxInt32)
	if s.WindowMessages <= 0 {
		s.WindowMessages = defaultMessages
	}
	if s.WindowBytes <= 0 {
		s.WindowBytes = defaultBytes
	}
	s.PingEvery = interval(s.PingEvery, defaultPingEvery)
	s.StaleAfter = interval(s.StaleAfter, defaultStaleAfter)
	s.IdleAfter = max(s.IdleAfter, 0)
	if s.Compression != nil && s.Slow == DropOldest {
		compression := *s.Compression
		compression.ContextTakeover = false
		s.Compression = &compression
	}
	if s.Rate != nil {
		rate := s.Rate.complete()
		s.Rate = &rate
	}
	return &s
}

// settingsOf returns s with every default in place; s may be nil. Durations of
// 0 are "never" then.
func settingsOf(s *Settings) *Settings {
	switch {
	case s == nil:
		return Settings{}.Complete()
	case !s.completed:
		return s.Complete()
	}
	return s
}

// interval is own, or otherwise if that is 0; negative becomes 0, never.
func interval(own, otherwise time.Duration) time.Duration {
	if own == 0 {
		own = otherwise
	}
	return max(own, 0)
}
