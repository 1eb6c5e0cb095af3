package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/control"
	"parley.example/parley/server"
)

// who is an app that tells each socket which user it has.
func who(t *testing.T) (*server.App, *record) {
	app, l := newApp(t, "")
	app.WebSocket("/who", server.WebSocket{
		Message: func(_ context.Context, c parley.Conn, _ parley.Message) error {
			return c.Send(parley.TextMessage(fmt.Sprintf("%q", c.User().ID())))
		},
	})
	return app, l
}

// login returns what to dial with, for a new session of a user, and its cookie's
// value.
func login(t *testing.T, app *server.App, user string) (*websocket.DialOptions, string) {
	t.Helper()
	cookie, err := app.NewSession(map[string]any{"user": map[string]any{"id": user}})
	if err != nil {
		t.Fatal(err)
	}
	return &websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}}}, cookie.Value
}

func (p *peer) is(user string) {
	p.t.Helper()
	p.send("who?")
	p.expect(fmt.Sprintf("%q", user))
}

func TestRevoke(t *testing.T) {
	app, l := who(t)
	url, _ := serve(t, app, asIs)
	bob, _ := login(t, app, "bob")
	carol, carolsCookie := login(t, app, "carol")
	alice, _ := login(t, app, "alice")
	elsewhere, _ := login(t, app, "alice")
	stays := dial(t, url+"/who", bob)
	stays.is("bob")
	var gone []*peer
	for _, opt := range []*websocket.DialOptions{alice, alice, carol} {
		p := dial(t, url+"/who", opt)
		gone = append(gone, p)
	}
	gone[1].is("alice")
	gone[2].is("carol")

	n, err := app.RevokeUser(t.Context(), "alice")
	if n != 2 || err != nil {
		t.Errorf("RevokeUser = %d, %v, want 2: of one nobody has a socket", n, err)
	}
	carolsID, _, _ := strings.Cut(carolsCookie, ".")
	for range 2 { // the second time there is no such session
		if err := app.RevokeSession(t.Context(), carolsID); err != nil {
			t.Errorf("RevokeSession: %v", err)
		}
	}
	if err := app.RevokeSession(t.Context(), "what is no id"); err != nil {
		t.Errorf("RevokeSession of what is no id: %v", err)
	}
	for _, p := range gone {
		p.closed(4401)
	}
	for _, opt := range []*websocket.DialOptions{alice, elsewhere, carol} {
		dial(t, url+"/who", opt).is("")
	}
	stays.is("bob")
	for _, want := range []string{
		`msg="sessions revoked" sessions=2 user=alice`, `msg="sessions revoked" sessions=1 session=` + carolsID,
	} {
		if strings.Count(l.String(), want) != 1 {
			t.Errorf("the log has not, once, %s:\n%s", want, l)
		}
	}
}

func TestRevokeWhileTheAppDoesNotRun(t *testing.T) {
	app, _ := who(t)
	if err := app.RevokeSession(t.Context(), "x"); !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("RevokeSession: %v, want ErrUnavailable", err)
	}
	if _, err := app.RevokeUser(t.Context(), "x"); !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("RevokeUser: %v, want ErrUnavailable", err)
	}
}

func TestTheControlSocketIsThereWhileItRuns(t *testing.T) {
	app, _ := who(t)
	_, stop := serve(t, app, asIs)
	login(t, app, "alice")
	login(t, app, "bob")
	peers, err := control.Peers(app.DataDir)
	if err != nil || len(peers) != 1 {
		t.Fatalf("peers = %v, %v, want this one", peers, err)
	}
	for _, tc := range []struct {
		which control.Sessions
		want  int
	}{{control.Sessions{User: "alice"}, 1}, {control.Sessions{ID: "alice"}, 0}, {control.Sessions{All: true}, 1}} {
		if n, err := peers[0].Revoke(t.Context(), tc.which); n != tc.want || err != nil {
			t.Errorf("revoking %+v: %d, %v, want %d", tc.which, n, err, tc.want)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if peers, err := control.Peers(app.DataDir); err != nil || len(peers) != 0 {
		t.Errorf("after the stop, peers = %v, %v", peers, err)
	}
}

// A server without a control socket says so, and serves.
func TestWhereTheControlSocketCannotBe(t *testing.T) {
	app, l := who(t)
	app.DataDir = filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	url, _ := serve(t, app, asIs)
	dial(t, url+"/who", nil).is("")
	const want = `level=WARN msg="parley sessions revoke does not reach this server`
	if strings.Count(l.String(), want) != 1 {
		t.Errorf("the log has not, once, %s:\n%s", want, l)
	}
}
