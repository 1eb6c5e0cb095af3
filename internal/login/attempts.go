package login

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// attempts slows down those who guess passwords. It counts what failed for
// each pair of user and address, and for each address; of IPv6 addresses, the
// 2^64 of a network count as one. An attempt is looked at when the time that
// Delay says for the count has passed since the one before it; for an address
// only every tenth failure counts, since many people may share one. Attempts
// under way count as failed until they have an end, so that many at once are no
// faster. A success takes the pair's failures back, but not its address's: who
// has a password of his own would reset that count between two guesses.
//
// Nothing is counted for a user alone: whoever knows a name could lock its
// owner out. So somebody with very many addresses can try very many passwords
// of one user, as fast as the CPUs check them: only a good password helps
// against that. And who shares his address with an attacker waits with him, or
// is refused for as long as that goes on. Only where nobody knows the address,
// pairs are users alone: else one attacker behind the same proxy would lock out
// everybody.
//
// An attempt whose turn comes within longestHold waits for it, at most mostHeld
// of them do; the others are refused at once, as are those that find
// mostChecked passwords being checked. What is refused does not move the turn.
// A count is forgotten after forgetAfter, or twice the longest Delay, without
// an attempt. Of more than mostRecords, those go that were not tried for
// longest.
//
// It is safe for concurrent use.
type attempts struct {
	delay  []time.Duration // set by newAttempts, then read-only
	forget time.Duration   // likewise

	mu      sync.Mutex // guards what follows
	records map[source]*list.Element
	recent  list.List // of *record, that tried last first
	held    int       // attempts that wait for their turn
	checked int       // attempts whose password is being checked, or waits for that
}

const (
	longestHold = 15 * time.Second
	mostHeld    = 100
	mostChecked = 100
	mostRecords = 20_000 // some 5 MB
	forgetAfter = 30 * time.Minute
	perAddress  = 10          // failures of an address that count as one
	logEvery    = time.Minute // for each address
)

func defaultDelay() []time.Duration {
	const s = time.Second
	return []time.Duration{0, 0, 1 * s, 2 * s, 4 * s, 8 * s, 15 * s}
}

func newAttempts(delay []time.Duration) (*attempts, error) {
	if delay == nil {
		delay = defaultDelay()
	}
	longest := time.Duration(0)
	for _, d := range delay {
		if d < 0 || d > 24*time.Hour {
			return nil, fmt.Errorf("delay %v: must be from 0 to 24h", d)
		}
		longest = max(longest, d)
	}
	return &attempts{delay: slices.Clone(delay), forget: max(forgetAfter, 2*longest), records: map[source]*list.Element{}}, nil
}

// after is how long an attempt comes after the one before it, if so many have
// failed.
func (t *attempts) after(failures int) time.Duration {
	if failures == 0 || len(t.delay) == 0 {
		return 0
	}
	return t.delay[min(failures, len(t.delay))-1]
}

// A source is what is counted: a pair of address and user, or, with the zero
// user, an address.
type source struct {
	address netip.Addr // the zero Addr for all that have none
	user    [sha256.Size]byte
}

// A record is the count of a source. attempts.mu guards it.
type record struct {
	source   source
	share    int // failures that count as one
	failures int
	underway int
	latest   time.Time // the turn of the last attempt, which may be to come
	logged   time.Time // when an attempt was last logged as refused
}

// A tooEarlyError is an attempt that was not looked at.
type tooEarlyError struct {
	wait time.Duration // until one may be
	log  bool          // there was no such line for this address lately
}

func (e *tooEarlyError) Error() string { return fmt.Sprintf("too early, by %v", e.wait) }

// An attempt has had its turn: its password may be checked. Its end must be
// told.
type attempt struct {
	of      *attempts
	records []*record // of the pair, and of the address if there is one
}

// An outcome is how an attempt ended.
type outcome int

const (
	failed outcome = iota
	succeeded
	undecided // the password was not checked
)

// begin returns when the turn of an attempt has come. The zero address is
// nobody's, and not counted for itself. The error is a *tooEarlyError, or
// ctx's.
func (t *attempts) begin(ctx context.Context, address netip.Addr, user string) (*attempt, error) {
	a, wait, err := t.enter(address, user, time.Now())
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		turn := time.NewTimer(wait)
		defer turn.Stop()
		select {
		case <-turn.C:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		t.mu.Lock()
		t.held--
		t.mu.Unlock()
	}
	if err == nil {
		err = t.check(a)
	}
	if err != nil {
		a.leave(undecided)
		return nil, err
	}
	return a, nil
}

// enter counts an attempt and returns how long it has to wait for its turn.
func (t *attempts) enter(address netip.Addr, user string, now time.Time) (*attempt, time.Duration, error) {
	address = network(address)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(now)
	a := &attempt{of: t, records: []*record{t.record(source{address, sha256.Sum256([]byte(user))}, 1, now)}}
	if address.IsValid() {
		a.records = append(a.records, t.record(source{address: address}, perAddress, now))
	}
	turn := now
	for _, r := range a.records {
		if next := r.latest.Add(t.after((r.failures + r.underway) / r.share)); next.After(turn) {
			turn = next
		}
	}
	wait := turn.Sub(now)
	if wait > longestHold || wait > 0 && t.held >= mostHeld {
		return nil, 0, a.refused(wait, now)
	}
	if wait > 0 {
		t.held++
	}
	for _, r := range a.records {
		t.keep(r)
		r.latest = turn
		r.underway++
	}
	return a, wait, nil
}

// check counts an attempt as one whose password is checked.
func (t *attempts) check(a *attempt) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.checked >= mostChecked {
		return a.refused(time.Second, time.Now())
	}
	t.checked++
	return nil
}

// refused is called with attempts.mu held. It keeps one record of an address at
// most, however many names are tried from there.
func (a *attempt) refused(wait time.Duration, now time.Time) error {
	r := a.records[len(a.records)-1]
	a.of.keep(r)
	log := now.Sub(r.logged) >= logEvery
	if log {
		r.logged = now
	}
	return &tooEarlyError{wait: wait, log: log}
}

// record returns the record of a source, or a new one, which is to be kept once
// there is something to count: refusals must not push out what they are for. It
// is called with mu held.
func (t *attempts) record(of source, share int, now time.Time) *record {
	if e, found := t.records[of]; found {
		r := e.Value.(*record)
		if r.underway == 0 && now.Sub(r.latest) > t.forget {
			r.failures = 0
		}
		return r
	}
	return &record{source: of, share: share}
}

// keep makes r the last to be dropped, and room for it. It is called with mu held.
func (t *attempts) keep(r *record) {
	if e, found := t.records[r.source]; found {
		t.recent.MoveToFront(e)
		return
	}
	if len(t.records) >= mostRecords {
		t.drop(t.recent.Back())
	}
	t.records[r.source] = t.recent.PushFront(r)
}

// sweep drops what has been forgotten. It is called with mu held.
func (t *attempts) sweep(now time.Time) {
	for e := t.recent.Back(); e != nil && now.Sub(e.Value.(*record).latest) > t.forget; e = t.recent.Back() {
		t.drop(e)
	}
}

// drop is called with mu held.
func (t *attempts) drop(e *list.Element) {
	t.recent.Remove(e)
	delete(t.records, e.Value.(*record).source)
}

// end says how the attempt ended.
func (a *attempt) end(how outcome) {
	a.of.mu.Lock()
	a.of.checked--
	a.of.mu.Unlock()
	a.leave(how)
}

func (a *attempt) leave(how outcome) {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	for _, r := range a.records {
		r.underway--
		if how == failed {
			r.failures++
		}
	}
	if how == succeeded {
		a.records[0].failures = 0
	}
}

// network returns the address by which a client is counted: of IPv6 the first
// of its /64, since whoever has one address of it has all.
func network(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		return netip.PrefixFrom(address, 64).Masked().Addr()
	}
	return address
}

// remoteAddress is whose request r is, by RemoteAddr.
func remoteAddress(r *http.Request) (address netip.Addr, ok bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return at.Addr(), err == nil
}
