package endpoint

import (
	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/session"
)

// requestEffects are what the function of one request may do: nothing that
// needs a connection. It is safe for every goroutine.
type requestEffects struct {
	endpoint *Function        // set by Serve, then read-only
	id       parley.ConnID    // likewise
	session  *session.Session // likewise
}

var _ call.Effects = (*requestEffects)(nil)

// Publish sends to all members of channel.
func (e *requestEffects) Publish(channel string, m parley.Message) {
	publish(e.endpoint.opt.Hub, channel, m)
}

// SetSession changes the session, until the request has been answered.
func (e *requestEffects) SetSession(change parley.SessionChange, by parley.SessionWatcher) {
	e.session.Update(change, by)
}

// Log writes what the app printed.
func (e *requestEffects) Log(line string) {
	e.endpoint.log.Info(line, "endpoint", e.endpoint.opt.Name, "conn", e.id)
}

// Write has nobody to send to, as has Ping.
func (e *requestEffects) Write(parley.Kind, []byte) error { return errNoSocket }

// Ping does nothing, as do the methods below.
func (e *requestEffects) Ping([]byte) error { return errNoSocket }

// Close does nothing.
func (e *requestEffects) Close(parley.CloseCode, string) {}

// Subscribe does nothing.
func (e *requestEffects) Subscribe(string) {}

// Unsubscribe does nothing.
func (e *requestEffects) Unsubscribe(string) {}

// Done does nothing.
func (e *requestEffects) Done(int) {}

// Fail does nothing: Call returns the error.
func (e *requestEffects) Fail(*call.FunctionError) {}

// WhenDrained calls fn at once: nothing waits to be sent.
func (e *requestEffects) WhenDrained(fn func()) { fn() }

// Ended does nothing.
func (e *requestEffects) Ended() {}
