package login

import "net/http"

// Records is how many users and addresses are counted.
func (a *SimpleAuth) Records() int {
	a.attempts.mu.Lock()
	defer a.attempts.mu.Unlock()
	return len(a.attempts.records)
}

// UnderWay is how many attempts wait for their turn, or have had it and no end.
func (a *SimpleAuth) UnderWay() int {
	a.attempts.mu.Lock()
	defer a.attempts.mu.Unlock()
	return a.attempts.held + a.attempts.checked
}

// Busy makes it seem that so many passwords are being checked as may be, until
// it is called with false.
func (a *SimpleAuth) Busy(busy bool) {
	a.attempts.mu.Lock()
	defer a.attempts.mu.Unlock()
	a.attempts.checked = 0
	if busy {
		a.attempts.checked = mostChecked
	}
}

// The bounds of an attempts.
const (
	MostHeld    = mostHeld
	MostRecords = mostRecords
)

// Local is what a redirect makes of what a client asks for.
func Local(r *http.Request, text string) (target string, ok bool) { return local(r, text) }
