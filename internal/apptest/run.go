package apptest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/peer"
)

// An App is what tests talk to.
type App interface {
	// URL is where it is served, without a path.
	URL() *url.URL

	// NewSession makes a session with these values and returns its cookie.
	NewSession(values map[string]any) (*http.Cookie, error)
}

// A Result is how a test went.
type Result struct {
	Failure    string // what was wanted and what came, with its place; "" if all went well
	Transcript string // what happened, a line each
	Took       time.Duration
}

// Run runs the test's steps against app until one fails. When it returns, its
// sockets are closed.
func (t *Test) Run(ctx context.Context, app App) Result {
	began := time.Now()
	s := &stage{app: app, players: map[string]*player{}}
	var r Result
	for _, turn := range t.turns {
		if err := turn.action.do(ctx, s, turn.who, turn.within); err != nil {
			r.Failure = fmt.Sprintf("%s:%d: %s\n%v", t.file, turn.line, turn, err)
			break
		}
	}
	r.Transcript = s.transcript.String()
	s.close()
	r.Took = time.Since(began)
	return r
}

// A turn is one step of a test, as one of its players takes it.
type turn struct {
	line   int
	who    string // "" if there is no name
	verb   string
	action action
	within time.Duration // how long it may wait
}

// String names the step for people.
func (t turn) String() string {
	if t.who == "" {
		return t.verb
	}
	return t.who + ": " + t.verb
}

// An action is what a step does. Its error says what went otherwise than wanted.
type action interface {
	do(ctx context.Context, s *stage, who string, within time.Duration) error
}

// A stage is where a test runs.
type stage struct {
	app        App
	transcript peer.Transcript
	players    map[string]*player
}

// A player is one name of a test: a browser with one socket.
type player struct {
	browser *peer.Browser
	socket  *peer.Socket // nil before the first dial
}

func (s *stage) player(who string) *player {
	p := s.players[who]
	if p == nil {
		p = &player{browser: peer.New(who, s.app.URL(), &s.transcript)}
		s.players[who] = p
	}
	return p
}

func (s *stage) close() {
	var all sync.WaitGroup
	for _, p := range s.players {
		if p.socket != nil {
			all.Go(func() { _ = p.socket.Close(parley.CloseNormal, "") })
		}
	}
	all.Wait()
}

// A request is what dial and get have in common.
type request struct {
	path       string
	options    peer.Options
	cookies    []*http.Cookie
	session    map[string]any // nil is none
	sharedWith *string        // whose cookies are used; nil is nobody's
}

// prepare gives the player its cookies.
func (q request) prepare(s *stage, who string) (*player, error) {
	p := s.player(who)
	if q.sharedWith != nil {
		p.browser.ShareCookies(s.player(*q.sharedWith).browser)
	}
	if q.session != nil {
		c, err := s.app.NewSession(q.session)
		if err != nil {
			return nil, fmt.Errorf("making a session: %w", err)
		}
		p.browser.SetCookie(c)
	}
	for _, c := range q.cookies {
		p.browser.SetCookie(c)
	}
	return p, nil
}

type dial struct {
	request
	subprotocol *string // that the server is to choose; nil is any
	status      int     // of a refusal; 0 is none
}

func (a dial) do(ctx context.Context, s *stage, who string, within time.Duration) error {
	p, err := a.prepare(s, who)
	if err != nil {
		return err
	}
	if a.status != 0 {
		return p.browser.Refused(ctx, a.path, a.options, a.status, within)
	}
	if p.socket, err = p.browser.Dial(ctx, a.path, a.options, within); err != nil {
		return err
	}
	if got := p.socket.Subprotocol(); a.subprotocol != nil && *a.subprotocol != got {
		return &peer.Failure{Wanted: fmt.Sprintf("subprotocol %q", *a.subprotocol), Came: fmt.Sprintf("subprotocol %q", got)}
	}
	return nil
}

type get struct {
	request
	status int
	body   peer.Want // nil is any
}

func (a get) do(ctx context.Context, s *stage, who string, within time.Duration) error {
	p, err := a.prepare(s, who)
	if err != nil {
		return err
	}
	answer, err := p.browser.Get(ctx, a.path, a.options, within)
	if err != nil {
		return err
	}
	if answer.Status != a.status {
		return &peer.Failure{Wanted: fmt.Sprintf("status %d", a.status), Came: fmt.Sprintf("status %d", answer.Status)}
	}
	if a.body == nil {
		return nil
	}
	return peer.Check(a.body, parley.Message{Kind: parley.Text, Data: []byte(answer.Body)})
}

type send struct{ message parley.Message }

func (a send) do(ctx context.Context, s *stage, who string, within time.Duration) error {
	return s.player(who).socket.Send(ctx, a.message, within)
}

type expect struct{ want peer.Want }

func (a expect) do(ctx context.Context, s *stage, who string, within time.Duration) error {
	return s.player(who).socket.Expect(ctx, a.want, within)
}

type silence struct{ lasts time.Duration }

func (a silence) do(ctx context.Context, s *stage, who string, within time.Duration) error {
	return s.player(who).socket.ExpectSilence(ctx, a.lasts, within)
}

type closing struct {
	code   parley.CloseCode
	reason string
}

func (a closing) do(_ context.Context, s *stage, who string, _ time.Duration) error {
	return s.player(who).socket.Close(a.code, a.reason)
}

type closed struct {
	code   parley.CloseCode // 0 is any
	reason *string          // nil is any
}

func (a closed) do(ctx context.Context, s *stage, who string, within time.Duration) error {
	return s.player(who).socket.ExpectClose(ctx, a.code, a.reason, within)
}
