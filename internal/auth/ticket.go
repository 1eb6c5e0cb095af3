package auth

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"parley.example/parley"
)

// A Ticket is the right to open one WebSocket, once, as the session that asked
// for it.
type Ticket struct {
	Endpoint string      // the only one it opens
	Session  string      // the id of the session that it was given to
	User     parley.User // who that session's user was then
}

const (
	defaultTicketValidity = 30 * time.Second
	maxTickets            = 100_000 // at any time
	maxSessionTickets     = 100     // of one session
)

// Tickets are the tickets that this node has given out and that have neither
// been used nor expired. No other node knows them, and they end with it. It is
// safe for concurrent use, and needs no goroutine: expired tickets go when the
// next is asked for or used.
type Tickets struct {
	validity time.Duration

	mu sync.Mutex
	// Guarded by mu.
	kept       map[ticketHash]*keptTicket
	perSession map[string]int // none is zero
	byExpiry   list.List      // of *keptTicket, the next to expire first
}

// A ticketHash is the SHA-256 of a ticket's text, which itself is kept nowhere.
type ticketHash [sha256.Size]byte

// A keptTicket is guarded by its Tickets' mu.
type keptTicket struct {
	ticket   Ticket
	hash     ticketHash
	expires  time.Time
	reserved bool
	place    *list.Element // in byExpiry; nil when it is used or has expired
}

// NewTickets makes an empty set of tickets, each valid for that long; 0 means
// 30 s.
func NewTickets(validity time.Duration) *Tickets {
	if validity == 0 {
		validity = defaultTicketValidity
	}
	return &Tickets{
		validity:   validity,
		kept:       map[ticketHash]*keptTicket{},
		perSession: map[string]int{},
	}
}

// Validity is for how long a ticket can be used.
func (t *Tickets) Validity() time.Duration {
	return t.validity
}

// Issue makes a ticket and answers its text, 43 letters of base64url. The error
// is parley.ErrUnavailable: too many are not used yet, of this session or in
// all.
func (t *Tickets) Issue(ticket Ticket) (string, error) {
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	text := base64.RawURLEncoding.EncodeToString(secret[:])

	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.expire(now)
	if len(t.kept) >= maxTickets {
		return "", fmt.Errorf("tickets %w: %d are open", parley.ErrUnavailable, len(t.kept))
	}
	if open := t.perSession[ticket.Session]; open >= maxSessionTickets {
		return "", fmt.Errorf("tickets %w: %d of the session are open", parley.ErrUnavailable, open)
	}
	k := &keptTicket{ticket: ticket, hash: sha256.Sum256([]byte(text)), expires: now.Add(t.validity)}
	k.place = t.byExpiry.PushBack(k)
	t.kept[k.hash] = k
	t.perSession[ticket.Session]++
	return text, nil
}

// A Reserved is a ticket that nobody else can use meanwhile. Either Use or
// Return must follow; what comes after the first of them does nothing.
type Reserved struct {
	Ticket Ticket

	from *Tickets
	kept *keptTicket // nil after Use or Return; guarded by from.mu
}

// Reserve takes a ticket for a handshake to an endpoint. Of several at once one
// gets it. The error is an ErrToken.
func (t *Tickets) Reserve(text, endpoint string) (*Reserved, error) {
	if base64.RawURLEncoding.DecodedLen(len(text)) != 32 {
		return nil, refuseTicket("it is none")
	}
	hash := ticketHash(sha256.Sum256([]byte(text)))

	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(time.Now())
	k := t.kept[hash]
	switch {
	case k == nil:
		return nil, refuseTicket("unknown, used or expired")
	case k.ticket.Endpoint != endpoint:
		return nil, refuseTicket("it is for another endpoint")
	case k.reserved:
		return nil, refuseTicket("in use at this moment")
	}
	k.reserved = true
	return &Reserved{Ticket: k.ticket, from: t, kept: k}, nil
}

// Use ends the ticket: the WebSocket is open.
func (r *Reserved) Use() {
	r.from.mu.Lock()
	defer r.from.mu.Unlock()
	if r.kept != nil {
		r.from.drop(r.kept)
		r.kept = nil
	}
}

// Return gives the ticket back, for what is left of its time: the WebSocket
// has not been opened.
func (r *Reserved) Return() {
	r.from.mu.Lock()
	defer r.from.mu.Unlock()
	if r.kept != nil {
		r.kept.reserved = false
		r.kept = nil
	}
}

// expire drops the tickets whose time is over. All are valid equally long, so
// they expire in the order in which they were made. t.mu is held.
func (t *Tickets) expire(now time.Time) {
	for e := t.byExpiry.Front(); e != nil; e = t.byExpiry.Front() {
		k := e.Value.(*keptTicket)
		if now.Before(k.expires) {
			return
		}
		t.drop(k)
	}
}

// drop forgets a ticket, if it is still kept. t.mu is held.
func (t *Tickets) drop(k *keptTicket) {
	if k.place == nil {
		return
	}
	t.byExpiry.Remove(k.place)
	k.place = nil
	delete(t.kept, k.hash)
	if t.perSession[k.ticket.Session]--; t.perSession[k.ticket.Session] == 0 {
		delete(t.perSession, k.ticket.Session)
	}
}

// refuseTicket is the error of a ticket that is not accepted.
func refuseTicket(why string) error {
	return fmt.Errorf("ticket %w: %s", ErrToken, why)
}
