package session

import (
	"context"
	"fmt"
)

// An Ender holds a session and wants to hear of its end.
type Ender interface {
	// SessionEnded is called once, from any goroutine and with no lock of the
	// Manager's. It must not wait. It may still be under way when Release
	// returns.
	SessionEnded()
}

// OnEnd makes h hear when the session ends: when it is destroyed, expires, or a
// login takes the place of another one. If it has ended, h hears at once, within
// OnEnd. It may be called once for each Session; after Release, h hears nothing.
func (s *Session) OnEnd(h Ender) {
	if s.entry.manager.listen(s, h) {
		h.SessionEnded()
	}
}

// listen registers h, or reports that the session has ended.
func (m *Manager) listen(s *Session, h Ender) (ended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.released || s.entry.ended {
		return !s.released
	}
	s.entry.remember(s)
	s.ender = h
	return false
}

// Destroy ends the session: its values are gone at once for everybody who
// holds it, on this node, who are also told (see OnEnd), and the id is refused
// until every cookie with it has expired. Other nodes hear when the store
// knows, which is also when Destroy returns; after an error the id is refused
// by this process all the same, the others hear of it, and the store is told
// later.
func (m *Manager) Destroy(ctx context.Context, id string) error {
	m.end(id, true)
	m.wakeUp()
	err := m.Flush(ctx)
	m.announce(id)
	if err != nil {
		return fmt.Errorf("destroying session %s: %w", id, err)
	}
	return nil
}

// Ended is where Options.Announce leads to, on each node: the session of id was
// destroyed, which the store knows. Here, too, nobody gets it any more, its
// values are gone, and its holders are told. It does not wait and may be called
// from any goroutine, and again for the same id.
func (m *Manager) Ended(id string) { m.end(id, false) }

// end refuses id from now on and tells its holders. If bury is set, the store
// does not know yet, and will. The values go; but those who hold what a login
// has left keep them, unless bury is set.
func (m *Manager) end(id string, bury bool) {
	m.mu.Lock()
	if bury {
		m.revoked[id] = struct{}{}
	}
	if l := m.loading[id]; l != nil {
		l.destroyed = true
	}
	e := m.live[id]
	if e == nil {
		m.mu.Unlock()
		return
	}
	empty := bury || !e.dead
	e.dead = true
	enders := e.finish()
	m.mu.Unlock()

	if empty {
		e.needState().destroy(e.id)
	}
	for _, h := range enders {
		h.SessionEnded()
	}
}

// remember prepares for an ender of s, forget takes it back, and finish returns
// those that have not been told. They are called with Manager.mu held.
func (e *entry) remember(s *Session) {
	if s == &e.first || s.ender != nil {
		return
	}
	if e.others == nil {
		e.others = &[]*Session{}
	}
	s.place = int32(len(*e.others))
	*e.others = append(*e.others, s)
}

func (e *entry) forget(s *Session) {
	if s.ender == nil {
		return
	}
	s.ender = nil
	if s == &e.first {
		return
	}
	list := *e.others
	last := len(list) - 1
	list[s.place] = list[last]
	list[s.place].place = s.place
	list[last] = nil // holds on to nothing
	*e.others = list[:last]
	if last == 0 {
		e.others = nil
	}
}

func (e *entry) finish() []Ender {
	e.ended = true
	var enders []Ender
	if e.first.ender != nil {
		enders = append(enders, e.first.ender)
		e.first.ender = nil
	}
	if e.others != nil {
		for _, s := range *e.others {
			enders = append(enders, s.ender)
			s.ender = nil
		}
		e.others = nil
	}
	return enders
}
