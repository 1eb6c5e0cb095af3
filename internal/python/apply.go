package python

import (
	"parley.example/parley"
)

// apply does what one row of the worker asks for. It is called by the link's
// reader only and never waits, because effects do not. Rows of a number that
// nobody holds any more come from tasks that outlive their connection.
func (w *worker) apply(r row) error {
	switch r.typ {
	case fromBeat, fromDone, fromEnded, fromReply, fromLoaded, fromReloaded:
		w.turned.Store(true)
	}
	h, effects := w.find(r.number)
	if effects == nil {
		return w.applyOutside(r, h)
	}
	switch r.typ {
	case fromText:
		_ = effects.Write(parley.Text, r.payload)
	case fromBinary:
		_ = effects.Write(parley.Binary, r.payload)
	case fromClose:
		code, reason, err := decodeClose(r.payload)
		if err != nil {
			return err
		}
		effects.Close(code, reason)
	case fromPing:
		_ = effects.Ping(r.payload)
	case fromSubscribe:
		effects.Subscribe(string(r.payload))
	case fromUnsubscribe:
		effects.Unsubscribe(string(r.payload))
	case fromPublish:
		channel, m, err := decodePublish(r.payload)
		if err != nil {
			return err
		}
		effects.Publish(channel, m)
	case fromSession:
		id, change, err := decodeSession(r.payload)
		if err != nil {
			return err
		}
		if id != h.session.ID() {
			return rowErrorf("SESSION of a session that connection %d does not hold", r.number)
		}
		effects.SetSession(change, w)
	case fromLog:
		effects.Log(string(r.payload))
	case fromWarn:
		w.log.Warn(string(r.payload), "endpoint", h.endpoint, "conn", h.conn)
	case fromDone:
		return decodeDone(r.payload, effects)
	case fromFail:
		failure, err := decodeFail(r.payload)
		if err != nil {
			return err
		}
		effects.Fail(failure)
	case fromWait:
		effects.WhenDrained(func() { w.link.send(toDrained, h.number) })
	case fromEnded:
		return w.applyEnded(h)
	case fromReply:
		answer, err := decodeReply(r.payload)
		if err != nil {
			return err
		}
		w.answered(h, answer)
	default:
		return rowErrorf("a row of type %d for a connection", r.typ)
	}
	return nil
}

// applyEnded ends a stream.
func (w *worker) applyEnded(h *holder) error {
	w.mu.Lock()
	inOrder := h.isOpen && h.closing
	effects := h.effects
	w.mu.Unlock()
	if !inOrder {
		return rowErrorf("ENDED of connection %d, which is open", h.number)
	}
	w.remove(h)
	effects.Ended()
	return nil
}

// session returns the session of an id if a connection or call holds it.
func (w *worker) session(id string) parley.SharedSession {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.holders {
		if h.session.ID() == id {
			return h.session
		}
	}
	return nil
}

// applyOutside does what a row asks for that belongs to no connection. h is
// the call that nobody waits for any more, or nil.
func (w *worker) applyOutside(r row, h *holder) error {
	switch r.typ {
	case fromLoaded, fromReloaded:
		l, err := decodeLoaded(r.payload)
		if err != nil {
			return err
		}
		w.reload(l, r.typ == fromLoaded)
	case fromPublish:
		channel, m, err := decodePublish(r.payload)
		if err != nil {
			return err
		}
		w.out.publish(channel, m)
	case fromSession:
		id, change, err := decodeSession(r.payload)
		if err != nil {
			return err
		}
		if session := w.session(id); session != nil { // else nobody here holds it
			session.Update(change, w)
		}
	case fromLog:
		w.log.Info(string(r.payload))
	case fromWarn:
		w.log.Warn(string(r.payload))
	case fromFail:
		failure, err := decodeFail(r.payload)
		if err != nil {
			return err
		}
		w.log.Error("function raised", "err", failure.Message, "traceback", failure.Traceback)
	case fromReply:
		answer, err := decodeReply(r.payload)
		if err != nil {
			return err
		}
		w.answered(h, answer)
	}
	return nil
}
