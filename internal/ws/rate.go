package ws

import "time"

// A Rate is how fast one peer may send, as token buckets (one of messages, one
// of octets of their payloads).
type Rate struct {
	Messages float64       // a second; 0 means any number
	Bytes    float64       // a second; 0 means any number
	Burst    time.Duration // how much may be saved up, as time at the full rate; 0 means 1 s

	// Close makes a peer that is too fast be closed with ClosePolicy; otherwise
	// it is not read until it may go on.
	Close bool
}

func (r Rate) complete() Rate {
	if r.Burst <= 0 {
		r.Burst = time.Second
	}
	return r
}

// A bucket holds what one peer may send at once, counted in time: a bucket is
// full at Burst, a message takes as long out of it as it takes at the full
// rate. It may go below zero by one message: then the peer has to wait.
type bucket struct {
	messages, bytes time.Duration
	filled          time.Duration // when, since the engine began
}

func newBucket(r *Rate, now time.Duration) *bucket {
	return &bucket{messages: r.Burst, bytes: r.Burst, filled: now}
}

// take counts a message of n octets. over says that the peer should have waited
// with it, and wait for how long it has to now; 0 or less means not at all.
func (b *bucket) take(r *Rate, n int, now time.Duration) (over bool, wait time.Duration) {
	gained := max(now-b.filled, 0)
	b.filled = now
	b.messages = min(b.messages+gained, r.Burst)
	b.bytes = min(b.bytes+gained, r.Burst)
	over = min(b.messages, b.bytes) <= 0
	if r.Messages > 0 {
		b.messages -= time.Duration(float64(time.Second) / r.Messages)
	}
	if r.Bytes > 0 {
		b.bytes -= time.Duration(float64(time.Second) * float64(n) / r.Bytes)
	}
	return over, -min(b.messages, b.bytes)
}
