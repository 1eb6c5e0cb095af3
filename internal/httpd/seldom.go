package httpd

import (
	"sync"
	"time"
)

// mostKinds bounds the memory of a seldom.
const mostKinds = 256

// A seldom keeps floods out of the log: it lets one line of each kind pass in
// a time. It is safe for every goroutine.
type seldom struct {
	every time.Duration // set at first, then read-only

	mu   sync.Mutex
	last map[string]time.Time // guarded by mu
}

// due reports whether a line of this kind is to be written. With too many
// kinds at once, those that come last are not.
func (s *seldom) due(kind string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[kind]; ok && now.Sub(last) < s.every {
		return false
	}
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	if len(s.last) >= mostKinds {
		for other, last := range s.last {
			if now.Sub(last) >= s.every {
				delete(s.last, other)
			}
		}
		if len(s.last) >= mostKinds {
			return false
		}
	}
	s.last[kind] = now
	return true
}
