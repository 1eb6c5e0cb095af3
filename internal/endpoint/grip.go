package endpoint

import (
	"sync/atomic"

	"parley.example/parley"
	"parley.example/parley/internal/session"
)

// A grip holds a session for one connection or request and gives it back once
// nobody uses it any more: functions may still change it when its holder lets
// go. It is safe for every goroutine.
type grip struct {
	session *session.Session // set by newGrip, then read-only
	users   atomic.Int32     // the holder, and changes under way; 0 when given back
}

func newGrip(s *session.Session) *grip {
	g := &grip{session: s}
	g.users.Store(1)
	return g
}

// update changes the session, unless the holder has let go.
func (g *grip) update(change parley.SessionChange, by parley.SessionWatcher) {
	for {
		n := g.users.Load()
		if n == 0 {
			return
		}
		if g.users.CompareAndSwap(n, n+1) {
			break
		}
	}
	g.session.Update(change, by)
	g.release()
}

// release lets go. The holder calls it once.
func (g *grip) release() {
	if g.users.Add(-1) == 0 {
		g.session.Release()
	}
}
