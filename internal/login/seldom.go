package login

import (
	"sync"
	"time"
)

// A seldom keeps floods out of the log: it lets one line of each kind pass in
// a time. There are few kinds. It is safe for every goroutine.
type seldom struct {
	every time.Duration // set at first, then read-only

	mu   sync.Mutex
	last map[string]time.Time // guarded by mu
}

func (s *seldom) due(kind string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[kind]; ok && now.Sub(last) < s.every {
		return false
	}
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	s.last[kind] = now
	return true
}

// cut shortens text for the log.
func cut(text string) string {
	if most := 200; len(text) > most {
		return text[:most] + "…"
	}
	return text
}
