package python

import (
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A worker is the server's side of one worker process, from its start to its
// death: who holds which number of its link, and what its rows mean.
//
// It is the parley.SessionWatcher of every session that one of its connections
// or calls holds.
type worker struct {
	name   string       // set by newWorker, then read-only, as are the next four
	link   *link        // safe for every goroutine
	log    *slog.Logger // with the worker's name
	out    outside
	reload func(l loadedJSON, first bool) // LOADED and RELOADED have come

	// The worker's loop has turned: set by the reader, taken by beat.
	turned atomic.Bool

	loaded atomic.Bool // the app has been imported: set by the reader
	hung   atomic.Bool // killed for its silence: set by beat

	mu         sync.Mutex
	dead       bool
	holders    map[uint32]*holder
	handshakes map[parley.ConnID]*holder // made by select_subprotocol, not yet opened
	lastNumber uint32
	lastCall   uint32
}

// outside is where effects go that belong to no connection.
type outside struct {
	publish func(channel string, m parley.Message)
}

// A holder is a connection, a handshake or a call: what holds a number of the
// link.
type holder struct {
	number   uint32        // set by worker.add, then read-only, as are the next three
	conn     parley.ConnID // for the log
	endpoint string
	session  parley.SharedSession

	// Guarded by worker.mu.
	effects call.Effects // nil for a call that nobody waits for any more
	stop    func()       // ends the watch of the session; nil before and after
	isOpen  bool         // Open has been called: a stream
	closing bool         // CLOSE has been sent
	calling uint32       // the call under way; 0 if there is none
	answer  chan reply   // of one place; takes the answer to calling
}

func newWorker(name string, log *slog.Logger, out outside, reload func(loadedJSON, bool)) *worker {
	w := &worker{
		name: name, log: log, out: out, reload: reload,
		holders:    map[uint32]*holder{},
		handshakes: map[parley.ConnID]*holder{},
	}
	w.link = newLink(w.apply)
	return w
}

// add gives h a number; w.mu is held.
func (w *worker) add(h *holder) {
	for {
		w.lastNumber++
		if _, taken := w.holders[w.lastNumber]; w.lastNumber != 0 && !taken {
			break
		}
	}
	h.number = w.lastNumber
	w.holders[h.number] = h
}

// remove forgets h and ends its watch of the session.
func (w *worker) remove(h *holder) {
	w.mu.Lock()
	delete(w.holders, h.number)
	if w.handshakes[h.conn] == h {
		delete(w.handshakes, h.conn)
	}
	stop := h.stop
	h.stop = nil
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// find returns who holds a number and its effects, which are nil if nobody
// waits for them.
func (w *worker) find(number uint32) (*holder, call.Effects) {
	if number == 0 {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.holders[number]
	if h == nil {
		return nil, nil
	}
	return h, h.effects
}

// introduce sends the row that tells the worker of h, OPEN or CALL, with the
// session's values as they are at that point of its order. prefix stands
// before what encodeOpen makes. A session is watched from here on.
func (w *worker) introduce(h *holder, info call.Info, typ rowType, prefix []byte) {
	id := h.session.ID()
	w.link.hold(id)
	values, stop := h.session.Watch(w)
	payload, err := encodeOpen(info, h.endpoint, values)
	if err != nil { // a value of the session is no JSON: better none than no connection
		w.log.Error("telling the worker of a connection", "conn", h.conn, "endpoint", h.endpoint, "err", err)
		payload, _ = encodeOpen(info, h.endpoint, nil)
	}
	w.link.sendOpening(id, typ, h.number, prefix, payload)

	w.mu.Lock()
	before := h.stop
	h.stop = stop
	dead := w.dead
	if dead {
		h.stop = nil
	}
	w.mu.Unlock()
	if before != nil {
		before()
	}
	if dead {
		stop()
	}
}

// SessionChanged implements parley.SessionWatcher: it tells the worker.
func (w *worker) SessionChanged(id string, change parley.SessionChange, own bool) {
	payload, err := encodeSession(id, change, own)
	if err != nil {
		w.log.Error("telling the worker of a session's change", "err", err)
		return
	}
	w.link.sendSession(id, payload)
}

// start sends the first row.
func (w *worker) start(config configJSON) error {
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	w.link.send(toConfig, 0, text)
	return nil
}

// die ends everything that w holds: calls are answered with "unavailable",
// each connection is closed with code and hears that it has ended. It returns
// how many connections were open and how many of them ended without on_close.
// No row may be handled any more.
func (w *worker) die(code parley.CloseCode, reason string) (open int) {
	w.mu.Lock()
	w.dead = true
	holders := w.holders
	w.holders, w.handshakes = map[uint32]*holder{}, map[parley.ConnID]*holder{}
	stops := make([]func(), 0, len(holders))
	for _, h := range holders {
		if h.stop != nil {
			stops = append(stops, h.stop)
			h.stop = nil
		}
		if h.answer != nil {
			select {
			case h.answer <- reply{workerEnded: true}:
			default: // answered in time
			}
		}
	}
	w.mu.Unlock()

	for _, stop := range stops {
		stop()
	}
	for _, h := range holders {
		if h.isOpen {
			open++
			h.effects.Close(code, reason)
			h.effects.Ended()
		}
	}
	return open
}

// connections returns how many streams are open.
func (w *worker) connections() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.holders {
		if h.isOpen {
			n++
		}
	}
	return n
}
