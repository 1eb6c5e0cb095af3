package gofunc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"unicode/utf8"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

// A Conn is one connection, or one request that is answered or judged, as its
// functions see it: a parley.Conn. What it does once on_close has returned, or
// nobody waits for the answer any more, is parley.ErrClosed.
type Conn struct {
	id      parley.ConnID // set when it is made, then read-only, as are the next five
	request *http.Request
	session parley.SharedSession
	user    parley.User // by token or ticket
	effects call.Effects
	answers bool // it is a request that is answered or judged, and no socket

	state map[string]any // the functions' own; nil until they ask for it

	closed atomic.Bool // the connection has
	over   atomic.Bool // nothing that it does counts any more
	skip   atomic.Bool // a function failed, or has closed: no more messages
}

var (
	_ parley.Conn    = (*Conn)(nil)
	_ parley.Session = (*connSession)(nil)
)

// set makes c the connection of info, whose request has ctx.
func (c *Conn) set(ctx context.Context, info call.Info, effects call.Effects) {
	c.id, c.session, c.user, c.effects = info.Conn, info.Session, info.User, effects
	c.request = info.Request.Clone(ctx)
	for name, value := range info.PathKwargs {
		if value != nil {
			c.request.SetPathValue(name, *value)
		}
	}
	c.request.Body, c.request.ContentLength = http.NoBody, 0
	if len(info.Body) > 0 {
		c.request.Body, c.request.ContentLength = io.NopCloser(bytes.NewReader(info.Body)), int64(len(info.Body))
	}
}

// ID is the connection's id.
func (c *Conn) ID() parley.ConnID { return c.id }

// Request is what the connection began with.
func (c *Conn) Request() *http.Request { return c.request }

// State is the functions' own.
func (c *Conn) State() map[string]any {
	if c.state == nil {
		c.state = map[string]any{}
	}
	return c.state
}

// toPeer says why nothing can be done for a peer. While functions still run
// after the connection has closed, effects do what is left to do: nothing.
func (c *Conn) toPeer() error {
	switch {
	case c.answers:
		return errRequest
	case c.over.Load():
		return parley.ErrClosed
	}
	return nil
}

// orClosed is parley.ErrClosed if the connection has closed.
func (c *Conn) orClosed() error {
	if c.closed.Load() {
		return parley.ErrClosed
	}
	return nil
}

var (
	errRequest = fmt.Errorf("a request has no socket: %w", parley.ErrClosed)
	errChannel = errors.New(`a channel has a name, and "" is none`)
	errKind    = errors.New("a message should be made by TextMessage or BinaryMessage, or be one that came")
	errUTF8    = errors.New("a message of text should be UTF-8; send other bytes as a BinaryMessage")
)

// CheckPublication says why m cannot be published to channel.
func CheckPublication(channel string, m parley.Message) error {
	if err := checkChannel(channel); err != nil {
		return err
	}
	return check(m)
}

// checkChannel says why a channel cannot have that name.
func checkChannel(name string) error {
	if name == "" {
		return errChannel
	}
	return call.CheckChannel(name)
}

// check says why m cannot be sent.
func check(m parley.Message) error {
	switch {
	case m.Kind == parley.Binary:
		return nil
	case m.Kind != parley.Text:
		return errKind
	case !utf8.Valid(m.Data):
		return errUTF8
	}
	return nil
}

// Send sends one message to the peer.
func (c *Conn) Send(m parley.Message) error {
	if err := c.toPeer(); err != nil {
		return err
	}
	if err := check(m); err != nil {
		return err
	}
	return c.effects.Write(m.Kind, m.Data)
}

// Ping sends a ping.
func (c *Conn) Ping(data []byte) error {
	if err := c.toPeer(); err != nil {
		return err
	}
	if len(data) > 125 { // RFC 6455 §5.5
		return fmt.Errorf("ping: %d bytes of data, 125 are possible", len(data))
	}
	return c.effects.Ping(data)
}

// Close starts the close handshake. Messages that wait are not run.
func (c *Conn) Close(code parley.CloseCode, reason string) error {
	if err := c.toPeer(); err != nil {
		return err
	}
	if code != 0 && !code.Sendable() {
		return fmt.Errorf("close: code %s cannot be sent; those of an app are 3000 to 4999, and 1000", code)
	}
	c.skip.Store(true)
	c.effects.Close(code, reason)
	return c.orClosed()
}

// Join makes the connection a member of channel.
func (c *Conn) Join(channel string) error {
	if err := c.toPeer(); err != nil {
		return err
	}
	if err := checkChannel(channel); err != nil {
		return err
	}
	c.effects.Subscribe(channel)
	return c.orClosed()
}

// Leave ends that.
func (c *Conn) Leave(channel string) error {
	if err := c.toPeer(); err != nil {
		return err
	}
	c.effects.Unsubscribe(channel)
	return c.orClosed()
}

// Publish sends m to every member of channel.
func (c *Conn) Publish(channel string, m parley.Message) error {
	if c.over.Load() {
		return parley.ErrClosed
	}
	if err := CheckPublication(channel, m); err != nil {
		return err
	}
	c.effects.Publish(channel, m)
	return nil
}

// Log writes one line that the app says.
func (c *Conn) Log(line string) {
	if !c.over.Load() {
		c.effects.Log(line)
	}
}

// User is who has logged in; once nothing counts any more, only who a token
// named, as the session may have been given back.
func (c *Conn) User() parley.User {
	if c.over.Load() {
		return c.user
	}
	return call.CurrentUser(c.user, c.session)
}

// Session is the browser's session.
func (c *Conn) Session() parley.Session { return (*connSession)(c) }
