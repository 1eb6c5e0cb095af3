package parleytest

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/peer"
)

// A Client is one open socket. Its methods belong to the test's goroutine, and
// wait at most 5 seconds, or as Within says.
type Client struct {
	t          testing.TB
	socket     *peer.Socket
	transcript *peer.Transcript
	within     time.Duration
}

// Within returns the same client with another patience:
// c.Within(time.Minute).Expect("tick").
func (c *Client) Within(d time.Duration) *Client {
	other := *c
	other.within = d
	return &other
}

// check ends the test if err is not nil.
func (c *Client) check(step string, err error) {
	c.t.Helper()
	if err != nil {
		fail(c.t, step, err, c.transcript)
	}
}

// Subprotocol returns what the app chose; "" is none.
func (c *Client) Subprotocol() string { return c.socket.Subprotocol() }

// Send sends a text message.
func (c *Client) Send(text string) {
	c.t.Helper()
	c.send(parley.Message{Kind: parley.Text, Data: []byte(text)})
}

// SendJSON sends a value, encoded as JSON, as a text message.
func (c *Client) SendJSON(value any) {
	c.t.Helper()
	m, err := peer.JSONMessage(value)
	if err != nil {
		c.t.Fatalf("sending JSON: %v", err)
	}
	c.send(m)
}

// SendBinary sends a binary message.
func (c *Client) SendBinary(data []byte) {
	c.t.Helper()
	c.send(parley.Message{Kind: parley.Binary, Data: data})
}

func (c *Client) send(m parley.Message) {
	c.t.Helper()
	c.check("send", c.socket.Send(c.t.Context(), m, c.within))
}

// Next returns the next message, for what the other methods cannot say.
func (c *Client) Next() parley.Message {
	c.t.Helper()
	m, err := c.socket.Next(c.t.Context(), c.within)
	c.check("next", err)
	return m
}

// Expect wants the next message to be exactly this text.
func (c *Client) Expect(text string) {
	c.t.Helper()
	c.expect(peer.Text(text))
}

// ExpectMatch wants the next message to be text in which the regular expression
// is found.
func (c *Client) ExpectMatch(pattern string) {
	c.t.Helper()
	c.expect(peer.Match(regexp.MustCompile(pattern)))
}

// ExpectJSON wants the next message to be JSON equal to value: whatever
// encoding/json knows, with Any, Match and Has in maps and slices of any.
func (c *Client) ExpectJSON(value any) {
	c.t.Helper()
	c.expect(peer.JSON(value))
}

// ExpectBinary wants the next message to be binary, with exactly this data.
func (c *Client) ExpectBinary(data []byte) {
	c.t.Helper()
	c.expect(peer.Binary(data))
}

func (c *Client) expect(want peer.Want) {
	c.t.Helper()
	c.check("expect", c.socket.Expect(c.t.Context(), want, c.within))
}

// ExpectSilence wants nothing to come for a time, nor what the app had sent or
// was about to answer at its end.
func (c *Client) ExpectSilence(d time.Duration) {
	c.t.Helper()
	c.check("silence", c.socket.ExpectSilence(c.t.Context(), d, c.within))
}

// ExpectClose wants the app to close the socket with a code, without another
// message before. It returns the reason.
func (c *Client) ExpectClose(code parley.CloseCode) (reason string) {
	c.t.Helper()
	c.check("closed", c.socket.ExpectClose(c.t.Context(), code, nil, c.within))
	return c.socket.Reason()
}

// Close closes the socket and waits for the app's answer. If the app has closed
// it before, the test ends.
func (c *Client) Close(code parley.CloseCode, reason string) {
	c.t.Helper()
	c.check("close", c.socket.Close(code, reason))
}

// leave closes the socket if it is still open.
func (c *Client) leave() { _ = c.socket.Close(parley.CloseNormal, "") }

// Any stands for every value of a kind in what ExpectJSON takes: "text",
// "number", "boolean", "list", "mapping", or "value" for all. It panics if there
// is no such kind.
func Any(kind string) any {
	m, ok := peer.Any(kind)
	if !ok {
		panic(fmt.Sprintf("parleytest.Any(%q): the kinds are %q", kind, peer.Kinds))
	}
	return m
}

// Match stands for every text in which a regular expression is found.
func Match(pattern string) any { return peer.Matching(regexp.MustCompile(pattern)) }

// Has stands for every mapping that has these keys, with these values, and maybe
// more; so it is for the mappings in it.
func Has(mapping map[string]any) any { return peer.Part{Value: mapping} }
