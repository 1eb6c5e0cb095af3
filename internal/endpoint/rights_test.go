package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// dialAs opens a socket with a token.
func (st *stage) dialAs(token string) *peer {
	st.t.Helper()
	return st.dial(websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
}

// dialWith opens a socket with a cookie.
func (st *stage) dialWith(cookie string) *peer {
	st.t.Helper()
	return st.dial(websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {cookie}}})
}

// ends waits for the end of p's connection, which has to come with this code
// and reason.
func (p *peer) ends(code parley.CloseCode, reason string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 24*time.Hour)
	defer cancel()
	_, data, err := p.Read(ctx)
	if err == nil {
		p.t.Fatalf("got %q, want the end", data)
	}
	var end websocket.CloseError
	if !errors.As(err, &end) || parley.CloseCode(end.Code) != code || end.Reason != reason {
		p.t.Errorf("%v, want code %d and reason %q", err, code, reason)
	}
}

const renewal = `{"parley": {"token": %q}}`

// TestASocketEndsWithItsToken, when the grace has passed.
func TestASocketEndsWithItsToken(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tokens: tokens(t, 25*time.Second)})
		began := time.Now()
		p := st.dialAs(tokenOf(t, "alice", "trader", time.Minute))
		p.ends(4401, "token expired")
		if took := time.Since(began); took != 85*time.Second {
			t.Errorf("it ended after %v, want 1m25s", took)
		}
		if n := len(st.log.With("right ended", "token expired")); n != 1 {
			t.Errorf("logged %q", st.log.With(""))
		}
	})
}

// TestATokenIsRenewed by a message, which is none for functions.
func TestATokenIsRenewed(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.play = answersAll
		st.serve(endpoint.Options{
			Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tokens: tokens(t, 0),
			Settings: ws.Settings{PingEvery: time.Hour, StaleAfter: 2 * time.Hour}, // the peer only reads now and then
		})
		began := time.Now()
		p := st.dialAs(tokenOf(t, "alice", "trader", time.Minute))
		for range 3 {
			time.Sleep(50 * time.Second)
			p.send(fmt.Sprintf(renewal, tokenOf(t, "alice", "trader", time.Minute)))
			p.expect(fmt.Sprintf(`{"parley":{"token":"renewed","expires":%d}}`, time.Now().Add(time.Minute).Unix()))
		}
		// One that ends sooner than the last counts, too.
		time.Sleep(10 * time.Second)
		p.send(fmt.Sprintf(renewal, tokenOf(t, "alice", "trader", 5*time.Second)))
		p.expect(fmt.Sprintf(`{"parley":{"token":"renewed","expires":%d}}`, time.Now().Add(5*time.Second).Unix()))
		p.ends(4401, "token expired")
		if took := time.Since(began); took != 165*time.Second {
			t.Errorf("it ended after %v, want 2m45s", took)
		}
		synctest.Wait()
		if heard, want := st.puppet.Stream(t, 0).Heard(), []string{"open", `close 4401 "token expired"`}; !slices.Equal(heard, want) {
			t.Errorf("the stream heard %q, want %q", heard, want)
		}
	})
}

func TestRenewalsThatEndTheSocket(t *testing.T) {
	for _, tc := range []struct {
		name   string
		token  func(t *testing.T) string
		reason string
		logged string
	}{
		{"garbage", func(*testing.T) string { return "garbage" }, "the token is not valid here", "why="},
		{"expired", func(t *testing.T) string { return tokenOf(t, "alice", "trader", -time.Hour) }, "the token is not valid here", "expired"},
		{"another user's", func(t *testing.T) string { return tokenOf(t, "bob", "trader", time.Hour) }, "the token is another user's", "another user's"},
		{"without the role", func(t *testing.T) string { return tokenOf(t, "alice", "guest", time.Hour) }, "by this token, this is not for you", "no member"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tokens: tokens(t, 0)})
				p := st.dialAs(tokenOf(t, "alice", "trader", time.Hour))
				token := tc.token(t)
				p.send(fmt.Sprintf(renewal, token))
				p.ends(4401, tc.reason)
				synctest.Wait()
				if n := len(st.log.With("token not renewed", "user=alice", tc.logged)); n != 1 {
					t.Errorf("logged %q, want one line with %s", st.log.With(""), tc.logged)
				}
				if lines := st.log.With(token); len(lines) > 0 {
					t.Errorf("the token stands in the log: %q", lines)
				}
				if err := st.socket.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestARenewalWaitsForTheIssuer: a socket does not end because the issuer's
// keys cannot be had now.
func TestARenewalWaitsForTheIssuer(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Tokens: tokens(t, 0)})
		p := st.dialAs(tokenOf(t, "alice", "trader", time.Hour))
		p.send(fmt.Sprintf(renewal, unverifiable))
		p.expect(`{"parley":{"token":"unavailable"}}`)
		time.Sleep(time.Second)
		p.send(fmt.Sprintf(renewal, tokenOf(t, "alice", "trader", time.Hour)))
		p.expect(fmt.Sprintf(`{"parley":{"token":"renewed","expires":%d}}`, time.Now().Add(time.Hour).Unix()))
	})
}

// TestOneTokenASecond: signatures are dear.
func TestOneTokenASecond(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Tokens: tokens(t, 0)})
		p := st.dialAs(tokenOf(t, "alice", "trader", time.Hour))
		again := fmt.Sprintf(renewal, tokenOf(t, "alice", "trader", time.Hour))
		p.send(again)
		_, _, err := p.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(999 * time.Millisecond)
		p.send(again)
		p.ends(parley.ClosePolicy, "one token a second")
	})
}

// TestWhatIsNoRenewal is a message like any.
func TestWhatIsNoRenewal(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.play = answersAll
		st.serve(endpoint.Options{Tokens: tokens(t, 0)})
		p := st.dialAs(tokenOf(t, "alice", "trader", time.Hour))
		want := []string{"open"}
		for _, text := range []string{
			`{"parley":`, `{"parley":{}}`, `{"parley":{"token":1}}`, `{"parley":{"token":"x","more":"y"}}`,
			`{"parley":{"token":"x"},"more":{}}`, `{"more":{},"parley":{"token":"x"}}`, `{"parley":{"Token":"x"}}`, `"x"`, `[]`,
		} {
			p.send(text)
			want = append(want, fmt.Sprintf("text %q", text))
		}
		if err := p.Write(t.Context(), websocket.MessageBinary, []byte(`{"parley":{"token":"x"}}`)); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("binary %q", `{"parley":{"token":"x"}}`))
		synctest.Wait()
		if heard := st.puppet.Stream(t, 0).Heard(); !slices.Equal(heard, want) {
			t.Errorf("the stream heard %q, want %q", heard, want)
		}

		// Nor is anything where no token has opened the socket.
		cookie, _ := st.logIn(user("alice", "trader"), session.Terms{})
		p = st.dialWith(cookie)
		p.send(`{"parley":{"token":"x"}}`)
		synctest.Wait()
		if heard := st.puppet.Stream(t, 1).Heard(); len(heard) != 2 {
			t.Errorf("without a token, the stream heard %q", heard)
		}
	})
}

// TestASocketEndsWithTheLogin, at the time that its terms say.
func TestASocketEndsWithTheLogin(t *testing.T) {
	for _, tc := range []struct {
		name  string
		terms session.Terms
		speak time.Duration // every; 0 for never
		ends  time.Duration
	}{
		{"expiry", session.Terms{Expiry: time.Hour}, 0, time.Hour},
		{"expiry of somebody active", session.Terms{Expiry: time.Hour}, 10 * time.Minute, time.Hour},
		{"inactive", session.Terms{Inactive: 20 * time.Minute}, 0, 20 * time.Minute},
		{"active for a while", session.Terms{Expiry: time.Hour, Inactive: 20 * time.Minute}, 10 * time.Minute, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.play = answersAll
				st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders})})
				began := time.Now()
				cookie, _ := st.logIn(user("alice", "trader"), tc.terms)
				p := st.dialWith(cookie)
				if tc.speak > 0 {
					go func() {
						for p.Write(t.Context(), websocket.MessageText, []byte("hi")) == nil {
							time.Sleep(tc.speak)
						}
					}()
				}
				p.ends(4401, "session expired")
				if took := time.Since(began); took < tc.ends || took > tc.ends+2*time.Second {
					t.Errorf("it ended after %v, want %v", took, tc.ends)
				}
				resp, _ := st.get("GET", upgrade("Cookie", cookie))
				if resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("the cookie opens another one: %d", resp.StatusCode)
				}
				time.Sleep(tc.speak) // whoever speaks notices
			})
		})
	}
}

// TestALogoutEndsTheSockets of that session, and no other's.
func TestALogoutEndsTheSockets(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders})})
		alice, id := st.logIn(user("alice", "trader"), session.Terms{Expiry: time.Hour})
		bob, _ := st.logIn(user("bob", "trader"), session.Terms{})
		two := []*peer{st.dialWith(alice), st.dialWith(alice)}
		other := st.dialWith(bob)
		if err := st.sessions.Destroy(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for _, p := range two {
			p.ends(4401, "the session has ended")
		}
		if n := len(st.log.With("right ended")); n != 2 {
			t.Errorf("logged %q", st.log.With("right ended"))
		}
		synctest.Wait()
		if heard := st.puppet.Stream(t, 2).Heard(); len(heard) != 1 {
			t.Errorf("bob's stream heard %q", heard)
		}
		resp, _ := st.get("GET", upgrade("Cookie", alice))
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("after the logout, the cookie opens another one: %d", resp.StatusCode)
		}
		other.drop()
	})
}

// blind is a runtime whose functions cannot look at the session.
type blind struct{ *puppet }

func (blind) Traits(call.Hooks) call.Traits { return call.Traits{NoSession: true} }

// TestALogoutEndsSocketsThatDoNotLook at the session, on an endpoint for
// everybody; those of nobody hold no session.
func TestALogoutEndsSocketsThatDoNotLook(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.program.Runtime = blind{st.puppet}
		st.serve(endpoint.Options{})
		anonymous, err := st.sessions.Open(t.Context(), &http.Request{})
		if err != nil {
			t.Fatal(err)
		}
		nobody := st.cookieOf(anonymous)
		anonymous.Release()
		stays := st.dialWith(nobody)
		if cookie := stays.response.Header.Get("Set-Cookie"); cookie != "" {
			t.Errorf("a cookie that is good is replaced by %s", cookie)
		}
		if live := st.sessions.Stats().Live; live != 0 {
			t.Errorf("%d sessions are held for nobody", live)
		}
		cookie, id := st.logIn(user("alice", "trader"), session.Terms{})
		p := st.dialWith(cookie)
		if err := st.sessions.Destroy(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		p.ends(4401, "the session has ended")
		synctest.Wait()
		if live := st.sessions.Stats().Live; live != 0 {
			t.Errorf("%d sessions are held", live)
		}
		stays.drop()
	})
}

// TestALogoutDuringAHandshake ends the socket that it makes.
func TestALogoutDuringAHandshake(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		cookie, id := st.logIn(user("alice", "trader"), session.Terms{})
		st.selects(func(ctx context.Context, _ call.Info) (call.Value, error) {
			return call.Value{}, st.sessions.Destroy(ctx, id)
		})
		st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders})})
		p := st.dialWith(cookie)
		p.ends(4401, "the session has ended")
	})
}

// TestALoginEndsWhatTheSessionWas: sockets of somebody else who was logged in
// before end; those of nobody stay, and learn nothing of the login.
func TestALoginEndsWhatTheSessionWas(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		anonymous, err := st.sessions.Open(t.Context(), &http.Request{})
		if err != nil {
			t.Fatal(err)
		}
		stays := st.dialWith(st.cookieOf(anonymous))
		alice, err := st.sessions.Login(t.Context(), anonymous, user("alice", "trader"), session.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		anonymous.Release()
		ends := st.dialWith(st.cookieOf(alice))
		bob, err := st.sessions.Login(t.Context(), alice, user("bob", "trader"), session.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		alice.Release()
		bob.Release()
		ends.ends(4401, "the session has ended")
		synctest.Wait()
		if s := st.puppet.Stream(t, 0); len(s.Heard()) != 1 || len(s.info.Session.Values()) > 0 {
			t.Errorf("the socket of before heard %q, and sees %s", s.Heard(), s.info.Session.Values())
		}
		stays.drop()
	})
}
