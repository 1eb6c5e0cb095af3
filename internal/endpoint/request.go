package endpoint

import (
	"log/slog"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
)

// requestEffects are what the function of one request may do: nothing that
// needs a connection. It is safe for every goroutine.
type requestEffects struct {
	endpoint string // its name; set when it is made, then read-only, as are all
	hub      *hub.Hub
	log      *slog.Logger
	id       parley.ConnID
	session  *session.Session
}

var _ call.Effects = (*requestEffects)(nil)

// Publish sends to all members of channel.
func (e *requestEffects) Publish(channel string, m parley.Message) {
	publish(e.hub, channel, m)
}

// SetSession changes the session, until the request has been answered.
func (e *requestEffects) SetSession(change parley.SessionChange, by parley.SessionWatcher) {
	e.session.Update(change, by)
}

// Log writes what the app printed.
func (e *requestEffects) Log(line string) {
	e.log.Info(line, "endpoint", e.endpoint, "conn", e.id)
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
