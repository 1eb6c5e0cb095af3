package peer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
)

// A Socket is one end of an open connection. It reads all the time, as a
// browser does: so it answers pings and close frames. Its methods belong to one
// goroutine; each waits at most as long as it is told to.
type Socket struct {
	browser  *Browser            // set by newSocket, then read-only
	conn     *websocket.Conn     // likewise
	stop     context.CancelFunc  // likewise: ends the reading
	messages chan parley.Message // that nobody has asked for; closed when the connection has ended
	done     chan struct{}       // closed after messages
	closing  atomic.Bool         // we have begun to close

	// Set by the reader; valid once messages is closed.
	code   parley.CloseCode
	reason string
	end    string // how it ended, for people
}

// mostUnread is how many messages a Socket holds before it stops reading.
const mostUnread = 10_000

func newSocket(ctx context.Context, b *Browser, conn *websocket.Conn) *Socket {
	ctx, stop := context.WithCancel(ctx)
	s := &Socket{
		browser: b, conn: conn, stop: stop,
		messages: make(chan parley.Message, mostUnread),
		done:     make(chan struct{}),
	}
	conn.SetReadLimit(-1)
	go s.read(ctx)
	return s
}

// read takes what comes until the connection or ctx ends.
func (s *Socket) read(ctx context.Context) {
	defer s.stop()
	defer close(s.done)
	defer close(s.messages)
	defer func() { _ = s.conn.CloseNow() }()
	for {
		kind, data, err := s.conn.Read(ctx)
		if err != nil {
			s.ended(err)
			return
		}
		m := parley.Message{Kind: parley.Text, Data: data}
		if kind == websocket.MessageBinary {
			m.Kind = parley.Binary
		}
		s.note("< " + content(m))
		select {
		case s.messages <- m:
		case <-ctx.Done():
			s.ended(context.Cause(ctx))
			return
		}
	}
}

func (s *Socket) ended(err error) {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		s.code, s.reason = parley.CloseCode(closed.Code), closed.Reason
		s.end = closeText(s.code, s.reason)
		if !s.closing.Load() {
			s.note("< " + s.end)
		}
		return
	}
	s.code, s.end = parley.CloseAbnormal, "the end of the connection, without a close frame"
	if !s.closing.Load() {
		s.note("< " + s.end)
	}
}

func closeText(code parley.CloseCode, reason string) string {
	if reason == "" {
		return fmt.Sprintf("close %d", code)
	}
	return fmt.Sprintf("close %d %q", code, reason)
}

func (s *Socket) note(what string) { s.browser.transcript.add(s.browser.name, what) }

// Subprotocol returns what the server chose; "" is none.
func (s *Socket) Subprotocol() string { return s.conn.Subprotocol() }

// Send sends one message.
func (s *Socket) Send(ctx context.Context, m parley.Message, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	kind := websocket.MessageText
	if m.Kind == parley.Binary {
		kind = websocket.MessageBinary
	}
	s.note("> " + content(m))
	err := s.conn.Write(ctx, kind, m.Data)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Wanted: "to send", Came: fmt.Sprintf("nobody who reads in %v", within)}
	}
	return &Failure{Wanted: "to send", Came: s.ending(ctx, err)}
}

// ending says how a connection has ended, on which err came: the reader knows,
// or will in a moment.
func (s *Socket) ending(ctx context.Context, err error) string {
	select {
	case <-s.done:
		return s.end
	case <-ctx.Done():
		return "an error: " + err.Error()
	}
}

// Next returns the next message.
func (s *Socket) Next(ctx context.Context, within time.Duration) (parley.Message, error) {
	e := s.next(ctx, within)
	if e.message == nil {
		return parley.Message{}, &Failure{Wanted: "a message", Came: e.String()}
	}
	return *e.message, nil
}

// Expect waits for the next message, which is to be as wanted.
func (s *Socket) Expect(ctx context.Context, want Want, within time.Duration) error {
	e := s.next(ctx, within)
	if e.message == nil {
		return &Failure{Wanted: want.String(), Came: e.String()}
	}
	return Check(want, *e.message)
}

// ExpectClose waits for the connection to end with code, or any if code is 0,
// and with reason, or any if it is nil. A message before that is a Failure.
func (s *Socket) ExpectClose(ctx context.Context, code parley.CloseCode, reason *string, within time.Duration) error {
	wanted := "a close"
	if code != 0 {
		wanted = closeText(code, "")
	}
	if reason != nil {
		wanted += fmt.Sprintf(" %q", *reason)
	}
	e := s.next(ctx, within)
	if !e.ended || code != 0 && s.code != code || reason != nil && s.reason != *reason {
		return &Failure{Wanted: wanted, Came: e.String()}
	}
	return nil
}

// Reason returns the reason of the close that ExpectClose has seen.
func (s *Socket) Reason() string { return s.reason }

// ExpectSilence wants nothing to come for a time; then it sends a ping and waits
// for its answer, so that what the server sent before, or was about to answer,
// is heard as well.
func (s *Socket) ExpectSilence(ctx context.Context, silence, within time.Duration) error {
	wanted := fmt.Sprintf("nothing for %v", silence)
	e := s.next(ctx, silence)
	if e.message == nil && !e.ended {
		ping, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		err := s.conn.Ping(ping)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return &Failure{Wanted: wanted, Came: fmt.Sprintf("no answer to a ping in %v", within)}
		case err != nil:
			return &Failure{Wanted: wanted, Came: s.ending(ping, err)}
		}
		e = s.next(ctx, 0)
	}
	if e.message != nil || e.ended {
		return &Failure{Wanted: wanted, Came: e.String()}
	}
	return nil
}

// Close closes the connection in order: it waits for the server's close frame.
// An end that came from the server is a Failure.
func (s *Socket) Close(code parley.CloseCode, reason string) error {
	if !s.closing.Swap(true) && !s.isOver() {
		s.note("> " + closeText(code, reason))
	}
	err := s.conn.Close(websocket.StatusCode(code), reason)
	s.stop()
	<-s.done
	if err != nil {
		return &Failure{Wanted: "a socket to close", Came: s.end}
	}
	return nil
}

func (s *Socket) isOver() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// An event is what came: a message, the end, or neither in time.
type event struct {
	message *parley.Message
	ended   bool
	text    string // unless it is a message
}

func (e event) String() string {
	if e.message != nil {
		return describe(*e.message)
	}
	return e.text
}

// next waits for the next event; with no time to wait it takes only what is
// there.
func (s *Socket) next(ctx context.Context, within time.Duration) event {
	if within <= 0 {
		select {
		case m, ok := <-s.messages:
			return s.event(m, ok)
		default:
			return event{}
		}
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case m, ok := <-s.messages:
		return s.event(m, ok)
	case <-timer.C:
		return event{text: fmt.Sprintf("nothing in %v", within)}
	case <-ctx.Done():
		return event{text: "nothing before the test was stopped"}
	}
}

func (s *Socket) event(m parley.Message, ok bool) event {
	if ok {
		return event{message: &m}
	}
	return event{ended: true, text: s.end}
}
